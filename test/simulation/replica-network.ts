/**
 * The wires between replicas, as TCP connections are: each direction of each pair keeps its order, a sender knows of a
 * cut only after a while, what was on its way through a cut arrives late or is lost with the connection, and messages of a
 * sender that is too fast are dropped before they leave. All messages pass through the real codec.
 */
import { decodeMessage, encodeMessage, type PeerMessage } from "@strongroom/cluster";
import type { NodeId } from "@strongroom/raft";
import { ByteReader, ByteWriter } from "@strongroom/runtime";
import type { Choices } from "./choices.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** A running process, as the network sees it. */
export interface Plug {
  readonly id: NodeId;
  /** As its last `set-peers` said. */
  readonly peers: ReadonlySet<NodeId>;
  readonly removed: ReadonlySet<NodeId>;
  readonly wallMs: () => number;
  readonly receive: (from: NodeId, senderWallMs: number, messages: readonly PeerMessage[]) => void;
  readonly linkChanged: (to: NodeId, isUp: boolean) => void;
}

export interface ReplicaNetworkParts {
  readonly time: VirtualTime;
  readonly choices: Choices;
  readonly onLost: (kind: string) => void;
}

interface Batch {
  readonly bytes: Uint8Array;
  readonly wallMs: number;
}

interface Link {
  readonly from: NodeId;
  readonly to: NodeId;
  cut: boolean;
  /** As the sender believes. */
  up: boolean;
  /** What belongs to an earlier connection never arrives. */
  connection: number;
  arrivesAt: number;
  /** Sent into a cut that nobody has noticed yet. */
  held: Batch[];
}

const NOTICE_CUT_MS = 1_500;
const RECONNECT_MS = 100;
const MAX_HELD = 100;

export class ReplicaNetwork {
  readonly #parts: ReplicaNetworkParts;
  readonly #plugs = new Map<NodeId, Plug>();
  readonly #links = new Map<number, Link>();
  readonly #room = new Uint8Array(64 * 1024);
  lossPercent = 0;
  maxDelayMs = 0;

  constructor(parts: ReplicaNetworkParts) {
    this.#parts = parts;
  }

  /** A process is there; links come up as it and its peers want them. */
  plug(plug: Plug): void {
    this.#plugs.set(plug.id, plug);
    this.refresh(plug.id);
  }

  /** The process is gone; its peers notice soon. */
  unplug(id: NodeId): void {
    this.#plugs.delete(id);
    for (const link of this.#links.values()) if (link.from === id || link.to === id) this.#drop(link);
  }

  /** The orders of `id`, or who may reach it, have changed. */
  refresh(id: NodeId): void {
    for (const other of this.#plugs.keys()) {
      if (other === id) continue;
      this.#connect(this.#link(id, other));
      this.#connect(this.#link(other, id));
    }
  }

  /** False if `from` knows that it has no connection. */
  send(from: Plug, to: NodeId, messages: readonly PeerMessage[]): boolean {
    const link = this.#link(from.id, to);
    if (!link.up) return false;
    const { choices, onLost } = this.#parts;
    // Written over one buffer, again and again; what travels is a copy.
    const writer = new ByteWriter(this.#room);
    let lost = false;
    let kept = 0;
    for (const message of messages) {
      if (choices.chance(this.lossPercent)) {
        lost = true;
        onLost("message loss");
      } else {
        encodeMessage(writer, message, link);
        kept++;
      }
    }
    if (kept > 0) {
      const batch = { bytes: writer.finish(), wallMs: from.wallMs() };
      if (!link.cut) this.#transmit(link, batch);
      else if (link.held.length < MAX_HELD) link.held.push(batch);
    }
    return !lost;
  }

  /** False if it was cut already. */
  cut(from: NodeId, to: NodeId): boolean {
    const link = this.#link(from, to);
    if (from === to || link.cut) return false;
    link.cut = true;
    const { connection } = link;
    this.#parts.time.after(1 + this.#parts.choices.below(NOTICE_CUT_MS), () => {
      if (link.cut && link.connection === connection) this.#drop(link);
    });
    return true;
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#link(from, to).cut;
  }

  /** Mends one direction: what was held arrives late, or a new connection is made. */
  mend(from: NodeId, to: NodeId): boolean {
    const link = this.#link(from, to);
    if (!link.cut) return false;
    link.cut = false;
    const held = link.held;
    link.held = [];
    for (const batch of held) this.#transmit(link, batch);
    this.#connect(link);
    return true;
  }

  /** False if nothing was cut. */
  heal(): boolean {
    return [...this.#links.values()].filter(({ from, to }) => this.mend(from, to)).length > 0;
  }

  /** The connection breaks and all that is on its way is lost. */
  reset(from: NodeId, to: NodeId): boolean {
    const link = this.#link(from, to);
    if (!link.up) return false;
    this.#drop(link);
    this.#connect(link);
    return true;
  }

  #transmit(link: Link, batch: Batch): void {
    const { time, choices } = this.#parts;
    const delay = (1 + choices.below(this.maxDelayMs * 10)) / 10;
    link.arrivesAt = Math.max(link.arrivesAt, time.now + delay);
    const { connection } = link;
    time.at(link.arrivesAt, () => {
      const plug = this.#plugs.get(link.to);
      if (link.connection !== connection || plug === undefined || plug.removed.has(link.from)) return;
      plug.receive(link.from, batch.wallMs, decodeAll(batch.bytes, link));
    });
  }

  #drop(link: Link): void {
    link.connection++;
    link.held = [];
    if (!link.up) return;
    link.up = false;
    this.#tell(link);
  }

  // Brings the link up after a while, if both ends want it by then.
  #connect(link: Link): void {
    if (link.up ? this.#wanted(link) : !this.#wanted(link)) return;
    if (link.up) {
      this.#drop(link);
      return;
    }
    const { connection } = link;
    this.#parts.time.after((1 + this.#parts.choices.below(RECONNECT_MS * 10)) / 10, () => {
      if (link.connection !== connection || link.up || link.cut || !this.#wanted(link)) return;
      link.up = true;
      this.#tell(link);
    });
  }

  #wanted({ from, to }: Link): boolean {
    const sender = this.#plugs.get(from);
    const receiver = this.#plugs.get(to);
    return (
      sender?.peers.has(to) === true && !sender.removed.has(to) && receiver !== undefined && !receiver.removed.has(from)
    );
  }

  #tell({ from, to, up }: Link): void {
    this.#plugs.get(from)?.linkChanged(to, up);
  }

  #link(from: NodeId, to: NodeId): Link {
    const key = from * 1_000 + to;
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const link: Link = { from, to, cut: false, up: false, connection: 0, arrivesAt: 0, held: [] };
    this.#links.set(key, link);
    return link;
  }
}

function decodeAll(bytes: Uint8Array, route: { readonly from: NodeId; readonly to: NodeId }): PeerMessage[] {
  const reader = new ByteReader(bytes);
  const messages: PeerMessage[] = [];
  while (reader.remaining > 0) messages.push(decodeMessage(reader, route));
  return messages;
}
