import { describe, expect, it } from "vitest";
import { decodeConfChangeV2, encodeConfChangeV2, LEAVE_JOINT } from "./confchange/codec.ts";
import type { ConfChangeV2 } from "./confchange/conf-change.ts";
import { type Entry, type Snapshot, toIndex, toNodeId, toTerm } from "./entry.ts";
import { ConfChangeError } from "./errors.ts";
import {
  acknowledge,
  append,
  change,
  ids,
  leaderOf,
  NO_DATA,
  nodeOn,
  settle,
  startedWith,
} from "./testing/single-node.ts";

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

describe("a snapshot from below what is committed", () => {
  it("is ignored, also where the log does not reach down to it any more", () => {
    const storage = startedWith([1, 2, 3]);
    const node = nodeOn(storage);
    node.step(append(2, 1, 1, [2, 2, 2, 2], 5));
    settle(node, storage);
    storage.compact(toIndex(4));
    const confState = { voters: ids(1, 2, 3), votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    const snapshot: Snapshot = { metadata: { index: toIndex(2), term: toTerm(2), confState }, data: NO_DATA };
    node.step({ type: "MsgSnap", from: toNodeId(2), to: toNodeId(1), term: toTerm(2), snapshot });
    expect(node.basicStatus()).toMatchObject({ commit: 5, lastIndex: 5 });
    expect(settle(node, storage)).toMatchObject({ sent: [{ type: "MsgAppResp", index: 5, reject: false }] });
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

  it("may not be changed by a new leader before it has applied all that its predecessors left", () => {
    const data = encodeConfChangeV2(change("ConfChangeRemoveNode", 3));
    const left: Entry = { term: toTerm(1), index: toIndex(2), type: "EntryConfChangeV2", data };
    const storage = startedWith([1, 2, 3], [left]);
    const node = nodeOn(storage);
    node.campaign();
    settle(node, storage);
    node.step({ type: "MsgVoteResp", from: toNodeId(2), to: toNodeId(1), term: toTerm(1), reject: false });
    settle(node, storage);
    expect(node.proposeConfChange(change("ConfChangeAddLearnerNode", 4))).toMatchObject({ ok: false });
    acknowledge(node, 2, 4);
    settle(node, storage);
    expect(node.proposeConfChange(change("ConfChangeAddLearnerNode", 4))).toMatchObject({ ok: true });
  });

  it("that shrinks the quorum commits what the smaller one has already", () => {
    const { node, storage } = leaderOf([1, 2, 3, 4]);
    acknowledge(node, 2, 2);
    settle(node, storage);
    expect(node.basicStatus().commit).toBe(1);
    node.applyConfChange(change("ConfChangeRemoveNode", 4));
    expect(node.basicStatus().commit).toBe(2);
  });

  it("leaves a joint configuration by itself, once", () => {
    const { node, storage } = leaderOf([1, 2, 3], { maxCommittedSizePerReady: 1 });
    acknowledge(node, 2, 2);
    settle(node, storage);
    const learners = [2, 3].flatMap((id) => change("ConfChangeAddLearnerNode", id).changes);
    node.proposeConfChange({ transition: "ConfChangeTransitionJointImplicit", changes: learners, context: NO_DATA });
    node.propose([Uint8Array.of(1), Uint8Array.of(2)]);
    settle(node, storage);
    acknowledge(node, 2, 5);
    while (node.hasReady()) {
      const { entries, committedEntries } = node.ready();
      storage.append(entries);
      for (const entry of committedEntries) {
        if (entry.type === "EntryConfChangeV2") node.applyConfChange(decodeConfChangeV2(entry.data));
      }
      node.advance();
    }
    const types = storage.entries(toIndex(3), toIndex(storage.lastIndex() + 1), 1000).map(({ type }) => type);
    expect(types).toEqual(["EntryConfChangeV2", "EntryNormal", "EntryNormal", "EntryConfChangeV2"]);
  });

  it("that leaves no voter is refused when it is applied", () => {
    const { node } = leaderOf([1]);
    expect(() => node.applyConfChange(change("ConfChangeRemoveNode", 1))).toThrow(ConfChangeError);
    expect(node.confState().voters).toEqual([1]);
  });
});
