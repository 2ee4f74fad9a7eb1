import { EMPTY_CONF_STATE, type Entry, toIndex, toTerm } from "@strongroom/raft";
import { encodeCommand, encodeEntryBody, MemoryTable, type Mutation } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { CHECKPOINT_KEY, encodeCheckpoint } from "./checkpoint.ts";
import { keepMilestones } from "./milestones.ts";
import { registrationMutation } from "./registration.ts";
import { StateMachine } from "./state-machine.ts";
import type { Milestone } from "./types.ts";

const PROPOSER = { node: 1, incarnation: 1 };
const MAC = new Uint8Array(32);
let lastIndex = 0;

function entry(sequence: number, mutations: readonly Mutation[]): Entry {
  const command = encodeCommand({
    version: 1,
    proposer: PROPOSER,
    sequence,
    floor: sequence,
    proposerTimeMs: 0,
    guards: [],
    mutations,
    keyId: 1,
    mac: MAC,
  });
  const data = encodeEntryBody({ kind: "commands", version: 1, logTimeMs: 1, commands: [command] });
  return { index: toIndex(++lastIndex), term: toTerm(1), type: "EntryNormal", data };
}

const empty = (): Entry => ({
  index: toIndex(++lastIndex),
  term: toTerm(1),
  type: "EntryNormal",
  data: new Uint8Array(0),
});

describe("the milestone of a checkpoint", () => {
  it("is kept, however many others come after it and through a restart, until a later checkpoint", () => {
    const table = new MemoryTable();
    const options = { authenticator: { verify: () => "sealed" as const }, milestoneEvery: 4 };
    let state = StateMachine.open(table, options);
    const context = { applyConfChange: () => EMPTY_CONF_STATE };
    const apply = (...entries: readonly Entry[]) => {
      table.writeSync(state.apply(entries, context).writes);
      state.written();
    };
    const checkpoint = (milestone: Milestone): Mutation => ({
      kind: "put",
      key: CHECKPOINT_KEY,
      term: 0,
      value: encodeCheckpoint({ ...milestone, keyId: 1, mac: MAC }),
    });
    apply(entry(0, [registrationMutation(1, [1])]), empty(), empty(), empty());
    const [first] = state.milestones;
    apply(entry(1, [checkpoint(first as Milestone)]));
    expect([first?.index, state.checkpointIndex]).toEqual([4, 4]);
    for (let i = 0; i < 100; i++) apply(empty());
    state = StateMachine.open(table, options);
    for (let i = 0; i < 20; i++) apply(empty());
    expect(state.milestones[0]).toEqual(first);
    expect(state.milestones).toHaveLength(17);
    apply(entry(2, [checkpoint(state.milestones.at(-1) as Milestone)]));
    for (let i = 0; i < 4; i++) apply(empty());
    expect(state.milestones).toHaveLength(16);
    expect(state.milestones[0]?.index).toBeGreaterThan(4);
    expect(StateMachine.open(table, options).checkpointIndex).toBe(state.checkpointIndex);
  });

  it("is the only old one that is kept", () => {
    const hash = new Uint8Array(32);
    const all = Array.from({ length: 20 }, (_, i) => {
      return { index: toIndex(i + 1), chain: hash, digest: hash, proposersHash: hash };
    });
    const kept = (checkpointIndex: number) => keepMilestones(all, checkpointIndex).map(({ index }) => index);
    expect(kept(0)).toHaveLength(16);
    expect(kept(2).slice(0, 2)).toEqual([2, 5]);
    expect(kept(10)).toHaveLength(16);
  });
});
