/**
 * Three members of the consensus core in one thread, and nothing above it: an entry counts when the leader hands it out as
 * committed. Below it, as asked for: nothing; a log on disk for each member; the transport over TLS on loopback besides.
 */
import { performance } from "node:perf_hooks";
import type { PeerMessage, TlsPeerTransport, WalHandle } from "@strongroom/cluster";
import {
  type ConfState,
  EMPTY_CONF_STATE,
  MemoryLogStorage,
  type Message,
  type NodeId,
  RawNode,
  type Ready,
  toIndex,
  toTerm,
} from "@strongroom/raft";
import { LoadClock } from "./load.ts";

const TICK_MS = 10;
/** Long enough for a machine that has much else to do: nothing here measures elections. */
const ELECTION_TICKS = 300;
const MIB = 1024 * 1024;
const KEEP_ENTRIES = 20_000;
const TURN_MS = 5;
const POLL_MS = 20;
const PATIENCE_MS = 60_000;

export interface MemberParts {
  readonly id: NodeId;
  readonly voters: readonly NodeId[];
  /** Undefined: the log is in memory only. */
  readonly openLog?: ((onSynced: () => void) => WalHandle) | undefined;
  /** Undefined: messages go from hand to hand. */
  readonly transport?: TlsPeerTransport;
}

class Member {
  readonly id: NodeId;
  readonly raft: RawNode;
  readonly inbox: Message[] = [];
  readonly #storage = new MemoryLogStorage();
  readonly #log: WalHandle | undefined;
  readonly #confState: ConfState;
  readonly #send: (to: NodeId, messages: Message[]) => void;
  readonly #onCommitted: (entries: number) => void;
  #writing: Ready | undefined;
  #token = 0;
  #compactedTo = 1;

  constructor(
    { id, voters, openLog }: MemberParts,
    events: {
      readonly send: (to: NodeId, messages: Message[]) => void;
      readonly onCommitted: (entries: number) => void;
      readonly wake: () => void;
    },
  ) {
    this.id = id;
    this.#confState = { ...EMPTY_CONF_STATE, voters };
    this.#storage.applySnapshot({
      metadata: { index: toIndex(1), term: toTerm(1), confState: this.#confState },
      data: new Uint8Array(0),
    });
    this.raft = new RawNode({
      id,
      storage: this.#storage,
      random: { below: (bound) => Math.floor(Math.random() * bound) },
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: 5,
      applied: toIndex(1),
      preVote: true,
      checkQuorum: true,
      maxSizePerMessage: MIB,
      maxInflightMessages: 256,
    });
    this.#send = events.send;
    this.#onCommitted = events.onCommitted;
    this.#log = openLog?.(() => {
      const ready = this.#writing;
      this.#writing = undefined;
      if (ready !== undefined) this.#stored(ready);
      events.wake();
    });
  }

  /** Whether anything was done. */
  turn(): boolean {
    const heard = this.inbox.splice(0);
    for (const message of heard) this.raft.step(message);
    let worked = heard.length > 0;
    while (this.#writing === undefined && this.raft.hasReady()) {
      worked = true;
      this.#ready(this.raft.ready());
    }
    return worked;
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }

  /** A leader sends while it writes (Raft thesis §10.2.1); who answers has written before. */
  #ready(ready: Ready): void {
    this.#sendAll(ready.messages.filter(isLeaders));
    const { entries, hardState } = ready;
    if (this.#log === undefined || (entries.length === 0 && hardState === undefined)) {
      this.#stored(ready);
      return;
    }
    this.#writing = ready;
    this.#log.append({ token: ++this.#token, entries, ...(hardState === undefined ? {} : { hardState }) });
  }

  #stored(ready: Ready): void {
    if (ready.hardState !== undefined) this.#storage.setHardState(ready.hardState);
    this.#storage.append(ready.entries);
    this.#sendAll(ready.messages.filter((message) => !isLeaders(message)));
    this.#onCommitted(ready.committedEntries.reduce((count, { data }) => count + (data.length > 0 ? 1 : 0), 0));
    this.raft.advance();
    const last = ready.committedEntries.at(-1)?.index ?? 0;
    if (last - this.#compactedTo > 2 * KEEP_ENTRIES) this.#compact(last - KEEP_ENTRIES);
  }

  #compact(index: number): void {
    this.#compactedTo = index;
    this.#storage.createSnapshot(toIndex(index), this.#confState, new Uint8Array(0));
    this.#storage.compact(toIndex(index));
    this.#log?.cut(toIndex(index));
  }

  #sendAll(messages: readonly Message[]): void {
    const byTarget = new Map<NodeId, Message[]>();
    for (const message of messages) {
      const known = byTarget.get(message.to);
      if (known === undefined) byTarget.set(message.to, [message]);
      else known.push(message);
    }
    for (const [to, some] of byTarget) this.#send(to, some);
  }
}

function isLeaders({ type }: Message): boolean {
  return type === "MsgApp" || type === "MsgHeartbeat";
}

export class Group {
  readonly clock = new LoadClock();
  readonly #members: Member[];
  readonly #payload: Uint8Array;
  readonly #inFlight: number;
  readonly #startedMs: number[] = [];
  #scheduled = false;
  #running = true;
  /** Connections that are not there yet. */
  #links = 0;
  #ticks: NodeJS.Timeout | undefined;

  constructor(parts: readonly MemberParts[], load: { readonly inFlight: number; readonly bytes: number }) {
    this.#inFlight = load.inFlight;
    this.#payload = new Uint8Array(load.bytes).fill(7);
    this.#members = parts.map((own) => {
      const isLeader = own === parts[0];
      return new Member(own, {
        send: (to, messages) => this.#deliver(own, to, messages),
        onCommitted: (count) => {
          for (let i = 0; isLeader && i < count; i++) this.clock.done(this.#startedMs.shift() as number);
        },
        wake: () => this.#wake(),
      });
    });
    for (const [i, { transport }] of parts.entries()) {
      if (transport === undefined) continue;
      this.#links += parts.length - 1;
      transport.listen({
        onMessages: (_from, _wallMs, messages) => {
          (this.#members[i] as Member).inbox.push(...(messages as Message[]));
          this.#wake();
        },
        onPeerUp: () => this.#links--,
        onPeerDown: () => {},
        onSnapshotStream: (_from, stream) => stream.destroy(),
      });
    }
  }

  /** Waits for the connections; then the first member leads, and the load begins. */
  async lead(): Promise<void> {
    await waitUntil(() => this.#links === 0);
    this.#leader.raft.campaign();
    this.#wake();
    await waitUntil(() => this.#leader.raft.basicStatus().state === "StateLeader");
    // Time passes from here on, so that nobody else has stood for election.
    this.#ticks = setInterval(() => {
      for (const { raft } of this.#members) raft.tick();
      this.#wake();
    }, TICK_MS);
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#running = false;
    clearInterval(this.#ticks);
    await Promise.all(this.#members.map((member) => member.close()));
  }

  get #leader(): Member {
    return this.#members[0] as Member;
  }

  #deliver({ transport, id }: MemberParts, to: NodeId, messages: Message[]): void {
    if (transport === undefined) {
      this.#members.find((member) => member.id === to)?.inbox.push(...messages);
    } else if (!transport.send(to, messages as PeerMessage[])) {
      this.#members.find((member) => member.id === id)?.raft.reportUnreachable(to);
    }
  }

  #wake(): void {
    if (this.#scheduled || !this.#running) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    const endMs = performance.now() + TURN_MS;
    for (let worked = true; worked && this.#running; ) {
      worked = this.#propose();
      for (const member of this.#members) worked = member.turn() || worked;
      if (performance.now() < endMs) continue;
      if (worked) this.#wake();
      return;
    }
  }

  #propose(): boolean {
    const { raft } = this.#leader;
    const free = this.#inFlight - this.#startedMs.length;
    if (free <= 0 || raft.basicStatus().state !== "StateLeader") return false;
    const proposed = raft.propose(Array.from({ length: free }, () => this.#payload));
    if (!proposed.ok) return false;
    const nowMs = performance.now();
    for (let i = 0; i < free; i++) this.#startedMs.push(nowMs);
    return true;
  }
}

async function waitUntil(holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += POLL_MS) {
    if (waitedMs > PATIENCE_MS) throw new Error("the members did not come together");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
