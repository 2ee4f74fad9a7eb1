import { describe, expect, it } from "vitest";
import { type RaftConfig, RaftConfigError } from "./config.ts";
import { type Entry, type NodeId, type Term, toIndex, toNodeId, toTerm } from "./entry.ts";
import { RaftInvariantError } from "./errors.ts";
import type { Message } from "./message.ts";
import type { RawNode } from "./raw-node.ts";
import { acknowledge, append, change, leaderOf, NO_DATA, nodeOn, settle, startedWith } from "./testing/single-node.ts";

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

  it("counts what it refuses by all that is uncommitted together", () => {
    const { node } = leaderOf([1, 2, 3], { maxUncommittedEntriesSize: 10 });
    expect(node.propose([new Uint8Array(6)]).ok).toBe(true);
    expect(node.propose([new Uint8Array(5)])).toEqual({ ok: false, reason: "too-much-uncommitted" });
    expect(node.propose([new Uint8Array(4)]).ok).toBe(true);
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

describe("step", () => {
  it("refuses what cannot come from a peer, and answers of strangers", () => {
    const { node } = leaderOf([1, 2, 3]);
    const envelope = { from: toNodeId(9), to: toNodeId(1), term: 0 as Term };
    expect(node.step({ type: "MsgHup", ...envelope })).toBe("local-message");
    expect(node.step({ type: "MsgHeartbeatResp", ...envelope, readPosition: 0 })).toBe("peer-not-found");
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
