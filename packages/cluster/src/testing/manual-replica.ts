/**
 * One replica whose disk, network and time are moved by hand: the real step machine and state machine, over a table in
 * memory. What it wants done is done at once and remembered, except the kinds of work that a test holds back.
 */
import {
  type ConfState,
  type Entry,
  type Message,
  type MsgApp,
  type NodeId,
  toIndex,
  toNodeId,
  toTerm,
} from "@strongroom/raft";
import { type Command, encodeCommand, encodeEntryBody, MemoryTable } from "@strongroom/storage";
import type { Authenticity, CommandAuthenticator } from "../authenticator.ts";
import { AuthenticatorGate } from "../replica/authenticator-gate.ts";
import type { Effect } from "../replica/effects.ts";
import type { LogTailLimits } from "../replica/log-tail.ts";
import { DEFAULT_TAIL_LIMITS, DEFAULT_TIMINGS } from "../replica/options.ts";
import { BOOTSTRAP_INDEX, bootstrapRows } from "../replica/recovered.ts";
import { Replica } from "../replica/replica.ts";
import { StateMachine } from "../state/state-machine.ts";
import type { PeerMessage } from "../transport/message.ts";

/** The replica itself, and a peer that the test plays. */
export const SELF: NodeId = toNodeId(1);
export const PEER: NodeId = toNodeId(2);

/** Key 1 is known, and its MACs begin with 9; key 2 is not known yet. */
export const KEYS: CommandAuthenticator = {
  verify: (keyId, _message, mac): Authenticity => (keyId !== 1 ? "unknown-key" : mac[0] === 9 ? "ok" : "bad"),
};

export interface ManualReplicaOptions {
  readonly voters: readonly NodeId[];
  readonly sealed?: boolean;
  readonly flushEveryBytes?: number;
  readonly tailLimits?: LogTailLimits;
  readonly removed?: readonly NodeId[];
}

type Held = "append" | "write" | "flush";

export class ManualReplica {
  readonly table: MemoryTable = new MemoryTable();
  readonly gate: AuthenticatorGate = new AuthenticatorGate(KEYS);
  readonly replica: Replica;
  readonly state: StateMachine;
  /** All that was wanted so far, in order. */
  readonly effects: Effect[] = [];
  monotonicMs = 1_000;
  wallMs = 1_900_000_000_000;
  readonly #held = new Set<Held>();
  readonly #waiting: Effect[] = [];

  constructor(options: ManualReplicaOptions) {
    const confState: ConfState = {
      voters: [...options.voters],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    };
    this.table.writeSync(bootstrapRows(confState).map((row) => ({ type: "put", ...row })));
    if (options.sealed !== true) this.gate.open();
    this.state = StateMachine.open(this.table, { authenticator: this.gate });
    const base = { index: toIndex(BOOTSTRAP_INDEX), term: toTerm(1) };
    const hardState = { term: base.term, vote: toNodeId(0), commit: base.index };
    this.replica = new Replica(
      {
        id: SELF,
        clusterId: () => "manual",
        clusterAddress: "memory:1",
        timings: DEFAULT_TIMINGS,
        tailLimits: options.tailLimits ?? DEFAULT_TAIL_LIMITS,
        flushEveryBytes: options.flushEveryBytes ?? Number.POSITIVE_INFINITY,
        seeds: [],
        supportedVersion: 1,
      },
      {
        log: { hardState, confState, base, entries: [] },
        state: this.state,
        generation: "state-0-0",
        removed: options.removed ?? [],
        gate: this.gate,
        random: { below: () => 0 },
      },
      this,
    );
  }

  /** Runs turns until nothing more is wanted. */
  settle(): void {
    for (let effects = this.replica.turn(this); effects.length > 0; effects = this.replica.turn(this)) {
      for (const effect of effects) {
        this.effects.push(effect);
        if (this.#held.has(effect.type as Held)) this.#waiting.push(effect);
        else this.#finish(effect);
      }
    }
  }

  /** Keeps the results of such work from the replica until `release`. */
  hold(kind: Held): void {
    this.#held.add(kind);
  }

  /** Finishes what was held back, and all that follows; with `once`, what follows is held back again. */
  release(kind: Held, { once = false }: { readonly once?: boolean } = {}): void {
    if (!once) this.#held.delete(kind);
    for (const effect of this.#waiting.splice(0)) {
      if (effect.type === kind) this.#finish(effect);
      else this.#waiting.push(effect);
    }
    this.settle();
  }

  tick(times: number): void {
    for (let i = 0; i < times; i++) {
      this.monotonicMs += 25;
      this.wallMs += 25;
      this.replica.tick();
      this.settle();
    }
  }

  /** Alone, it leads after its election timeout. */
  lead(): void {
    this.tick(DEFAULT_TIMINGS.electionTicks);
  }

  /** A frame of the peer's, whose clock shows `skewMs` more than this one. */
  hear(messages: readonly PeerMessage[], skewMs = 0): void {
    this.replica.receive(PEER, this.wallMs + skewMs, messages);
    this.settle();
  }

  /** The peer leads term 2 and sends these, behind what it sent before. */
  hearAppend(entries: readonly Entry[], commit: number): void {
    const before = (entries[0]?.index ?? 2) - 1;
    const message: MsgApp = {
      type: "MsgApp",
      from: PEER,
      to: SELF,
      term: toTerm(2),
      logTerm: toTerm(before === BOOTSTRAP_INDEX ? 1 : 2),
      index: toIndex(before),
      commit: toIndex(commit),
      entries,
    };
    this.hear([message]);
  }

  of<T extends Effect["type"]>(type: T): Extract<Effect, { readonly type: T }>[] {
    return this.effects.filter((effect): effect is Extract<Effect, { readonly type: T }> => effect.type === type);
  }

  /** All entries that it wanted on its disk. */
  get appended(): readonly Entry[] {
    return this.of("append").flatMap(({ group }) => group.entries);
  }

  /** What it said to the peer, of one kind. */
  said<T extends PeerMessage["type"]>(type: T): Extract<PeerMessage, { readonly type: T }>[] {
    const messages: readonly (PeerMessage | Message)[] = this.of("send").flatMap((effect) => effect.messages);
    return messages.filter((message): message is Extract<PeerMessage, { readonly type: T }> => message.type === type);
  }

  #finish(effect: Effect): void {
    if (effect.type === "append") this.replica.synced(effect.group.token);
    if (effect.type === "flush") this.replica.flushed(effect.token);
    if (effect.type !== "write") return;
    this.table.writeSync(effect.ops);
    this.replica.written(effect.token);
  }
}

/** A well-formed, well-signed command of the peer's only worker. */
export function peerCommand(sequence: number, parts: Partial<Command> = {}): Uint8Array {
  return encodeCommand({
    version: 1,
    proposer: { node: PEER, incarnation: 1 },
    sequence,
    floor: 1,
    proposerTimeMs: 0,
    guards: [],
    mutations: [],
    keyId: 1,
    mac: new Uint8Array(32).fill(9),
    ...parts,
  });
}

/** An entry of term 2 that holds commands, or nothing. */
export function entryOf(index: number, ...commands: readonly Uint8Array[]): Entry {
  const body = { kind: "commands", version: 1, logTimeMs: 1, commands } as const;
  const data = commands.length === 0 ? new Uint8Array(0) : encodeEntryBody(body);
  return { index: toIndex(index), term: toTerm(2), type: "EntryNormal", data };
}
