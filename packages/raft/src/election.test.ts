import { describe, expect, it } from "vitest";
import { encodeConfChangeV2 } from "./confchange/codec.ts";
import { type Entry, type NodeId, toIndex, toNodeId, toTerm } from "./entry.ts";
import type { MemoryLogStorage } from "./log/memory-log-storage.ts";
import type { Message } from "./message.ts";
import type { RawNode } from "./raw-node.ts";
import { append, change, nodeOn, settle, startedWith } from "./testing/single-node.ts";

describe("a leader that removed itself and was not heard of again (etcd #12359)", () => {
  // Node 1 has the removal of node 2 in its log, but does not know that it is committed. Node 2 knows, and has a longer log.
  function stuck(commitByVote: boolean): { node: RawNode; storage: MemoryLogStorage } {
    const storage = startedWith([1, 2]);
    const node = nodeOn(storage, { commitByVote });
    const data = encodeConfChangeV2(change("ConfChangeRemoveNode", 2));
    const message = append(1, 1, 1, [1], 1);
    node.step({
      ...message,
      entries: message.entries.map((entry): Entry => ({ ...entry, type: "EntryConfChangeV2", data })),
    });
    settle(node, storage);
    node.campaign();
    settle(node, storage);
    const committed = { term: toTerm(1), index: toIndex(2) };
    node.step({ type: "MsgVoteResp", from: toNodeId(2), to: toNodeId(1), term: toTerm(2), reject: true, committed });
    return { node, storage };
  }

  it("leaves a group that goes on where refused votes tell what is committed", () => {
    const { node, storage } = stuck(true);
    expect(node.basicStatus()).toMatchObject({ state: "StateFollower", commit: 2 });
    const { committed } = settle(node, storage);
    expect(committed.map(({ type }) => type)).toEqual(["EntryConfChangeV2"]);
    node.applyConfChange(change("ConfChangeRemoveNode", 2));
    node.campaign();
    settle(node, storage);
    expect(node.basicStatus()).toMatchObject({ state: "StateLeader", term: 3 });
  });

  it("leaves a group that is stuck where they do not", () => {
    const { node } = stuck(false);
    expect(node.basicStatus()).toMatchObject({ state: "StateFollower", commit: 1 });
  });
});

describe("elections", () => {
  const preVote = (term: number): Message => ({
    type: "MsgPreVote",
    from: toNodeId(3),
    to: toNodeId(1),
    term: toTerm(term),
    logTerm: toTerm(1),
    index: toIndex(1),
    force: false,
  });

  it("answer a pre-vote of a lower term, so that its asker catches up (etcd #8501)", () => {
    const storage = startedWith([1, 2, 3]);
    storage.setHardState({ term: toTerm(5), vote: 0 as NodeId, commit: toIndex(1) });
    const node = nodeOn(storage, { preVote: true, checkQuorum: true });
    node.step(preVote(3));
    expect(settle(node, storage).sent).toEqual([{ type: "MsgPreVoteResp", from: 1, to: 3, term: 5, reject: true }]);
  });

  it("answer a leader of a lower term, so that it steps down (etcd #8243)", () => {
    const storage = startedWith([1, 2, 3]);
    storage.setHardState({ term: toTerm(5), vote: 0 as NodeId, commit: toIndex(1) });
    const node = nodeOn(storage, { preVote: true, checkQuorum: true });
    node.step(append(3, 1, 1, [], 1));
    expect(settle(node, storage).sent).toMatchObject([{ type: "MsgAppResp", to: 2, term: 5, index: 0 }]);
  });

  it("are not started by a node that has a committed change of membership still to apply", () => {
    const storage = startedWith([1, 2, 3]);
    const node = nodeOn(storage);
    const message = append(2, 1, 1, [2], 2);
    const entries = message.entries.map((entry): Entry => ({ ...entry, type: "EntryConfChangeV2" }));
    node.step({ ...message, entries });
    node.campaign();
    expect(node.basicStatus()).toMatchObject({ state: "StateFollower", term: 2, commit: 2, applied: 1 });
    settle(node, storage);
    node.campaign();
    expect(node.basicStatus()).toMatchObject({ state: "StateCandidate", term: 3 });
  });

  it("wait longer by what the random source says", () => {
    const ticksUntilCampaign = (draw: number): number => {
      const node = nodeOn(startedWith([1, 2, 3]), { random: { below: () => draw } });
      let ticks = 0;
      while (node.basicStatus().state === "StateFollower") {
        node.tick();
        ticks++;
      }
      return ticks;
    };
    expect([0, 3, 9].map(ticksUntilCampaign)).toEqual([10, 13, 19]);
  });
});
