/**
 * What a replica asks of the network. Two implementations: `TlsPeerTransport`, the real one, and `MemoryPeerTransport`
 * for tests and simulations. The network may lose, delay and reorder whatever `send` takes: Raft is built for that, so
 * no implementation queues what does not fit, and none retries.
 */
import type { Readable, Writable } from "node:stream";
import type { NodeId } from "@strongroom/raft";
import { StrongroomError } from "@strongroom/runtime";
import type { PeerMessage } from "./message.ts";

/** A node of the cluster and where its cluster port is: `host:port`, an IPv6 host in brackets. */
export interface Peer {
  readonly id: NodeId;
  readonly address: string;
}

/** A node that is known by its address only, and by the cluster CA that it must prove to belong to. */
export interface PinnedAddress {
  readonly address: string;
  /** SHA-256 of the CA certificate's DER, in lower-case hex. */
  readonly caFingerprint: string;
}

/** Who called, as its connection proved it. */
export interface Caller {
  /** The member whose certificate the connection was opened with; absent for a node that has none yet. */
  readonly nodeId?: NodeId;
  /** The address that the connection came from, without the port. */
  readonly remoteAddress: string;
}

export type ControlHandler = (payload: Uint8Array, caller: Caller) => Promise<Uint8Array>;

export interface CallOptions {
  readonly timeoutMs: number;
}

/**
 * The only method that is open without a client certificate. Its payload and its answer are the encoded `JoinRequest`
 * and `JoinResponse` of `strongroom/cluster/v1/control.proto`.
 */
export const JOIN_METHOD = "join";

/** What arrives. Called one at a time, in the order of arrival on each connection, never from within `send`. */
export interface PeerTransportEvents {
  /**
   * Messages that `from` sent, in its order but for urgent ones, which may overtake appends.
   * `senderWallMs` is the sender's wall clock when it wrote the frame: to be compared, never to be trusted.
   */
  onMessages(from: NodeId, senderWallMs: number, messages: readonly PeerMessage[]): void;
  /** The connection on which this node sends to `id` is open, and `id` has answered on it. */
  onPeerUp(id: NodeId): void;
  /** That connection is gone; it is tried again until `setPeers` drops the peer. */
  onPeerDown(id: NodeId): void;
  /**
   * A stream of snapshot bytes from `from`, on a connection of its own. The receiver reads it to its end or destroys it.
   * The end says only that the sender closed: whether all is there, the snapshot's own trailer tells.
   */
  onSnapshotStream(from: NodeId, stream: Readable): void;
}

export interface PeerTransport {
  /** Says who hears what arrives. Once, before the transport is connected to anything. */
  listen(events: PeerTransportEvents): void;

  /** Replaces the set of peers: connections to new ones are opened, those to others closed. This node itself is ignored. */
  setPeers(peers: readonly Peer[]): void;

  /** Replaces the set of removed ids: their connections are closed now, and refused from now on. */
  setRemoved(ids: readonly NodeId[]): void;

  /**
   * Hands `messages` to the stream to `to`, corked until the turn ends. False when at least one was dropped, because there
   * is no connection or it is full: the caller reports the peer unreachable to the core, which sends again. Of what does
   * not fit, the newest heartbeat, vote and answer of each type are kept and sent first; appends and proposals never are.
   * The transport keeps the messages until they are written, so their bytes must not change. `from` and `to` of raft messages must be this node and `to`.
   */
  send(to: NodeId, messages: readonly PeerMessage[]): boolean;

  /** Closes all connections from and to `id`, as after a bad MAC. The one to it is opened again after a pause. */
  disconnect(id: NodeId): void;

  /**
   * Calls a method of another node. Throws `PeerCallError`. A member is called over mutual TLS and must prove its id; a
   * pinned address is called without a certificate, so only `JOIN_METHOD` is open there.
   */
  call(to: NodeId | PinnedAddress, method: string, payload: Uint8Array, options: CallOptions): Promise<Uint8Array>;

  /** Answers calls of `method` from now on; a second handler replaces the first. */
  serve(method: string, handler: ControlHandler): void;

  /**
   * A connection of its own to `to`, for a snapshot's bytes. Errors (no such peer, refused, broken, stalled) come as the
   * stream's `error`; `finish` comes when all was sent and the receiver has closed: whether it took it, its answers tell.
   */
  openSnapshotStream(to: NodeId): Writable;

  /** Closes all connections and the listener. Nothing is reported any more. Idempotent. */
  close(): Promise<void>;
}

/**
 * A call to another node that gave no answer. `peer_unavailable`: it could not be reached, or the deadline passed (the
 * call may have been run); `peer_refused`: it answered with an error, whose own code is `remoteCode`.
 */
export class PeerCallError extends StrongroomError {
  readonly code: "peer_unavailable" | "peer_refused";
  readonly remoteCode: string | undefined;

  constructor(
    code: "peer_unavailable" | "peer_refused",
    message: string,
    options: { readonly remoteCode?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.code = code;
    this.remoteCode = options.remoteCode;
  }
}
