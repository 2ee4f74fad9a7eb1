/**
 * The peer transport of production: TLS 1.3 on one port for the streams of messages, for snapshots and for calls. Each
 * side dials the connection that it sends on, so a stream has one direction and one owner, and a half-open connection is
 * its sender's to notice.
 */
import type { Writable } from "node:stream";
import type { NodeId } from "@strongroom/raft";
import type { Clock, Logger, Random, Timers } from "@strongroom/runtime";
import { assert } from "@strongroom/runtime";
import type { NodeIdentity } from "../membership/identity.ts";
import type { HostPort } from "./address.ts";
import { ControlClient, callPinned } from "./control-client.ts";
import { ControlServer } from "./control-server.ts";
import { readInboundPeer } from "./inbound-peer.ts";
import { type Accepted, ClusterListener, DEFAULT_LISTENER_LIMITS, type ListenerLimits } from "./listener.ts";
import type { PeerMessage } from "./message.ts";
import { DEFAULT_OUTBOX_LIMITS, type OutboxLimits } from "./outbox.ts";
import { PeerLink, type PeerLinkTiming } from "./peer-link.ts";
import { PeerLookup } from "./peer-lookup.ts";
import { acceptSnapshotStream, openSnapshotStream } from "./snapshot-stream.ts";
import { ALPN, remoteAddressOf, type TlsIdentity, tlsIdentity } from "./tls-identity.ts";
import {
  type CallOptions,
  type ControlHandler,
  type Peer,
  PeerCallError,
  type PeerTransport,
  type PeerTransportEvents,
  type PinnedAddress,
} from "./transport.ts";

export interface TlsPeerTransportOptions {
  /** Where to listen; port 0 takes a free one. */
  readonly listen: HostPort;
  readonly timing?: Partial<PeerLinkTiming>;
  readonly limits?: Partial<ListenerLimits & OutboxLimits>;
}

export interface TlsPeerTransportDependencies {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

const TIMING: PeerLinkTiming = {
  handshakeTimeoutMs: 5000,
  pingIntervalMs: 1000,
  missedPongs: 4,
  minBackoffMs: 50,
  maxBackoffMs: 1000,
};

const SNAPSHOT_STALL_MS = 30_000;

/** What exists once the node is a member: before, it has no certificate to show. */
interface Running {
  readonly identity: TlsIdentity;
  readonly listener: ClusterListener;
  readonly control: ControlClient;
}

export class TlsPeerTransport implements PeerTransport {
  readonly #listen: HostPort;
  readonly #timing: PeerLinkTiming;
  readonly #limits: ListenerLimits & OutboxLimits;
  readonly #dependencies: TlsPeerTransportDependencies;
  readonly #lookup = new PeerLookup();
  readonly #controlServer: ControlServer;
  readonly #links = new Map<NodeId, PeerLink>();
  #peers: readonly Peer[] = [];
  #removed: readonly NodeId[] = [];
  #events: PeerTransportEvents | undefined;
  #running: Running | undefined;
  #closed = false;

  constructor(options: TlsPeerTransportOptions, dependencies: TlsPeerTransportDependencies) {
    this.#listen = options.listen;
    this.#timing = { ...TIMING, ...options.timing };
    this.#limits = { ...DEFAULT_LISTENER_LIMITS, ...DEFAULT_OUTBOX_LIMITS, ...options.limits };
    this.#dependencies = dependencies;
    this.#controlServer = new ControlServer(dependencies.logger);
  }

  listen(events: PeerTransportEvents): void {
    assert(this.#events === undefined, "a transport has one listener");
    this.#events = events;
  }

  /**
   * Opens the port and dials the peers. `identity` has become a member before: at init, by joining, or in an earlier life.
   * Until then nothing is sent, and calls reach pinned addresses only. Rejects when the port cannot be opened.
   */
  async start(identity: NodeIdentity): Promise<void> {
    assert(this.#running === undefined && !this.#closed, "a transport starts once");
    const tls = tlsIdentity(identity);
    const { clock, timers, logger } = this.#dependencies;
    const listener = await ClusterListener.open(this.#listen, {
      identity: tls,
      timers,
      logger,
      limits: this.#limits,
      onConnection: (accepted) => this.#accepted(tls, accepted),
    });
    if (this.#closed) {
      await listener.close();
      return;
    }
    const control = new ControlClient(tls, { clock, timers, lookup: this.#lookup });
    this.#running = { identity: tls, listener, control };
    listener.setRemoved(this.#removed);
    this.setPeers(this.#peers);
  }

  /** `host:port` on which it listens; only after `start`. */
  get address(): string {
    assert(this.#running !== undefined, "a transport that was not started has no address");
    return this.#running.listener.address;
  }

  setPeers(peers: readonly Peer[]): void {
    this.#peers = peers;
    const { identity, control } = this.#running ?? {};
    if (identity === undefined || control === undefined || this.#closed) return;
    const wanted = new Map<NodeId, Peer>();
    for (const peer of peers)
      if (peer.id !== identity.nodeId && !this.#removed.includes(peer.id)) wanted.set(peer.id, peer);
    for (const [id, link] of this.#links)
      if (wanted.get(id)?.address !== link.peer.address) {
        this.#closeLink(link);
        control.forget(id);
      }
    for (const [id, peer] of wanted) if (!this.#links.has(id)) this.#links.set(id, this.#dial(identity, peer));
  }

  setRemoved(ids: readonly NodeId[]): void {
    this.#removed = [...ids];
    this.#running?.listener.setRemoved(ids);
    this.setPeers(this.#peers);
  }

  send(to: NodeId, messages: readonly PeerMessage[]): boolean {
    return this.#links.get(to)?.send(messages) ?? messages.length === 0;
  }

  disconnect(id: NodeId): void {
    this.#links.get(id)?.disconnect("closed by this node");
    this.#running?.control.forget(id);
    this.#running?.listener.disconnect(id);
  }

  async call(
    to: NodeId | PinnedAddress,
    method: string,
    payload: Uint8Array,
    options: CallOptions,
  ): Promise<Uint8Array> {
    const { clock, timers } = this.#dependencies;
    if (typeof to === "object")
      return callPinned(to, method, payload, options, { clock, timers, lookup: this.#lookup });
    const running = this.#running;
    if (running === undefined) throw new PeerCallError("peer_unavailable", "this node is not part of a cluster yet");
    if (to === running.identity.nodeId)
      return this.#controlServer.run(method, payload, { nodeId: to, remoteAddress: "127.0.0.1" });
    const peer = this.#links.get(to)?.peer;
    if (peer === undefined) throw new PeerCallError("peer_unavailable", `node ${to} is not among this node's peers`);
    return running.control.call(peer, method, payload, options);
  }

  serve(method: string, handler: ControlHandler): void {
    this.#controlServer.serve(method, handler);
  }

  openSnapshotStream(to: NodeId): Writable {
    const { clock, timers } = this.#dependencies;
    const identity = this.#running?.identity;
    assert(identity !== undefined, "a transport that was not started has no peers");
    const { handshakeTimeoutMs } = this.#timing;
    return openSnapshotStream(this.#links.get(to)?.peer, {
      identity,
      lookup: this.#lookup,
      clock,
      timers,
      handshakeTimeoutMs,
      stallMs: SNAPSHOT_STALL_MS,
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#running?.control.close();
    await this.#running?.listener.close();
  }

  #dial(identity: TlsIdentity, peer: Peer): PeerLink {
    return new PeerLink(peer, {
      ...this.#dependencies,
      identity,
      lookup: this.#lookup,
      timing: this.#timing,
      limits: this.#limits,
      onUp: (id) => this.#events?.onPeerUp(id),
      onDown: (id) => this.#events?.onPeerDown(id),
    });
  }

  #closeLink(link: PeerLink): void {
    this.#links.delete(link.peer.id);
    link.close();
  }

  #accepted(identity: TlsIdentity, { socket, nodeId, protocol }: Accepted): void {
    const { timers, clock, logger } = this.#dependencies;
    if (nodeId === undefined || protocol === ALPN.control) {
      const remoteAddress = remoteAddressOf(socket);
      this.#controlServer.attach(socket, nodeId === undefined ? { remoteAddress } : { nodeId, remoteAddress });
      return;
    }
    const { handshakeTimeoutMs, pingIntervalMs, missedPongs } = this.#timing;
    if (protocol === ALPN.snapshot) {
      acceptSnapshotStream(socket, nodeId, { identity, timers, handshakeTimeoutMs }, (stream) => {
        if (!this.#closed) this.#events?.onSnapshotStream(nodeId, stream);
      });
      return;
    }
    readInboundPeer(socket, nodeId, {
      identity,
      clock,
      timers,
      logger,
      // Twice as patient as the sender, who is the one to dial again.
      silenceMs: 2 * pingIntervalMs * missedPongs,
      onMessages: (from, senderWallMs, messages) => {
        if (!this.#closed) this.#events?.onMessages(from, senderWallMs, messages);
      },
    });
  }
}
