import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Index, type NodeId, toIndex, toNodeId } from "../entry.ts";
import { jointCommittedIndex, jointIds, jointVoteResult } from "./joint.ts";
import { EVERYTHING, majorityCommittedIndex, majorityVoteResult, type VoteResult } from "./majority.ts";

const voters = fc
  .uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 })
  .map((ids) => ids.sort((a, b) => a - b).map(toNodeId));
const acked = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.integer({ min: 0, max: 20 }).map(toIndex));
const votes = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.boolean());
const get =
  <Value>(table: Record<string, Value>) =>
  (id: NodeId): Value | undefined =>
    table[String(id)];

// The definition: the highest index that more than half have reached.
function slowCommitted(ids: readonly NodeId[], table: Record<string, Index>): number {
  if (ids.length === 0) return EVERYTHING;
  for (let index = 20; index > 0; index--) {
    if (ids.filter((id) => (table[String(id)] ?? 0) >= index).length * 2 > ids.length) return index;
  }
  return 0;
}

// The definition: decided if every way in which the missing votes may come gives the same.
function slowVote(ids: readonly NodeId[], table: Record<string, boolean>): VoteResult {
  if (ids.length === 0) return "VoteWon";
  const missing = ids.filter((id) => table[String(id)] === undefined);
  const outcomes = new Set<boolean>();
  for (let mask = 0; mask < 1 << missing.length; mask++) {
    const yes = ids.filter((id) => table[String(id)] ?? (mask >> missing.indexOf(id)) & 1).length;
    outcomes.add(yes * 2 > ids.length);
  }
  if (outcomes.size === 2) return "VotePending";
  return outcomes.has(true) ? "VoteWon" : "VoteLost";
}

describe("a majority", () => {
  it("commits what more than half have acknowledged", () => {
    fc.assert(
      fc.property(voters, acked, (ids, table) => {
        expect(majorityCommittedIndex(ids, get(table))).toBe(slowCommitted(ids, table));
      }),
    );
  });

  it("decides a vote when the missing votes cannot change it", () => {
    fc.assert(
      fc.property(voters, votes, (ids, table) => {
        expect(majorityVoteResult(ids, get(table))).toBe(slowVote(ids, table));
      }),
    );
  });
});

describe("a joint configuration", () => {
  it("commits what both majorities commit, whichever is which", () => {
    fc.assert(
      fc.property(voters, voters, acked, (incoming, outgoing, table) => {
        const slow = Math.min(slowCommitted(incoming, table), slowCommitted(outgoing, table));
        expect(jointCommittedIndex({ incoming, outgoing }, get(table))).toBe(slow);
        expect(jointCommittedIndex({ incoming: outgoing, outgoing: incoming }, get(table))).toBe(slow);
      }),
    );
  });

  it("wins a vote that both sides win, and loses one that either loses", () => {
    fc.assert(
      fc.property(voters, voters, votes, (incoming, outgoing, table) => {
        const sides = [slowVote(incoming, table), slowVote(outgoing, table)];
        const slow = sides.includes("VoteLost")
          ? "VoteLost"
          : sides.includes("VotePending")
            ? "VotePending"
            : "VoteWon";
        expect(jointVoteResult({ incoming, outgoing }, get(table))).toBe(slow);
      }),
    );
  });

  it("names each voter once, ascending", () => {
    const ids = (...list: number[]): NodeId[] => list.map(toNodeId);
    expect(jointIds({ incoming: ids(2, 9), outgoing: ids(1, 2, 3) })).toEqual([1, 2, 3, 9]);
  });
});
