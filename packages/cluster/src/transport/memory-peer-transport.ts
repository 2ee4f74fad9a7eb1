/**
 * A network within one process: for tests, for simulations on virtual time, and for a development server of one node. All
 * messages pass through the real codec, so that nodes share no bytes and nothing travels that could not. Links can be
 * slow, lossy and cut, by the hand of a test or by a seed.
 */
import { PassThrough, type Writable } from "node:stream";
import type { NodeId } from "@strongroom/raft";
import type { Clock, Random, Timers } from "@strongroom/runtime";
import { asError, assert, ByteReader, ByteWriter, StrongroomError } from "@strongroom/runtime";
import { decodeMessage, encodeMessage } from "./codec.ts";
import { ControlError } from "./control-server.ts";
import type { PeerMessage } from "./message.ts";
import {
  type CallOptions,
  type ControlHandler,
  type Peer,
  PeerCallError,
  type PeerTransport,
  type PeerTransportEvents,
  type PinnedAddress,
} from "./transport.ts";

export interface MemoryNetworkOptions {
  /** A batch takes a random time in between; 0 for both delivers when this turn's input has been read. */
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
  /** Of a hundred messages, how many are lost. */
  readonly lossPercent?: number;
}

export interface MemoryNetworkDependencies {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** The wires between all nodes of a process. Each direction of each link keeps its order, as a TCP connection does. */
export class MemoryNetwork {
  readonly #dependencies: MemoryNetworkDependencies;
  #options: Required<MemoryNetworkOptions>;
  readonly #nodes = new Map<NodeId, MemoryPeerTransport>();
  readonly #cuts = new Set<string>();
  /** When the last batch of a direction arrives. */
  readonly #arrivals = new Map<string, number>();

  constructor(options: MemoryNetworkOptions, dependencies: MemoryNetworkDependencies) {
    this.#dependencies = dependencies;
    this.#options = { minDelayMs: 0, maxDelayMs: 0, lossPercent: 0, ...options };
  }

  /** Plugs a node in. Its address is `memory:<id>`. A node that was closed may be plugged in again. */
  connect(id: NodeId): PeerTransport {
    assert(!this.#nodes.has(id), "a node is plugged in once");
    const transport = new MemoryPeerTransport(id, this);
    this.#nodes.set(id, transport);
    return transport;
  }

  /** Changes delays and losses of what is sent from now on. */
  configure(options: MemoryNetworkOptions): void {
    this.#options = { ...this.#options, ...options };
  }

  /** Loses all that `from` sends to `to`, in this direction only. What is on its way arrives. */
  cut(from: NodeId, to: NodeId): void {
    if (this.#cuts.has(direction(from, to))) return;
    this.#cuts.add(direction(from, to));
    this.#nodes.get(from)?.linkChanged(to, false);
  }

  /** Lets nodes reach each other only within their group. A node in no group is alone. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    this.heal();
    const groupOf = new Map(groups.flatMap((group, at) => group.map((id) => [id, at] as const)));
    for (const from of this.#nodes.keys())
      for (const to of this.#nodes.keys())
        if (from !== to && (!groupOf.has(from) || groupOf.get(from) !== groupOf.get(to))) this.cut(from, to);
  }

  /** Mends all cuts. */
  heal(): void {
    const cuts = [...this.#cuts];
    this.#cuts.clear();
    for (const cut of cuts) {
      const [from = 0, to = 0] = cut.split(">").map(Number);
      if (this.#nodes.has(to as NodeId)) this.#nodes.get(from as NodeId)?.linkChanged(to as NodeId, true);
    }
  }

  /** The node `to`, if `from` can reach it. */
  reach(from: NodeId, to: NodeId): MemoryPeerTransport | undefined {
    return this.#cuts.has(direction(from, to)) ? undefined : this.#nodes.get(to);
  }

  unplug(id: NodeId): void {
    this.#nodes.delete(id);
    for (const other of this.#nodes.values()) other.linkChanged(id, false);
  }

  plugged(id: NodeId): void {
    for (const other of this.#nodes.values())
      if (other.id !== id && this.reach(other.id, id) !== undefined) other.linkChanged(id, true);
  }

  /** Runs `callback` once this turn's input has been read. */
  later(callback: () => void): void {
    this.#dependencies.timers.immediate(callback);
  }

  deliver(from: NodeId, to: NodeId, messages: readonly PeerMessage[]): void {
    const { clock, timers, random } = this.#dependencies;
    const { minDelayMs, maxDelayMs, lossPercent } = this.#options;
    const kept = messages.filter(() => lossPercent === 0 || random.below(10_000) >= lossPercent * 100);
    if (kept.length === 0) return;
    const route = { from, to };
    const writer = new ByteWriter();
    for (const message of kept) encodeMessage(writer, message, route);
    const bytes = writer.finish();
    const sentMs = clock.wallMs();
    const arrive = () => this.#nodes.get(to)?.receive(from, sentMs, decodeAll(bytes, route));
    if (maxDelayMs === 0) {
      timers.immediate(arrive);
      return;
    }
    const nowMs = clock.monotonicMs();
    const delayMs = minDelayMs + random.below(Math.max(1, Math.ceil(maxDelayMs - minDelayMs)));
    const arrivalMs = Math.max(nowMs + delayMs, this.#arrivals.get(direction(from, to)) ?? 0);
    this.#arrivals.set(direction(from, to), arrivalMs);
    timers.after(arrivalMs - nowMs, arrive);
  }
}

function direction(from: NodeId, to: NodeId): string {
  return `${from}>${to}`;
}

function decodeAll(bytes: Uint8Array, route: { readonly from: NodeId; readonly to: NodeId }): PeerMessage[] {
  const reader = new ByteReader(bytes);
  const messages: PeerMessage[] = [];
  while (reader.remaining > 0) messages.push(decodeMessage(reader, route));
  return messages;
}

/** One node's plug; made by `MemoryNetwork.connect`. */
class MemoryPeerTransport implements PeerTransport {
  readonly id: NodeId;
  readonly #network: MemoryNetwork;
  readonly #handlers = new Map<string, ControlHandler>();
  #events: PeerTransportEvents | undefined;
  #peers: ReadonlySet<NodeId> = new Set();
  #removed: ReadonlySet<NodeId> = new Set();
  readonly #up = new Set<NodeId>();
  #closed = false;

  constructor(id: NodeId, network: MemoryNetwork) {
    this.id = id;
    this.#network = network;
  }

  listen(events: PeerTransportEvents): void {
    assert(this.#events === undefined, "a transport has one listener");
    this.#events = events;
    this.#network.plugged(this.id);
  }

  setPeers(peers: readonly Peer[]): void {
    this.#peers = new Set(peers.map((peer) => peer.id).filter((id) => id !== this.id));
    for (const id of this.#up) if (!this.#peers.has(id)) this.linkChanged(id, false);
    for (const id of this.#peers) if (this.#network.reach(this.id, id) !== undefined) this.linkChanged(id, true);
  }

  setRemoved(ids: readonly NodeId[]): void {
    this.#removed = new Set(ids);
    for (const id of ids) this.linkChanged(id, false);
  }

  send(to: NodeId, messages: readonly PeerMessage[]): boolean {
    if (this.#peer(to) === undefined) return messages.length === 0;
    this.#network.deliver(this.id, to, messages);
    return true;
  }

  disconnect(id: NodeId): void {
    this.linkChanged(id, false);
    if (this.#peer(id) !== undefined) this.linkChanged(id, true);
  }

  async call(
    to: NodeId | PinnedAddress,
    method: string,
    payload: Uint8Array,
    _options: CallOptions,
  ): Promise<Uint8Array> {
    assert(typeof to !== "object", "there are no addresses to be pinned within a process");
    const target = to === this.id ? this : this.#peer(to);
    if (target === undefined) throw new PeerCallError("peer_unavailable", `node ${to} cannot be reached`);
    return target.answer(this.id, method, payload.slice());
  }

  serve(method: string, handler: ControlHandler): void {
    this.#handlers.set(method, handler);
  }

  openSnapshotStream(to: NodeId): Writable {
    const stream = new PassThrough();
    const target = this.#peer(to);
    this.#network.later(() => {
      if (target === undefined || !target.accepts(this.id))
        stream.destroy(new PeerCallError("peer_unavailable", `node ${to} cannot be reached`));
      else target.#events?.onSnapshotStream(this.id, stream);
    });
    return stream;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#network.unplug(this.id);
  }

  /** Called by the network: whether this node can now send to `id`. */
  linkChanged(id: NodeId, isUp: boolean): void {
    if (isUp === this.#up.has(id) || (isUp && (!this.#peers.has(id) || this.#removed.has(id)))) return;
    if (isUp) this.#up.add(id);
    else this.#up.delete(id);
    this.#network.later(() => {
      if (this.#closed) return;
      if (isUp) this.#events?.onPeerUp(id);
      else this.#events?.onPeerDown(id);
    });
  }

  /** Called by the network. */
  receive(from: NodeId, senderWallMs: number, messages: readonly PeerMessage[]): void {
    if (this.accepts(from)) this.#events?.onMessages(from, senderWallMs, messages);
  }

  accepts(from: NodeId): boolean {
    return !this.#closed && !this.#removed.has(from);
  }

  async answer(caller: NodeId, method: string, payload: Uint8Array): Promise<Uint8Array> {
    if (!this.accepts(caller)) throw new PeerCallError("peer_unavailable", `node ${this.id} refuses connections`);
    const handler = this.#handlers.get(method);
    try {
      if (handler === undefined) throw new ControlError("unknown_method", `this node does not serve "${method}"`);
      return (await handler(payload, { nodeId: caller, remoteAddress: "127.0.0.1" })).slice();
    } catch (error) {
      throw refusal(error);
    }
  }

  #peer(id: NodeId): MemoryPeerTransport | undefined {
    return this.#closed || !this.#up.has(id) ? undefined : this.#network.reach(this.id, id);
  }
}

function refusal(thrown: unknown): PeerCallError {
  const cause = asError(thrown);
  const remoteCode = cause instanceof StrongroomError ? cause.code : undefined;
  return new PeerCallError("peer_refused", cause.message, { remoteCode, cause });
}
