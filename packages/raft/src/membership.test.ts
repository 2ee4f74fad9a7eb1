import { describe, expect, it } from "vitest";
import { LEAVE_JOINT } from "./confchange/codec.ts";
import type { ConfChangeV2 } from "./confchange/conf-change.ts";
import { type Snapshot, toIndex, toNodeId, toTerm } from "./entry.ts";
import { ConfChangeError } from "./errors.ts";
import { acknowledge, change, ids, leaderOf, NO_DATA, nodeOn, settle, startedWith } from "./testing/single-node.ts";

describe("a snapshot that overtakes entries which are being applied", () => {
  const confState = { voters: ids(1, 2, 3, 4), votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const snapshot: Snapshot = { metadata: { index: toIndex(9), term: toTerm(2), confState }, data: NO_DATA };

  it("keeps its configuration, and theirs goes on from the old one", () => {
    const storage = startedWith([1, 2, 3]);
    const node = nodeOn(storage, { asyncStorageWrites: true });
    node.step({ type: "MsgSnap", from: toNodeId(2), to: toNodeId(1), term: toTerm(2), snapshot });
    expect(node.confState()).toEqual(confState);
    expect(node.applyConfChange(change("ConfChangeRemoveNode", 3)).voters).toEqual([1, 2]);
    expect(node.confState()).toEqual(confState);
    for (const message of node.ready().messages) {
      if (message.type !== "MsgStorageAppend") continue;
      storage.applySnapshot(message.snapshot as Snapshot);
      for (const response of message.responses) if (response.to === 1) node.step(response);
    }
    expect(node.applyConfChange(change("ConfChangeRemoveNode", 3)).voters).toEqual([1, 2, 4]);
    expect(node.basicStatus()).toMatchObject({ commit: 9, applied: 9 });
  });
});

describe("membership", () => {
  it("is refused while a change waits to be applied, and an empty entry takes its place", () => {
    const { node, storage } = leaderOf([1, 2, 3]);
    acknowledge(node, 2, 2);
    settle(node, storage);
    expect(node.proposeConfChange(change("ConfChangeAddLearnerNode", 4))).toEqual({ ok: true, lastIndex: 3 });
    expect(node.proposeConfChange(change("ConfChangeAddLearnerNode", 5))).toEqual({
      ok: false,
      reason: "conf-change-refused",
    });
    settle(node, storage);
    expect(storage.entries(toIndex(3), toIndex(5), 1000).map(({ type }) => type)).toEqual([
      "EntryConfChangeV2",
      "EntryNormal",
    ]);
  });

  it("may not be changed again in a joint configuration, not even by an empty joint change", () => {
    const { node, storage } = leaderOf([1]);
    const joint = (list: ConfChangeV2["changes"]): ConfChangeV2 => {
      return { transition: "ConfChangeTransitionJointExplicit", changes: list, context: NO_DATA };
    };
    node.applyConfChange(joint(change("ConfChangeAddLearnerNode", 2).changes));
    expect(node.proposeConfChange(joint([]))).toEqual({ ok: false, reason: "conf-change-refused" });
    expect(node.proposeConfChange(change("ConfChangeAddLearnerNode", 3))).toEqual({
      ok: false,
      reason: "conf-change-refused",
    });
    expect(node.proposeConfChange(LEAVE_JOINT).ok).toBe(true);
    settle(node, storage);
  });

  it("that leaves no voter is refused when it is applied", () => {
    const { node } = leaderOf([1]);
    expect(() => node.applyConfChange(change("ConfChangeRemoveNode", 1))).toThrow(ConfChangeError);
    expect(node.confState().voters).toEqual([1]);
  });
});
