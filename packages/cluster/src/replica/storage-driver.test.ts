import {
  EMPTY_HARD_STATE,
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  MemoryLogStorage,
  RawNode,
  toIndex,
  toNodeId,
  toTerm,
} from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import { KEYS } from "../testing/manual-replica.ts";
import { AuthenticatorGate } from "./authenticator-gate.ts";
import type { Effect } from "./effects.ts";
import { LogTail, type LogTailLimits } from "./log-tail.ts";
import type { ReplicaStateMachine } from "./state-machine.ts";
import { StorageDriver } from "./storage-driver.ts";
import { VerifiedEntries } from "./verified-entries.ts";

const SELF = toNodeId(1);
const CONF = { voters: [SELF], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

function stateAt(index: number): ReplicaStateMachine {
  return {
    appliedIndex: toIndex(index),
    appliedTerm: toTerm(1),
    confState: CONF,
    logTimeMs: 0,
    milestone: () => {
      throw new Error("nobody compares states here");
    },
    clusterVersion: 1,
    milestones: [],
    floor: () => 0,
    checkpointIndex: toIndex(index),
    // Each batch ends in a checkpoint.
    apply: (entries) => {
      const appliedIndex = entries.at(-1)?.index ?? toIndex(index);
      const nothing = { writes: [], verdicts: [], changedKeys: [], membership: [], milestones: [] };
      const result = { ...nothing, keyringChanged: false, logTimeMs: 0 };
      return { ...result, consumed: entries.length, appliedIndex, checkpointIndex: appliedIndex };
    },
    written: () => {},
    verdict: () => undefined,
    unsignedAllowed: () => false,
    get: () => undefined,
  };
}

function driver(tailLimits: LogTailLimits = { maxBytes: 1e6, maxEntries: 1e6 }): {
  readonly storage: StorageDriver;
  readonly effects: Effect[];
  readonly append: (index: number) => void;
  /** Appends the entries from `first` to `last`, which the disk has at once, and has them applied and written as one batch. */
  readonly live: (first: number, last: number) => void;
  /** As raft does when it takes the snapshot that was received. */
  readonly install: (index: number) => void;
} {
  const written = { index: toIndex(0), term: toTerm(0), confState: CONF };
  const start = { hardState: EMPTY_HARD_STATE, confState: CONF, base: written, entries: [] };
  const tail = new LogTail(start, tailLimits, written);
  const raft = new RawNode({
    id: SELF,
    storage: new MemoryLogStorage(),
    random: { below: () => 0 },
    electionTicks: 10,
    heartbeatTicks: 1,
    maxInflightMessages: 1,
  });
  const effects: Effect[] = [];
  const storage = new StorageDriver(
    { flushEveryBytes: 10 },
    {
      raft,
      tail,
      state: stateAt(0),
      generation: "state-0-0",
      written,
      verified: new VerifiedEntries(),
      gate: new AuthenticatorGate(KEYS),
      emit: (effect) => effects.push(effect),
      deliver: () => {},
      onWritten: () => {},
      onSwitched: () => {},
    },
  );
  const envelope = { type: "MsgStorageAppend", from: SELF, to: LOCAL_APPEND_THREAD, term: toTerm(0) } as const;
  const message = { ...envelope, hardState: undefined, entries: [], snapshot: undefined, responses: [] };
  const entryAt = (index: number): Entry => {
    return { index: toIndex(index), term: toTerm(1), type: "EntryNormal", data: new Uint8Array(20) };
  };
  let batches = 0;
  return {
    storage,
    effects,
    append: (index) => storage.append({ ...message, entries: [entryAt(index)] }),
    live: (first, last) => {
      const entries = Array.from({ length: last - first + 1 }, (_, i) => entryAt(first + i));
      storage.append({ ...message, entries });
      storage.synced(Number.MAX_SAFE_INTEGER);
      storage.advance();
      storage.apply({ ...message, type: "MsgStorageApply", to: LOCAL_APPLY_THREAD, entries });
      storage.advance();
      storage.batchWritten(++batches);
      storage.maintain();
    },
    install: (index) => {
      const metadata = { index: toIndex(index), term: toTerm(1), confState: CONF };
      storage.append({ ...message, snapshot: { metadata, data: new Uint8Array(0) } });
    },
  };
}

describe("StorageDriver", () => {
  it("flushes once enough was appended, one flush at a time, and cuts only when that is done", () => {
    const { storage, effects, append } = driver();
    append(1);
    storage.maintain();
    append(2);
    storage.maintain();
    expect(effects.map(({ type }) => type)).toEqual(["append", "flush", "append"]);
    const flush = effects.find((effect) => effect.type === "flush");
    storage.flushed(flush?.type === "flush" ? flush.token : 0);
    storage.maintain();
    expect(effects.map(({ type }) => type)).toEqual(["append", "flush", "append", "cut", "flush"]);
  });

  it("cuts no further than the flush went, however far the table and its checkpoints have come since", () => {
    const { storage, effects, live } = driver({ maxBytes: 0, maxEntries: 0 });
    const flushes = (): number[] => effects.flatMap((effect) => (effect.type === "flush" ? [effect.token] : []));
    const cuts = (): number[] => effects.flatMap((effect) => (effect.type === "cut" ? [effect.below] : []));
    live(1, 2);
    live(3, 5);
    expect(flushes()).toHaveLength(1);
    storage.flushed(flushes()[0] as number);
    expect(cuts()).toEqual([3]);
    storage.maintain();
    storage.flushed(flushes()[1] as number);
    expect(cuts()).toEqual([3, 6]);
  });

  it("takes no other flush's end for its own", () => {
    const { storage, effects, append } = driver();
    append(1);
    storage.maintain();
    const flush = effects.find((effect) => effect.type === "flush");
    const token = flush?.type === "flush" ? flush.token : 0;
    for (const other of [token - 1, token + 1]) storage.flushed(other);
    expect(effects.map(({ type }) => type)).toEqual(["append", "flush"]);
    storage.flushed(token);
    expect(effects.map(({ type }) => type)).toEqual(["append", "flush", "cut"]);
  });

  it("counts how long the disk has been silent", () => {
    const { storage, append } = driver();
    storage.tick();
    expect(storage.silentTicks).toBe(0);
    append(1);
    storage.tick();
    storage.tick();
    expect(storage.silentTicks).toBe(2);
    storage.synced(1);
    storage.advance();
    storage.tick();
    expect(storage.silentTicks).toBe(0);
  });

  it("takes one snapshot at a time", () => {
    const { storage, effects, install } = driver();
    const received = (index: number) => ({
      from: toNodeId(2),
      term: toTerm(1),
      metadata: { index: toIndex(index), term: toTerm(1), confState: CONF },
      generation: `state-${index}-0`,
      state: stateAt(index),
      removed: [],
    });
    storage.snapshotReceived(received(5));
    storage.snapshotReceived(received(6));
    expect(effects).toEqual([{ type: "discard-generation", generation: "state-6-0" }]);
    // Raft took the first, and the log is being told of it.
    install(5);
    storage.snapshotReceived(received(7));
    expect(effects.filter(({ type }) => type !== "append")).toEqual([
      { type: "discard-generation", generation: "state-6-0" },
      { type: "discard-generation", generation: "state-7-0" },
    ]);
  });
});
