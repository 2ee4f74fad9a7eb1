/**
 * The connection on which this node sends to one peer. It is dialled, greeted on, watched and dialled again, with pauses
 * that grow from 50 ms to 1 s, until `close`. Nothing comes back on it but signs of life: each ping must be answered, so
 * that a cut cable is noticed in seconds, not when TCP gives up.
 */
import { connect, type TLSSocket } from "node:tls";
import type { NodeId } from "@strongroom/raft";
import type { Cancel, Clock, Logger, Random, Timers } from "@strongroom/runtime";
import { asError } from "@strongroom/runtime";
import { type HostPort, parseHostPort } from "./address.ts";
import { encodeHello, FRAME_VERSION, FrameError, FrameReader } from "./frame.ts";
import type { PeerMessage } from "./message.ts";
import { Outbox, type OutboxLimits } from "./outbox.ts";
import type { PeerLookup } from "./peer-lookup.ts";
import { ALPN, clientTlsOptions, peerNodeId, type TlsIdentity } from "./tls-identity.ts";
import type { Peer } from "./transport.ts";

export interface PeerLinkTiming {
  readonly handshakeTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** With so many pings unanswered the connection is given up. Counted, so that a pause of this node alone breaks nothing. */
  readonly missedPongs: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
}

export interface PeerLinkContext {
  readonly identity: TlsIdentity;
  readonly lookup: PeerLookup;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly timing: PeerLinkTiming;
  readonly limits: OutboxLimits;
  readonly onUp: (id: NodeId) => void;
  readonly onDown: (id: NodeId) => void;
}

export class PeerLink {
  readonly peer: Peer;
  readonly #context: PeerLinkContext;
  #socket: TLSSocket | undefined;
  #outbox: Outbox | undefined;
  #backoffMs: number;
  #cancelTimer: Cancel = () => {};
  #unansweredPings = 0;
  #isUp = false;
  #closed = false;
  #lastFailure = "";

  constructor(peer: Peer, context: PeerLinkContext) {
    this.peer = peer;
    this.#context = context;
    this.#backoffMs = context.timing.minBackoffMs;
    this.#dial();
  }

  /** False when a message was dropped, as all are while there is no connection. */
  send(messages: readonly PeerMessage[]): boolean {
    return this.#outbox?.offer(messages) ?? messages.length === 0;
  }

  /** Breaks the connection; it is dialled again after a pause. */
  disconnect(reason: string): void {
    this.#socket?.destroy(new FrameError(reason));
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#outbox?.close();
    this.#socket?.destroy();
  }

  #dial(): void {
    const { identity, lookup, timers, timing } = this.#context;
    const endpoint = this.#endpoint();
    if (endpoint === undefined) return;
    const socket = connect({ ...clientTlsOptions(identity, ALPN.peer), ...endpoint, lookup: lookup.forSocket });
    this.#socket = socket;
    this.#cancelTimer = timers.after(timing.handshakeTimeoutMs, () =>
      socket.destroy(new FrameError("the handshake took too long")),
    );
    socket.setNoDelay(true);
    socket.once("secureConnect", () => this.#opened(socket));
    socket.on("error", (error) => this.#failed(asError(error)));
    socket.once("close", () => this.#ended(socket));
  }

  /** Undefined, with a line in the log, when the address is none: a later `setPeers` brings a better one. */
  #endpoint(): HostPort | undefined {
    try {
      return parseHostPort(this.peer.address);
    } catch (error) {
      this.#failed(asError(error));
      return undefined;
    }
  }

  #opened(socket: TLSSocket): void {
    const { identity, clock, timers, timing, limits } = this.#context;
    this.#cancelTimer();
    try {
      const nodeId = peerNodeId(socket, identity);
      if (nodeId !== this.peer.id)
        throw new FrameError(`node ${String(nodeId)} answers at the address of node ${this.peer.id}`);
      if (socket.alpnProtocol !== ALPN.peer) throw new FrameError("the other side does not speak the peer protocol");
    } catch (error) {
      socket.destroy(asError(error));
      return;
    }
    const route = { from: identity.nodeId, to: this.peer.id };
    const outbox = new Outbox({ sink: socket, route, wallMs: () => clock.wallMs(), limits });
    this.#outbox = outbox;
    this.#unansweredPings = 0;
    const reader = new FrameReader(({ kind }) => {
      if (kind !== "pong") throw new FrameError(`a frame of kind "${kind}" on a connection for sending`);
      this.#unansweredPings = 0;
      // Only a peer that answers has taken the connection: in TLS 1.3 one that refuses us closes it after the handshake.
      this.#backoffMs = timing.minBackoffMs;
      this.#lastFailure = "";
      if (!this.#isUp) {
        this.#isUp = true;
        this.#context.onUp(this.peer.id);
      }
    });
    socket.on("data", (chunk: Uint8Array) => {
      try {
        reader.push(chunk);
      } catch (error) {
        socket.destroy(asError(error));
      }
    });
    socket.on("drain", () => outbox.drained());
    const { clusterId } = identity;
    outbox.writeControl("hello", encodeHello({ clusterId, ...route, newestVersion: FRAME_VERSION }));
    outbox.writeControl("ping", new Uint8Array(0));
    this.#cancelTimer = timers.every(timing.pingIntervalMs, () => this.#ping(socket, outbox));
  }

  #ping(socket: TLSSocket, outbox: Outbox): void {
    if (this.#unansweredPings++ >= this.#context.timing.missedPongs)
      socket.destroy(new FrameError("the peer stopped answering"));
    else outbox.writeControl("ping", new Uint8Array(0));
  }

  /** One line for each new reason, not one for each try. */
  #failed(error: Error): void {
    if (error.message === this.#lastFailure || this.#closed) return;
    this.#lastFailure = error.message;
    this.#context.logger.warn("no connection to a peer", {
      peer: this.peer.id,
      address: this.peer.address,
      reason: error.message,
    });
  }

  #ended(socket: TLSSocket): void {
    if (this.#socket !== socket) return;
    const { timers, timing, random } = this.#context;
    this.#cancelTimer();
    const wasUp = this.#isUp;
    if (this.#outbox !== undefined && !wasUp)
      this.#failed(new FrameError("the peer closed the connection at once; was this node removed from the cluster?"));
    this.#isUp = false;
    this.#outbox?.close();
    this.#outbox = undefined;
    this.#socket = undefined;
    if (this.#closed) return;
    const pauseMs = this.#backoffMs / 2 + random.below(Math.ceil(this.#backoffMs / 2) + 1);
    this.#backoffMs = Math.min(this.#backoffMs * 2, timing.maxBackoffMs);
    this.#cancelTimer = timers.after(pauseMs, () => this.#dial());
    if (wasUp) this.#context.onDown(this.peer.id);
  }
}
