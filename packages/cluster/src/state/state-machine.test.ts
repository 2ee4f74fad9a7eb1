import {
  ConfChangeError,
  type ConfChangeV2,
  type ConfState,
  EMPTY_CONF_STATE,
  type Entry,
  type EntryType,
  encodeConfChangeV2,
  toIndex,
  toNodeId,
  toTerm,
} from "@strongroom/raft";
import { toHex, utf8 } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";
import {
  type Command,
  decodeRow,
  EPOCH_KEY,
  encodeCommand,
  encodeEntryBody,
  type Guard,
  KEY_KIND,
  KEYRING_KEY,
  MemoryTable,
  type Mutation,
  prefixRange,
  SEAL_RECORD_KEY,
} from "@strongroom/storage";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Authenticity } from "../authenticator.ts";
import { nodeKey, removedNodeKey } from "../replica/node-record.ts";
import { REPLICA_STATE_KEY } from "./keys.ts";
import { membershipMutation } from "./membership-change.ts";
import { registrationMutation } from "./registration.ts";
import { decodeAppliedIndex, decodeReplicaState } from "./replica-state.ts";
import { hashRow, RowDigest } from "./row-digest.ts";
import { StateMachine } from "./state-machine.ts";
import type { ApplyContext, ApplyResult } from "./types.ts";

const NODE = 5;
const proposer = { node: NODE, incarnation: 1 };
const MAC = new Uint8Array(32).fill(9);

function key(name: string): Uint8Array {
  return Uint8Array.of(KEY_KIND.barrier, ...utf8(name));
}

function put(name: string, value: string): Mutation {
  return { kind: "put", key: key(name), term: 1, value: utf8(value) };
}

function command(sequence: number, parts: Partial<Command> = {}): Command {
  return {
    version: 1,
    proposer,
    sequence,
    floor: Math.min(sequence, 1),
    proposerTimeMs: 0,
    guards: [],
    mutations: [],
    keyId: 1,
    mac: MAC,
    ...parts,
  };
}

function registration(incarnation: number, alive: readonly number[] = [], node: number = NODE): Command {
  return command(0, {
    proposer: { node, incarnation },
    floor: 0,
    mutations: [registrationMutation(node, alive)],
  });
}

/** A replica on a table of its own, fed with entries one after the other. */
class Bench {
  readonly table = new MemoryTable();
  authenticity: Authenticity = "sealed";
  confState: ConfState = { ...EMPTY_CONF_STATE, voters: [toNodeId(NODE)] };
  state: StateMachine;
  #index = 0;

  constructor() {
    this.state = this.reopen();
  }

  /** As after a restart. */
  reopen(): StateMachine {
    const authenticator = { verify: () => this.authenticity };
    this.state = StateMachine.open(this.table, { authenticator, initialConfState: this.confState, cacheRows: 16 });
    return this.state;
  }

  readonly context: ApplyContext = {
    applyConfChange: (change: ConfChangeV2) => {
      const [first] = change.changes;
      if (first === undefined) throw new ConfChangeError("can't leave a non-joint config");
      const learners = this.confState.learners.filter((id) => id !== first.nodeId);
      if (first.type === "ConfChangeAddLearnerNode") learners.push(first.nodeId);
      this.confState = { ...this.confState, learners };
      return this.confState;
    },
  };

  entry(data: Uint8Array, type: EntryType = "EntryNormal", term = 1): Entry {
    return { index: toIndex(++this.#index), term: toTerm(term), type, data };
  }

  packed(commands: readonly Command[], logTimeMs = 1000): Entry {
    return this.entry(
      encodeEntryBody({ kind: "commands", version: 1, logTimeMs, commands: commands.map(encodeCommand) }),
    );
  }

  membership(change: Omit<ConfChangeV2, "context">, cause: Command): Entry {
    const context = encodeEntryBody({ kind: "membership", version: 1, logTimeMs: 1, commands: [encodeCommand(cause)] });
    return this.entry(encodeConfChangeV2({ ...change, context }), "EntryConfChangeV2");
  }

  apply(...entries: readonly Entry[]): ApplyResult {
    const result = this.state.apply(entries, this.context);
    this.table.writeSync(result.writes);
    this.state.written();
    return result;
  }

  /** Of each row: what it holds, by name. */
  async rows(): Promise<Map<string, string>> {
    const snapshot = this.table.snapshot();
    const rows = await snapshot.iterator(prefixRange(Uint8Array.of(KEY_KIND.barrier))).next(10_000);
    return new Map(rows.map((row) => [toHex(row.key), toHex(decodeRow(row.value).value)]));
  }
}

function outcomes(result: ApplyResult): string[] {
  return result.verdicts.map(({ sequence, verdict }) => `${sequence} ${verdict.outcome}`);
}

describe("applying commands", () => {
  it("writes rows, its own place and the verdicts in one batch", () => {
    const bench = new Bench();
    const result = bench.apply(
      bench.packed([registration(1)]),
      bench.packed([command(1, { mutations: [put("a", "1")] }), command(2, { mutations: [put("b", "2")] })], 2000),
    );
    expect(outcomes(result)).toEqual(["0 applied", "1 applied", "2 applied"]);
    expect(result).toMatchObject({ consumed: 2, appliedIndex: 2, logTimeMs: 2000, keyringChanged: false });
    expect(result.changedKeys).toEqual([key("a"), key("b")]);
    const own = bench.table.getSync(REPLICA_STATE_KEY) as Uint8Array;
    expect(decodeAppliedIndex(own)).toBe(2);
    expect(decodeReplicaState(own)).toMatchObject({ appliedTerm: 1, logTimeMs: 2000, confState: bench.confState });
    expect(decodeRow(bench.table.getSync(key("b")) as Uint8Array).revision).toEqual({ index: 2, position: 1 });
  });

  it("sees rows of batches that the table does not have yet", () => {
    const bench = new Bench();
    const absent: Guard = { kind: "absent", key: key("a") };
    const first = bench.state.apply(
      [bench.packed([registration(1), command(1, { guards: [absent], mutations: [put("a", "1")] })])],
      bench.context,
    );
    const second = bench.state.apply([bench.packed([command(2, { guards: [absent] })])], bench.context);
    expect(outcomes(second)).toEqual(["2 conflict"]);
    expect(bench.state.get(key("a"))).toBeDefined();
    bench.table.writeSync(first.writes);
    bench.state.written();
    bench.table.writeSync(second.writes);
    bench.state.written();
    expect(bench.state.get(key("a"))).toEqual(bench.table.getSync(key("a")));
  });

  it("keeps a row of a later batch when an earlier one has reached the table", () => {
    const bench = new Bench();
    const first = bench.state.apply(
      [bench.packed([registration(1), command(1, { mutations: [put("a", "1")] })])],
      bench.context,
    );
    bench.state.apply([bench.packed([command(2, { mutations: [put("a", "2")] })])], bench.context);
    bench.table.writeSync(first.writes);
    bench.state.written();
    expect(decodeRow(bench.state.get(key("a")) as Uint8Array).value).toEqual(utf8("2"));
  });

  it("never moves the log's time back", () => {
    const bench = new Bench();
    bench.apply(bench.packed([registration(1)], 5000));
    expect(bench.apply(bench.packed([command(1)], 4000)).logTimeMs).toBe(5000);
  });

  it("holds the raft-term guard against the entry's term", () => {
    const bench = new Bench();
    const guards: Guard[] = [{ kind: "raft-term", term: 3 }];
    const result = bench.apply(bench.packed([registration(1), command(1, { guards })]));
    expect(outcomes(result)).toEqual(["0 applied", "1 conflict"]);
  });

  it("keeps the epoch's revision", () => {
    const bench = new Bench();
    const bump: Mutation = { kind: "put", key: EPOCH_KEY, term: 0, value: utf8("x") };
    bench.apply(bench.packed([registration(1), command(1, { mutations: [bump] })]));
    const own = decodeReplicaState(bench.table.getSync(REPLICA_STATE_KEY) as Uint8Array);
    expect(own.epochRevision).toEqual({ index: 1, position: 1 });
  });

  it("stops after an entry that changes the keyring", () => {
    const bench = new Bench();
    const rotate: Mutation = { kind: "put", key: KEYRING_KEY, term: 0, value: utf8("sealed keys") };
    const entries = [bench.packed([registration(1), command(1, { mutations: [rotate] })]), bench.packed([command(2)])];
    expect(bench.apply(...entries)).toMatchObject({ consumed: 1, keyringChanged: true, appliedIndex: 1 });
    expect(bench.apply(...entries.slice(1))).toMatchObject({ consumed: 1, keyringChanged: false, appliedIndex: 2 });
  });

  it("passes over what is malformed, alike on all replicas", () => {
    const bench = new Bench();
    const garbage = encodeEntryBody({ kind: "commands", version: 1, logTimeMs: 7, commands: [Uint8Array.of(1, 2, 3)] });
    const result = bench.apply(bench.entry(garbage), bench.entry(Uint8Array.of(1, 1)), bench.entry(new Uint8Array(0)));
    expect(result).toMatchObject({ consumed: 3, verdicts: [], changedKeys: [], logTimeMs: 7 });
  });

  it("stops at what only a newer server understands", () => {
    const bench = new Bench();
    expect(() => bench.apply(bench.entry(Uint8Array.of(200)))).toThrow(/cannot be applied by this server/);
  });

  it("refuses a gap in the log", () => {
    const bench = new Bench();
    bench.entry(new Uint8Array(0));
    expect(() => bench.apply(bench.entry(new Uint8Array(0)))).toThrow(/after entry 0/);
  });
});

describe("authenticity", () => {
  it("is checked by an open node, which stops at a bad or unknown signature", () => {
    for (const authenticity of ["bad", "unknown-key"] as const) {
      const bench = new Bench();
      bench.authenticity = authenticity;
      expect(() => bench.apply(bench.packed([registration(1)]))).toThrow(/no unsealed member/);
    }
  });

  it("is asked of every command but the first init", () => {
    const bench = new Bench();
    const unsigned = { keyId: 0, mac: new Uint8Array(0) };
    const init = command(0, {
      ...unsigned,
      floor: 0,
      guards: [{ kind: "absent", key: SEAL_RECORD_KEY }],
      mutations: [{ kind: "put", key: SEAL_RECORD_KEY, term: 0, value: utf8("wrapped") }],
    });
    const result = bench.apply(
      bench.packed([command(1, { ...unsigned, mutations: [put("a", "1")] }), { ...registration(1), ...unsigned }]),
      bench.packed([init, init]),
    );
    expect(outcomes(result)).toEqual(["1 rejected", "0 rejected", "0 applied", "0 conflict"]);
    expect(bench.table.getSync(key("a"))).toBeUndefined();
  });
});

describe("exactly once", () => {
  it("answers a duplicate with the first verdict and does not run it again", async () => {
    const bench = new Bench();
    const twice = command(1, { guards: [{ kind: "absent", key: key("a") }], mutations: [put("a", "1")] });
    const result = bench.apply(bench.packed([registration(1), twice, twice]), bench.packed([twice]));
    expect(outcomes(result)).toEqual(["0 applied", "1 applied", "1 applied", "1 applied"]);
    expect(new Set(result.verdicts.slice(1).map((each) => JSON.stringify(each.verdict))).size).toBe(1);
    bench.reopen();
    expect(outcomes(bench.apply(bench.packed([twice])))).toEqual(["1 applied"]);
    expect(decodeRow(bench.table.getSync(key("a")) as Uint8Array).revision).toEqual({ index: 1, position: 1 });
  });

  it("remembers rejections and conflicts too", () => {
    const bench = new Bench();
    const missing: Guard = { kind: "point", key: key("a"), revision: { index: 1, position: 0 } };
    const conflict = command(1, { guards: [missing] });
    bench.apply(bench.packed([registration(1), conflict]));
    expect(bench.state.verdict(proposer, 1)).toEqual({ outcome: "conflict", guard: 0 });
    bench.reopen();
    expect(bench.state.verdict(proposer, 1)).toEqual({ outcome: "conflict", guard: 0 });
  });

  it("never runs what lies below the floor", () => {
    const bench = new Bench();
    const late = command(1, { mutations: [put("late", "1")] });
    const result = bench.apply(bench.packed([registration(1), command(2, { floor: 2 }), late]));
    expect(outcomes(result)).toEqual(["0 applied", "2 applied"]);
    expect(bench.table.getSync(key("late"))).toBeUndefined();
    expect(bench.state.verdict(proposer, 1)).toBeUndefined();
  });

  it("refuses unknown proposers and sequences out of the window, and remembers nothing of them", () => {
    const bench = new Bench();
    const stranger = command(1, { proposer: { node: NODE, incarnation: 9 } });
    const result = bench.apply(
      bench.packed([registration(1), stranger, command(1025, { floor: 1 }), command(3, { floor: 4 }), command(1024)]),
    );
    expect(outcomes(result)).toEqual(["0 applied", "1 rejected", "1025 rejected", "3 rejected", "1024 applied"]);
    expect(bench.state.verdict(proposer, 1025)).toBeUndefined();
  });

  it("removes dead incarnations at a registration, and never takes one of them back", () => {
    const bench = new Bench();
    bench.apply(bench.packed([registration(1), registration(2), registration(3, [2])]));
    const result = bench.apply(
      bench.packed([
        command(1, { mutations: [put("dead", "1")] }),
        command(1, { proposer: { node: NODE, incarnation: 2 } }),
        registration(1),
        registration(3, [2]),
      ]),
    );
    expect(outcomes(result)).toEqual(["1 rejected", "1 applied", "0 rejected", "0 applied"]);
    expect(bench.state.isRegistered({ node: NODE, incarnation: 2 })).toBe(true);
    bench.reopen();
    expect(outcomes(bench.apply(bench.packed([registration(1)])))).toEqual(["0 rejected"]);
  });

  it("holds for any order of duplicates and any restarts", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new SeededRandom(seed);
        const bench = new Bench();
        bench.apply(bench.packed([registration(1)]));
        const applied = new Map<number, string>();
        const counter = key("counter");
        let next = 1;
        let floor = 1;
        let expected = 0;
        for (let round = 0; round < 60; round++) {
          const sequence = random.below(3) === 0 && next > floor ? floor + random.below(next - floor) : next++;
          if (random.below(4) === 0) floor = Math.min(sequence, floor + random.below(3));
          // Not a counter of values: each run of a command makes a revision of its own.
          const mutations: Mutation[] = [{ kind: "put", key: counter, term: 0, value: utf8(String(sequence)) }];
          const [told] = bench.apply(
            bench.packed([command(sequence, { floor: Math.min(floor, sequence), mutations })]),
          ).verdicts;
          if (told === undefined) {
            expect(sequence).toBeLessThan(floor);
            continue;
          }
          const text = JSON.stringify(told.verdict);
          if (!applied.has(sequence)) expected++;
          expect(applied.get(sequence) ?? text).toBe(text);
          applied.set(sequence, text);
          if (random.below(10) === 0) bench.reopen();
        }
        expect(new Set(applied.values()).size).toBe(expected);
      }),
      { numRuns: 100 },
    );
  });
});

describe("membership", () => {
  const add = (id: number) => ({
    transition: "ConfChangeTransitionAuto" as const,
    changes: [{ type: "ConfChangeAddLearnerNode" as const, nodeId: toNodeId(id) }],
  });
  const remove = (id: number) => ({
    transition: "ConfChangeTransitionAuto" as const,
    changes: [{ type: "ConfChangeRemoveNode" as const, nodeId: toNodeId(id) }],
  });
  const nodeRow = (id: number): Mutation => ({ kind: "put", key: nodeKey(id), term: 0, value: utf8("node") });
  const removedRow = (id: number): Mutation => ({ kind: "put", key: removedNodeKey(id), term: 0, value: utf8("gone") });

  it("changes with its command", () => {
    const bench = new Bench();
    bench.apply(bench.packed([registration(1)]));
    const cause = command(1, { mutations: [nodeRow(8), membershipMutation(add(8))] });
    const result = bench.apply(bench.membership(add(8), cause));
    expect(result.membership).toMatchObject([{ index: 2, accepted: true, confState: { learners: [8] } }]);
    expect(bench.reopen().confState.learners).toEqual([8]);
  });

  it("stays as it is when the command is rejected, a duplicate, or made for another change", () => {
    const bench = new Bench();
    bench.apply(bench.packed([registration(1)]));
    const conflict = command(1, {
      guards: [{ kind: "point", key: nodeKey(8), revision: { index: 1, position: 0 } }],
      mutations: [membershipMutation(add(8))],
    });
    const other = command(2, { mutations: [membershipMutation(add(9))] });
    const good = command(3, { mutations: [membershipMutation(add(8))] });
    const result = bench.apply(
      bench.membership(add(8), conflict),
      bench.membership(add(8), other),
      bench.membership(add(8), good),
      bench.membership(add(8), good),
      bench.entry(new Uint8Array(0), "EntryConfChangeV2"),
      bench.entry(Uint8Array.of(2, 9, 9, 9, 9), "EntryConfChangeV2"),
    );
    expect(result.membership.map((each) => each.accepted)).toEqual([false, false, true, false, false, false]);
    expect(outcomes(result)).toEqual(["1 conflict", "2 rejected", "3 applied", "3 applied"]);
    expect(bench.confState.learners).toEqual([8]);
  });

  it("takes a removed node's proposers away and refuses its return", () => {
    const bench = new Bench();
    bench.apply(bench.packed([registration(1), registration(1, [], 8)]));
    const unnoted = command(1, { mutations: [membershipMutation(remove(8))] });
    const noted = command(2, { mutations: [membershipMutation(remove(8)), removedRow(8)] });
    const back = command(3, { mutations: [membershipMutation(add(8)), nodeRow(8)] });
    const result = bench.apply(
      bench.membership(remove(8), unnoted),
      bench.membership(remove(8), noted),
      bench.membership(add(8), back),
      bench.packed([registration(2, [], 8), command(1, { proposer: { node: 8, incarnation: 1 } })]),
    );
    expect(result.membership.map((each) => each.accepted)).toEqual([false, true, false]);
    expect(outcomes(result)).toEqual(["1 rejected", "2 applied", "3 rejected", "0 rejected", "1 rejected"]);
  });
});

describe("the state", () => {
  it("equals a model, and its digest that of its rows, whatever is applied", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const random = new SeededRandom(seed);
        const bench = new Bench();
        const twin = new Bench();
        const model = new Map<string, string>();
        const feed = (entries: readonly Entry[]) => {
          bench.apply(...entries);
          for (const entry of entries) twin.apply(entry);
        };
        feed([bench.packed([registration(1)])]);
        let sequence = 1;
        for (let round = 0; round < 30; round++) {
          const entries: Entry[] = [];
          for (let i = random.below(3); i >= 0; i--) {
            const commands: Command[] = [];
            for (let j = random.below(3); j >= 0; j--) commands.push(randomCommand(random, sequence++, model));
            entries.push(bench.packed(commands));
          }
          feed(entries);
          if (random.below(8) === 0) bench.reopen();
        }
        expect(await bench.rows()).toEqual(model);
        const digest = new RowDigest();
        const rows = await bench.table
          .snapshot()
          .iterator({ gte: Uint8Array.of(0x10), lt: Uint8Array.of(0xff) })
          .next(10_000);
        for (const { key: rowKey, value } of rows) digest.add(hashRow(rowKey, value));
        expect(toHex(bench.state.digest())).toBe(toHex(digest.bytes()));
        // However the entries were cut into batches, and whoever was restarted.
        expect(toHex(twin.state.digest())).toBe(toHex(bench.state.digest()));
        expect(toHex(twin.state.chain)).toBe(toHex(bench.state.chain));
        expect(toHex(twin.state.proposersHash())).toBe(toHex(bench.state.proposersHash()));
      }),
      { numRuns: 60 },
    );
  });
});

describe("milestones", () => {
  it("say what the replica held after every 1,024th entry, however the entries came", () => {
    const bench = new Bench();
    const twin = new Bench();
    const entries = [bench.packed([registration(1)])];
    for (let sequence = 1; sequence < 2100; sequence++) {
      const mutations = [put(String(sequence % 7), String(sequence))];
      entries.push(bench.packed([command(sequence, { floor: sequence, mutations })]));
    }
    const { milestones } = bench.apply(...entries);
    expect(milestones.map((each) => each.index)).toEqual([1024, 2048]);
    for (const entry of entries.slice(0, 1500)) twin.apply(entry);
    twin.reopen();
    for (const entry of entries.slice(1500)) twin.apply(entry);
    expect(twin.reopen().milestones).toEqual(milestones);
  });
});

/** Puts and deletes of few names, half of them guarded by what the model says of another name. */
function randomCommand(random: SeededRandom, sequence: number, model: Map<string, string>): Command {
  const names = ["a", "b", "c", "d", "e", "f"];
  const guarded = names[random.below(names.length)] as string;
  const guards: Guard[] = random.below(2) === 0 ? [{ kind: "absent", key: key(guarded) }] : [];
  const holds = guards.length === 0 || !model.has(toHex(key(guarded)));
  const mutations: Mutation[] = [];
  for (const name of names) {
    if (random.below(4) > 0) continue;
    const text = toHex(key(name));
    if (random.below(3) === 0) {
      mutations.push({ kind: "delete", key: key(name) });
      if (holds) model.delete(text);
    } else {
      const value = String(random.below(1000));
      mutations.push(put(name, value));
      if (holds) model.set(text, toHex(utf8(value)));
    }
  }
  return command(sequence, { guards, mutations, floor: Math.max(1, sequence - 5) });
}
