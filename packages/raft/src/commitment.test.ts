import { describe, expect, it } from "vitest";
import { type Entry, LOCAL_APPLY_THREAD, type NodeId, toIndex, toNodeId, toTerm } from "./entry.ts";
import type { Message, MsgStorageApply } from "./message.ts";
import { acknowledge, append, change, leaderOf, NO_DATA, nodeOn, settle, startedWith } from "./testing/single-node.ts";

describe("commitment", () => {
  it("counts no replicas for entries of earlier terms (Raft figure 8)", () => {
    const old: Entry = { term: toTerm(2), index: toIndex(2), type: "EntryNormal", data: NO_DATA };
    const storage = startedWith([1, 2, 3], [old]);
    storage.setHardState({ term: toTerm(3), vote: 0 as NodeId, commit: toIndex(1) });
    const node = nodeOn(storage);
    node.campaign();
    settle(node, storage);
    node.step({ type: "MsgVoteResp", from: toNodeId(2), to: toNodeId(1), term: toTerm(4), reject: false });
    settle(node, storage);
    acknowledge(node, 2, 2);
    expect(node.basicStatus().commit).toBe(1);
    acknowledge(node, 2, 3);
    expect(node.basicStatus().commit).toBe(3);
  });

  it("counts no refusal for an acknowledgement, and no learner for a voter", () => {
    const { node, storage } = leaderOf([1, 2, 3, 4]);
    const answer = { type: "MsgAppResp", from: toNodeId(2), to: toNodeId(1), term: toTerm(1) } as const;
    node.step({ ...answer, logTerm: toTerm(1), index: toIndex(2), reject: true, rejectHint: toIndex(2) });
    expect(node.status().progress.get(toNodeId(2))).toMatchObject({ match: 0 });
    node.applyConfChange(change("ConfChangeAddLearnerNode", 5));
    for (const member of [5, 3]) acknowledge(node, member, 2);
    settle(node, storage);
    expect(node.basicStatus().commit).toBe(1);
    acknowledge(node, 4, 2);
    expect(node.basicStatus().commit).toBe(2);
  });

  it("of a single voter waits for its own disk (etcd #14370)", () => {
    const storage = startedWith([1]);
    const node = nodeOn(storage, { asyncStorageWrites: true });
    node.campaign();
    // The own vote waits for the disk too.
    let work = node.ready().messages.find((message) => message.type === "MsgStorageAppend");
    expect(node.basicStatus().state).toBe("StateCandidate");
    for (const response of work?.responses ?? []) node.step(response);
    expect(node.basicStatus().state).toBe("StateLeader");
    node.propose([Uint8Array.of(1)]);
    const { messages, committedEntries } = node.ready();
    expect(committedEntries).toEqual([]);
    work = messages.find((message) => message.type === "MsgStorageAppend");
    expect(node.basicStatus().commit).toBe(1);
    storage.append(work?.entries ?? []);
    for (const response of work?.responses ?? []) node.step(response);
    expect(node.basicStatus().commit).toBe(3);
    expect(node.ready().messages.map(({ type, to }) => [type, to])).toContainEqual([
      "MsgStorageApply",
      LOCAL_APPLY_THREAD,
    ]);
  });

  it("of entries that are committed but not on the own disk does not hand them out in async mode", () => {
    const storage = startedWith([1, 2, 3]);
    const node = nodeOn(storage, { asyncStorageWrites: true });
    node.step(append(2, 1, 1, [2, 2], 3));
    const ready = node.ready();
    expect(ready.entries.length).toBe(2);
    expect(node.basicStatus().commit).toBe(3);
    expect(ready.committedEntries).toEqual([]);
  });
});

describe("a follower", () => {
  it("commits no further than its leader has confirmed, however far the leader's commit index is", () => {
    const storage = startedWith([1, 2, 3]);
    const node = nodeOn(storage);
    node.step(append(2, 1, 1, [2, 2], 1));
    settle(node, storage);
    // The leader of term 3 has another entry at 3, and it is committed. So far it has found out that the logs agree at 2.
    node.step({ ...append(3, 2, 2, [], 3), from: toNodeId(3) });
    expect(node.basicStatus()).toMatchObject({ commit: 2, lastIndex: 3 });
  });

  it("acknowledges no further than its leader has confirmed, however long its log is", () => {
    const storage = startedWith([1, 2, 3]);
    const node = nodeOn(storage);
    node.step(append(2, 1, 1, [2, 2, 2], 1));
    settle(node, storage);
    node.step({ ...append(3, 1, 1, [2], 1), from: toNodeId(3) });
    expect(settle(node, storage).sent).toMatchObject([{ type: "MsgAppResp", to: 3, index: 2, reject: false }]);
  });
});

describe("limits on what is sent", () => {
  it("cut appends by bytes and stop at the window", () => {
    const { node, storage } = leaderOf([1, 2], { maxSizePerMessage: 60, maxInflightMessages: 2 });
    acknowledge(node, 2, 2);
    settle(node, storage);
    node.propose(Array.from({ length: 10 }, () => new Uint8Array(14)));
    const appends = settle(node, storage).sent.filter((message) => message.type === "MsgApp");
    // 16 bytes of overhead and 14 of payload: two entries a message, two messages in flight.
    expect(appends.map(({ entries }) => entries.length)).toEqual([2]);
    acknowledge(node, 2, 4);
    const more = settle(node, storage).sent.filter((message) => message.type === "MsgApp");
    expect(more.map(({ entries }) => entries.length)).toEqual([2, 2]);
    expect(node.status().progress.get(toNodeId(2))).toMatchObject({ inflight: 2, paused: true, match: 4, next: 9 });
  });

  it("let at most so many bytes be applied at a time", () => {
    const { node, storage } = leaderOf([1], { maxCommittedSizePerReady: 1 });
    node.propose([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
    const sizes = settle(node, storage).readies.map(({ committedEntries }) => committedEntries.length);
    expect(sizes.filter((size) => size > 0)).toEqual([1, 1, 1]);
  });

  it("hand out nothing more to be applied while as much as may be is under way", () => {
    const storage = startedWith([1]);
    const node = nodeOn(storage, { asyncStorageWrites: true, maxCommittedSizePerReady: 60 });
    const handedOut: MsgStorageApply[] = [];
    // Writes all, and keeps what is to be applied.
    const write = (): void => {
      while (node.hasReady()) {
        for (const message of node.ready().messages) {
          if (message.type === "MsgStorageApply") handedOut.push(message);
          if (message.type !== "MsgStorageAppend") continue;
          storage.append(message.entries);
          for (const response of message.responses) node.step(response);
        }
      }
    };
    node.campaign();
    node.propose([new Uint8Array(14)]);
    write();
    node.propose(Array.from({ length: 5 }, () => new Uint8Array(14)));
    write();
    // 16 bytes of overhead each: the election's entry, and then 30 bytes a payload.
    expect(handedOut.map(({ entries }) => entries.map(({ index }) => index))).toEqual([[2], [3]]);
    for (const response of handedOut.splice(0).flatMap(({ responses }) => responses)) node.step(response);
    write();
    expect(handedOut.map(({ entries }) => entries.map(({ index }) => index))).toEqual([[4, 5]]);
  });
});

describe("an append that was overtaken by others", () => {
  it("does not count as durable by its late answer, even if its entry is back in the log", () => {
    const storage = startedWith([1, 2, 3]);
    const node = nodeOn(storage, { asyncStorageWrites: true });
    // (2, term 2) goes to the disk, is replaced by (2, term 3), and comes back under the leader of term 4.
    const answers = [append(2, 1, 1, [2], 1), append(3, 1, 1, [3], 1), append(4, 1, 1, [2], 2)].map((message) => {
      node.step(message);
      const work = node.ready().messages.find(({ type }) => type === "MsgStorageAppend");
      if (work?.type !== "MsgStorageAppend") throw new Error("nothing to write");
      return work.responses.find(({ type }) => type === "MsgStorageAppendResp") as Message;
    });
    const [first, second, third] = answers as [Message, Message, Message];
    node.step(first);
    node.step(second);
    // The disk may hold either by now: the entry is committed, but must not be read from there to be applied.
    expect(node.basicStatus().commit).toBe(2);
    expect(node.hasReady()).toBe(false);
    storage.append([{ term: toTerm(2), index: toIndex(2), type: "EntryNormal", data: NO_DATA }]);
    node.step(third);
    expect(node.ready().committedEntries.map(({ term, index }) => [term, index])).toEqual([[2, 2]]);
  });

  it("does not count for the entry that took its place, even if its answer is of the present term", () => {
    const storage = startedWith([1, 2, 3]);
    const node = nodeOn(storage, { asyncStorageWrites: true });
    // (2, term 2) is handed out when the node is in term 3 already, in which it has voted.
    node.step(append(2, 1, 1, [2], 1));
    const vote = { term: toTerm(3), logTerm: toTerm(2), index: toIndex(2), force: false };
    node.step({ type: "MsgVote", from: toNodeId(3), to: toNodeId(1), ...vote });
    const written = node.ready().messages.find(({ type }) => type === "MsgStorageAppend");
    if (written?.type !== "MsgStorageAppend") throw new Error("nothing to write");
    // The leader of term 3 puts its own entry there, and commits it. The disk has the first one.
    node.step({ ...append(3, 1, 1, [3], 2), from: toNodeId(3) });
    storage.append(written.entries);
    for (const response of written.responses) if (response.to === 1) node.step(response);
    expect(node.ready().committedEntries).toEqual([]);
  });
});
