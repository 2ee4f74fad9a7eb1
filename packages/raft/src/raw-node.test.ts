import { describe, expect, it } from "vitest";
import { encodeConfChangeV2, LEAVE_JOINT } from "./confchange/codec.ts";
import type { ConfChangeV2 } from "./confchange/conf-change.ts";
import { type RaftConfig, RaftConfigError } from "./config.ts";
import {
  type Entry,
  type Index,
  LOCAL_APPLY_THREAD,
  type NodeId,
  type Snapshot,
  type Term,
  toIndex,
  toNodeId,
  toTerm,
} from "./entry.ts";
import { ConfChangeError, RaftInvariantError } from "./errors.ts";
import { MemoryLogStorage } from "./log/memory-log-storage.ts";
import type { Message, MsgAppResp } from "./message.ts";
import { RawNode } from "./raw-node.ts";
import type { Ready } from "./ready.ts";

const NO_DATA = new Uint8Array(0);
const ids = (...list: number[]): NodeId[] => list.map(toNodeId);

function startedWith(voters: readonly number[], entries: readonly Entry[] = []): MemoryLogStorage {
  const storage = new MemoryLogStorage();
  const confState = { voters: ids(...voters), votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  storage.applySnapshot({ metadata: { index: toIndex(1), term: toTerm(1), confState }, data: NO_DATA });
  storage.append(entries);
  return storage;
}

function nodeOn(storage: MemoryLogStorage, options: Partial<RaftConfig> = {}): RawNode {
  return new RawNode({
    id: toNodeId(1),
    storage,
    random: { below: () => 0 },
    electionTicks: 10,
    heartbeatTicks: 1,
    applied: toIndex(1),
    maxInflightMessages: 16,
    ...options,
  });
}

// Sync mode: does all that is to be done and gives what went out.
function settle(node: RawNode, storage: MemoryLogStorage): { sent: Message[]; committed: Entry[]; readies: Ready[] } {
  const sent: Message[] = [];
  const committed: Entry[] = [];
  const readies: Ready[] = [];
  while (node.hasReady()) {
    const ready = node.ready();
    readies.push(ready);
    if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
    if (ready.snapshot !== undefined) storage.applySnapshot(ready.snapshot);
    storage.append(ready.entries);
    sent.push(...ready.messages);
    committed.push(...ready.committedEntries);
    node.advance();
  }
  return { sent, committed, readies };
}

function leaderOf(
  voters: readonly number[],
  options: Partial<RaftConfig> = {},
): { node: RawNode; storage: MemoryLogStorage } {
  const storage = startedWith(voters);
  const node = nodeOn(storage, options);
  node.campaign();
  settle(node, storage);
  const { term } = node.basicStatus();
  for (const from of ids(...voters.slice(1))) {
    node.step({ type: "MsgVoteResp", from, to: toNodeId(1), term, reject: false });
  }
  settle(node, storage);
  expect(node.basicStatus().state).toBe("StateLeader");
  return { node, storage };
}

function acknowledge(node: RawNode, from: number, index: number): void {
  const { term } = node.basicStatus();
  const answer: MsgAppResp = {
    type: "MsgAppResp",
    from: toNodeId(from),
    to: toNodeId(1),
    term,
    logTerm: 0 as Term,
    index: toIndex(index),
    reject: false,
    rejectHint: 0 as Index,
  };
  node.step(answer);
}

function append(term: number, logTerm: number, index: number, entryTerms: readonly number[], commit: number): Message {
  const entries = entryTerms.map((one, i): Entry => {
    return { term: toTerm(one), index: toIndex(index + 1 + i), type: "EntryNormal", data: NO_DATA };
  });
  return {
    type: "MsgApp",
    from: toNodeId(2),
    to: toNodeId(1),
    term: toTerm(term),
    logTerm: toTerm(logTerm),
    index: toIndex(index),
    commit: toIndex(commit),
    entries,
  };
}

describe("propose", () => {
  it("appends many payloads at once, under the indices it names", () => {
    const { node, storage } = leaderOf([1, 2, 3]);
    for (const follower of [2, 3]) acknowledge(node, follower, 2);
    settle(node, storage);
    const result = node.propose([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(result).toEqual({ ok: true, lastIndex: 4 });
    const { sent } = settle(node, storage);
    const appends = sent.filter((message) => message.type === "MsgApp");
    expect(appends.map(({ to }) => to)).toEqual([2, 3]);
    expect(storage.lastIndex()).toBe(4);
  });

  it("hands out a payload that it was given, not a copy", () => {
    const { node, storage } = leaderOf([1]);
    const payload = Uint8Array.of(1, 2, 3);
    node.propose([payload]);
    expect(settle(node, storage).committed.at(-1)?.data).toBe(payload);
  });

  it("says why it refuses", () => {
    expect(nodeOn(startedWith([1, 2, 3])).propose([NO_DATA])).toEqual({ ok: false, reason: "no-leader" });

    const follower = nodeOn(startedWith([1, 2, 3]), { disableProposalForwarding: true });
    follower.step(append(2, 1, 1, [], 1));
    expect(follower.propose([NO_DATA])).toEqual({ ok: false, reason: "not-leader" });

    const forwarding = nodeOn(startedWith([1, 2, 3]));
    forwarding.step(append(2, 1, 1, [], 1));
    expect(forwarding.propose([NO_DATA])).toEqual({ ok: true, lastIndex: 0 });

    const { node } = leaderOf([1, 2, 3]);
    node.transferLeadership(toNodeId(2));
    expect(node.propose([NO_DATA])).toEqual({ ok: false, reason: "transferring" });
    expect(node.leaderTransferee).toBe(2);
  });

  it("refuses more payload than may be uncommitted, until some is applied", () => {
    const { node, storage } = leaderOf([1, 2, 3], { maxUncommittedEntriesSize: 10 });
    expect(node.propose([new Uint8Array(100)])).toEqual({ ok: true, lastIndex: 3 });
    expect(node.propose([new Uint8Array(1)])).toEqual({ ok: false, reason: "too-much-uncommitted" });
    // Empty entries always pass: an election and leaving a joint configuration depend on them.
    expect(node.propose([NO_DATA])).toEqual({ ok: true, lastIndex: 4 });
    settle(node, storage);
    acknowledge(node, 2, 4);
    settle(node, storage);
    expect(node.propose([new Uint8Array(1)])).toEqual({ ok: true, lastIndex: 5 });
  });
});

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
});

describe("reads", () => {
  it("do not cost an append each while writes are under way", () => {
    const { node, storage } = leaderOf([1, 2, 3]);
    acknowledge(node, 2, 2);
    settle(node, storage);
    node.propose([Uint8Array.of(1)]);
    settle(node, storage);
    const { term } = node.basicStatus();
    for (let context = 1; context <= 5; context++) {
      node.readIndex(context);
      const { sent } = settle(node, storage);
      expect(sent.map(({ type }) => type)).toEqual(["MsgHeartbeat", "MsgHeartbeat"]);
      node.step({ type: "MsgHeartbeatResp", from: toNodeId(2), to: toNodeId(1), term, readPosition: context });
      const { readies } = settle(node, storage);
      expect(readies.flatMap(({ readStates }) => readStates)).toEqual([{ index: 2, context }]);
      expect(readies.flatMap(({ messages }) => messages)).toEqual([]);
    }
    // The clock's heartbeat is answered by an append as ever, since earlier ones may be lost.
    node.tick();
    settle(node, storage);
    node.step({ type: "MsgHeartbeatResp", from: toNodeId(2), to: toNodeId(1), term, readPosition: 5 });
    expect(settle(node, storage).sent.map(({ type }) => type)).toEqual(["MsgApp"]);
  });

  it("are released when the last other voter leaves", () => {
    const { node, storage } = leaderOf([1, 2]);
    acknowledge(node, 2, 2);
    settle(node, storage);
    node.readIndex(1);
    settle(node, storage);
    node.applyConfChange(change("ConfChangeRemoveNode", 2));
    const { readies } = settle(node, storage);
    expect(readies.flatMap(({ readStates }) => readStates)).toEqual([{ index: 2, context: 1 }]);
  });

  it("by lease are answered at once", () => {
    const { node, storage } = leaderOf([1, 2, 3], { checkQuorum: true, readOnlyOption: "lease-based" });
    acknowledge(node, 2, 2);
    settle(node, storage);
    node.readIndex(8);
    expect(node.ready().readStates).toEqual([{ index: 2, context: 8 }]);
  });
});

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

describe("a restart", () => {
  it("takes what was applied for committed, even if the commit index was not yet written", () => {
    const entry: Entry = { term: toTerm(1), index: toIndex(2), type: "EntryNormal", data: NO_DATA };
    const node = nodeOn(startedWith([1, 2], [entry]), { applied: toIndex(2) });
    expect(node.basicStatus()).toMatchObject({ commit: 2, applied: 2 });
  });

  it("refuses a log that lost committed entries", () => {
    const storage = startedWith([1, 2]);
    storage.setHardState({ term: toTerm(1), vote: 0 as NodeId, commit: toIndex(5) });
    expect(() => nodeOn(storage)).toThrow(RaftInvariantError);
    expect(() => nodeOn(startedWith([1, 2]), { applied: toIndex(3) })).toThrow(RaftInvariantError);
  });
});

describe("invariants", () => {
  const follower = (): RawNode => {
    const node = nodeOn(startedWith([1, 2, 3]));
    node.step(append(2, 1, 1, [2, 2], 3));
    return node;
  };

  it("stop a node whose leader contradicts itself", () => {
    // Committed entries replaced.
    expect(() => follower().step(append(3, 1, 1, [3], 1))).not.toThrow();
    expect(() => follower().step(append(3, 2, 3, [3, 2], 3))).toThrow("cannot follow");
    expect(() => follower().step(append(2, 2, 3, [3], 3))).toThrow("cannot follow");
    const gap = append(2, 2, 3, [2, 2], 3);
    if (gap.type !== "MsgApp") throw new Error("unreachable");
    expect(() => follower().step({ ...gap, entries: gap.entries.slice(1) })).toThrow(RaftInvariantError);
    // Two leaders in one term.
    expect(() => follower().step({ ...append(2, 2, 3, [], 3), from: toNodeId(3) })).toThrow("both 2 and 3 lead term 2");
    // Told of commits beyond its log.
    const heartbeat: Message = {
      type: "MsgHeartbeat",
      from: toNodeId(2),
      to: toNodeId(1),
      term: toTerm(2),
      commit: toIndex(9),
      readPosition: 0,
    };
    expect(() => follower().step(heartbeat)).toThrow("beyond the last index");
  });

  it("stop a leader whose follower acknowledges what it was never sent", () => {
    const { node } = leaderOf([1, 2, 3]);
    expect(() => acknowledge(node, 2, 7)).toThrow("beyond the leader's last");
  });

  it("forbid advance() in async mode and ready() before it in sync mode", () => {
    const asynchronous = nodeOn(startedWith([1]), { asyncStorageWrites: true });
    expect(() => asynchronous.advance()).toThrow(RaftInvariantError);
    const synchronous = nodeOn(startedWith([1]));
    synchronous.campaign();
    synchronous.ready();
    expect(() => synchronous.ready()).toThrow("before advance()");
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
});

describe("a leader that removed itself and was not heard of again (etcd #12359)", () => {
  // Node 1 has the removal of node 2 in its log, but does not know that it is committed. Node 2 knows, and has a longer log.
  function stuck(commitByVote: boolean): { node: RawNode; storage: MemoryLogStorage } {
    const storage = startedWith([1, 2]);
    const node = nodeOn(storage, { commitByVote });
    const data = encodeConfChangeV2(change("ConfChangeRemoveNode", 2));
    const message = append(1, 1, 1, [1], 1);
    if (message.type !== "MsgApp") throw new Error("unreachable");
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
    if (message.type !== "MsgApp") throw new Error("unreachable");
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

describe("step", () => {
  it("refuses what cannot come from a peer, and answers of strangers", () => {
    const { node } = leaderOf([1, 2, 3]);
    const envelope = { from: toNodeId(9), to: toNodeId(1), term: 0 as Term };
    expect(node.step({ type: "MsgHup", ...envelope })).toBe("local-message");
    expect(node.step({ type: "MsgHeartbeatResp", ...envelope, readPosition: 0 })).toBe("peer-not-found");
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

describe("the options", () => {
  it("are refused where they cannot work", () => {
    const wrong: Partial<RaftConfig>[] = [
      { id: 0 as NodeId },
      { electionTicks: 1 },
      { heartbeatTicks: 0 },
      { maxInflightMessages: 0 },
      { readOnlyOption: "lease-based" },
      { maxSizePerMessage: 100, maxInflightBytes: 50 },
    ];
    for (const options of wrong) expect(() => nodeOn(startedWith([1]), options)).toThrow(RaftConfigError);
  });
});

function change(type: ConfChangeV2["changes"][number]["type"], id: number): ConfChangeV2 {
  return { transition: "ConfChangeTransitionAuto", changes: [{ type, nodeId: toNodeId(id) }], context: NO_DATA };
}
