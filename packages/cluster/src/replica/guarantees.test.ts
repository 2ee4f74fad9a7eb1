/** Promises of docs/guarantees.md that are the replica's own: one machine, moved by hand. */
import { type ConfChangeV2, encodeConfChangeV2, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { utf8 } from "@strongroom/runtime";
import { decodeEntryBody, KEYRING_KEY, MemoryTable, SEAL_RECORD_KEY } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { CHECKPOINT_KEY, encodeCheckpoint } from "../state/checkpoint.ts";
import { REPLICA_STATE_KEY } from "../state/keys.ts";
import { registrationMutation } from "../state/registration.ts";
import { decodeAppliedIndex, encodeReplicaState, initialReplicaState } from "../state/replica-state.ts";
import { StateMachine } from "../state/state-machine.ts";
import type { Milestone } from "../state/types.ts";
import { entryOf, KEYS, ManualReplica, PEER, peerCommand, SELF } from "../testing/manual-replica.ts";
import { AuthenticatorGate } from "./authenticator-gate.ts";
import { DEFAULT_TAIL_LIMITS, DEFAULT_TIMINGS, raftConfig } from "./options.ts";
import { judgeAppend } from "./verification.ts";

const badMac = new Uint8Array(32).fill(8);
const unsigned = { keyId: 0, mac: new Uint8Array(0) };

function leader(): ManualReplica {
  const one = new ManualReplica({ voters: [SELF] });
  one.lead();
  expect(one.replica.status().state).toBe("leader");
  return one;
}

function follower(options: { readonly sealed?: boolean } = {}): ManualReplica {
  return new ManualReplica({ voters: [SELF, PEER], ...options });
}

/** The log times of all entries with commands that it appended. */
function stamps(one: ManualReplica): number[] {
  return one.appended.flatMap(({ data }) => {
    const body = decodeEntryBody(data);
    return body.kind === "commands" ? [body.logTimeMs] : [];
  });
}

describe("the core as the replica runs it", () => {
  it("has PreVote, CheckQuorum, stepping down on removal and safe reads always on, and forwarding off", () => {
    const options = {
      id: SELF,
      clusterId: () => undefined,
      clusterAddress: "",
      timings: DEFAULT_TIMINGS,
      tailLimits: DEFAULT_TAIL_LIMITS,
      flushEveryBytes: 1,
      seeds: [],
      supportedVersion: 1,
    };
    // What a caller might try to smuggle in is not looked at.
    const more = { ...options, preVote: false, checkQuorum: false, stepDownOnRemoval: false };
    const parts = { state: { appliedIndex: toIndex(1) }, random: { below: () => 0 } };
    const config = raftConfig(more, parts as never, {} as never);
    expect(config).toMatchObject({
      preVote: true,
      checkQuorum: true,
      stepDownOnRemoval: true,
      asyncStorageWrites: true,
      disableProposalForwarding: true,
      readOnlyOption: "safe",
    });
  });
});

describe("an append from a leader", () => {
  it("with a bad MAC is not stored, and its connection is closed", () => {
    const one = follower();
    one.hearAppend([entryOf(2, peerCommand(1)), entryOf(3, peerCommand(2, { mac: badMac }))], 1);
    expect(one.of("disconnect")).toEqual([{ type: "disconnect", peer: PEER }]);
    expect(one.appended).toEqual([]);
    expect(one.said("MsgAppResp")).toEqual([]);
  });

  it("is stored up to the first key that is not known yet, and the rest when it is sent again", () => {
    const one = follower();
    one.hearAppend([entryOf(2, peerCommand(1)), entryOf(3, peerCommand(2, { keyId: 2 })), entryOf(4)], 1);
    expect(one.of("disconnect")).toEqual([]);
    expect(one.appended.map(({ index }) => index)).toEqual([2]);
    expect(one.said("MsgAppResp").map(({ index }) => index)).toEqual([2]);
  });

  it("is stored unchecked by a sealed node", () => {
    const one = follower({ sealed: true });
    one.hearAppend([entryOf(2, peerCommand(1, { mac: badMac }))], 1);
    expect(one.appended.map(({ index }) => index)).toEqual([2]);
  });

  it("is acknowledged only when the own disk has it", () => {
    const one = follower();
    one.hold("append");
    one.hearAppend([entryOf(2, peerCommand(1))], 1);
    expect(one.said("MsgAppResp")).toEqual([]);
    one.release("append");
    expect(one.said("MsgAppResp")).toMatchObject([{ index: 2, reject: false }]);
  });

  it("without MACs passes only as a no-op, as the end of a joint configuration, or as the first init", () => {
    const init = { guards: [{ kind: "absent", key: SEAL_RECORD_KEY }] } as const;
    const rules = {
      authenticator: KEYS,
      unsignedAllowed: (command: { readonly guards: readonly { readonly kind: string }[] }) =>
        command.guards.length > 0,
    };
    const judge = (...entries: Parameters<typeof judgeAppend>[0]) => judgeAppend(entries, rules).verdict;
    const noop = { index: toIndex(2), term: toTerm(2), type: "EntryNormal", data: new Uint8Array(0) } as const;
    expect(judge(noop)).toBe("ok");
    const change = (changes: ConfChangeV2["changes"]) =>
      judge({
        ...noop,
        type: "EntryConfChangeV2",
        data: encodeConfChangeV2({ transition: "ConfChangeTransitionAuto", changes, context: new Uint8Array(0) }),
      });
    expect(change([])).toBe("ok");
    expect(change([{ type: "ConfChangeAddNode", nodeId: SELF }])).toBe("bad");
    expect(judge(entryOf(2, peerCommand(1, { ...unsigned, ...init })))).toBe("ok");
    expect(judge(entryOf(2, peerCommand(1, unsigned)))).toBe("bad");
    expect(judge(entryOf(2, Uint8Array.of(1, 2, 3)))).toBe("bad");
    expect(judge({ ...noop, data: Uint8Array.of(9, 9) })).toBe("bad");
    expect(judge({ ...noop, type: "EntryConfChange" })).toBe("bad");
  });
});

describe("the keys' gate", () => {
  it("asks nobody for a key once it is closed", () => {
    let asked = 0;
    const gate = new AuthenticatorGate({
      verify: () => {
        asked++;
        return "ok";
      },
    });
    const verify = () => gate.verify(1, new Uint8Array(1), badMac);
    expect(verify()).toBe("sealed");
    gate.open();
    expect(verify()).toBe("ok");
    gate.close();
    expect(verify()).toBe("sealed");
    expect(asked).toBe(1);
  });

  it("is closed when the replica answers that it is", () => {
    const one = leader();
    one.replica.attachWorker(7, 1);
    one.replica.fromWorker(7, [{ type: "control", id: 5, request: { type: "authenticator", state: "sealed" } }]);
    one.settle();
    const answers = one.of("post").flatMap(({ messages }) => messages.filter(({ type }) => type === "control-reply"));
    expect(answers).toEqual([{ type: "control-reply", id: 5, reply: { ok: true } }]);
    expect(one.gate.isOpen).toBe(false);
  });
});

describe("proposals of other nodes", () => {
  const propose = (one: ManualReplica, commands: readonly Uint8Array[], skewMs = 0) =>
    one.hear([{ type: "propose", batch: 3, commands }], skewMs);

  it("are stamped by the leader with its clock, and never before an earlier stamp", () => {
    const one = leader();
    const first = one.wallMs;
    propose(one, [peerCommand(1)]);
    one.wallMs -= 5_000;
    propose(one, [peerCommand(2)]);
    one.wallMs += 10_000;
    propose(one, [peerCommand(3)]);
    expect(stamps(one)).toEqual([first, first, first + 5_000]);
    expect(one.state.logTimeMs).toBe(first + 5_000);
  });

  it("are refused with a reason when the proposer's clock is two seconds off", () => {
    const one = leader();
    propose(one, [peerCommand(1)], 2_001);
    propose(one, [peerCommand(1)], -2_001);
    propose(one, [peerCommand(1)], 1_999);
    expect(one.said("proposal-dropped")).toEqual([
      { type: "proposal-dropped", batch: 3, reason: "clock-skew", proposals: [{ incarnation: 1, sequence: 1 }] },
      { type: "proposal-dropped", batch: 3, reason: "clock-skew", proposals: [{ incarnation: 1, sequence: 1 }] },
    ]);
    expect(stamps(one)).toHaveLength(1);
  });

  it("are refused when their MAC is wrong or their key is not known, and ignored when they are another node's", () => {
    const one = leader();
    propose(one, [
      peerCommand(1, { mac: badMac }),
      peerCommand(2, { keyId: 2 }),
      peerCommand(3, { proposer: { node: 9, incarnation: 1 } }),
      Uint8Array.of(1, 2, 3),
    ]);
    expect(one.said("proposal-dropped").map(({ reason, proposals }) => [reason, proposals[0]?.sequence])).toEqual([
      ["unauthentic", 1],
      ["busy", 2],
    ]);
    expect(stamps(one)).toEqual([]);
  });

  it("are answered as dropped by a node that does not lead", () => {
    const one = follower();
    propose(one, [peerCommand(1)]);
    expect(one.said("proposal-dropped")).toMatchObject([{ batch: 3, reason: "not-leader" }]);
    expect(one.appended).toEqual([]);
  });

  it("that come in one turn are packed into one entry, in their order", () => {
    const one = leader();
    const commands = [peerCommand(1), peerCommand(2), peerCommand(3)];
    propose(one, commands);
    const bodies = one.appended.map(({ data }) => decodeEntryBody(data)).filter(({ kind }) => kind === "commands");
    expect(bodies).toMatchObject([{ commands }]);
  });

  it("wait in a new leader until it has applied an entry of its own term: only then it knows the last stamp", () => {
    const one = new ManualReplica({ voters: [SELF] });
    one.hold("append");
    one.lead();
    one.release("append", { once: true });
    expect(one.replica.status().state).toBe("leader");
    propose(one, [peerCommand(1)]);
    expect(stamps(one)).toEqual([]);
    one.release("append");
    expect(stamps(one)).toHaveLength(1);
  });
});

describe("applying", () => {
  const put = (name: string, value: string) =>
    ({ kind: "put", key: utf8(` ${name}`), term: 1, value: utf8(value) }) as const;

  it("waits for the own disk, however many others have the entry", () => {
    const one = follower();
    one.hold("append");
    one.hearAppend([entryOf(2, peerCommand(1))], 2);
    expect(one.of("write")).toEqual([]);
    one.release("append");
    expect(one.of("write")).toHaveLength(1);
    expect(one.state.appliedIndex).toBe(2);
  });

  it("is told to workers only when the table has it, and the changed keys before the verdicts", () => {
    const one = follower();
    one.replica.attachWorker(7, 1);
    const registration = { sequence: 0, floor: 0, mutations: [registrationMutation(SELF, [])] };
    const own = { proposer: { node: SELF, incarnation: 1 } };
    one.settle();
    one.replica.fromWorker(7, [
      { type: "propose", sequences: [1], timeoutsMs: [9_999], sizes: [3], packed: Uint8Array.of(1, 2, 3) },
    ]);
    one.settle();
    one.hold("write");
    one.hearAppend(
      [
        entryOf(2, peerCommand(0, { ...own, ...registration })),
        entryOf(3, peerCommand(1, { ...own, mutations: [put("a", "1")] })),
      ],
      3,
    );
    const told = () =>
      one
        .of("post")
        .flatMap(({ messages }) => messages)
        .filter(({ type }) => type === "committed" || type === "applied")
        .map((message) => [message.type, message.type === "applied" ? message.index : 0]);
    expect(told()).toEqual([["applied", 1]]);
    one.release("write");
    expect(told().slice(1)).toEqual([
      ["applied", 3],
      ["committed", 0],
    ]);
  });

  it("stops an open node behind a change of the keyring until the new keys are published", () => {
    const rotate = { kind: "put", key: KEYRING_KEY, term: 0, value: utf8("sealed") } as const;
    const register = peerCommand(0, { sequence: 0, floor: 0, mutations: [registrationMutation(PEER, [])] });
    const entries = [entryOf(2, register), entryOf(3, peerCommand(1, { mutations: [rotate] })), entryOf(4)];
    const one = follower();
    one.replica.attachWorker(7, 1);
    one.hearAppend(entries, 4);
    expect(one.state.appliedIndex).toBe(3);
    const publish = (keyringIndex: number) => {
      one.replica.fromWorker(7, [
        { type: "control", id: 1, request: { type: "authenticator", state: "open", keyringIndex, provenIndex: 0 } },
      ]);
      one.settle();
    };
    publish(2);
    expect(one.state.appliedIndex).toBe(3);
    publish(3);
    expect(one.state.appliedIndex).toBe(4);
    const sealed = follower({ sealed: true });
    sealed.hearAppend(entries, 4);
    expect(sealed.state.appliedIndex).toBe(4);
  });

  it("ends the replica at a command whose MAC is bad, which a sealed node may have stored", () => {
    const one = follower({ sealed: true });
    one.hearAppend([entryOf(2, peerCommand(1, { mac: badMac }))], 1);
    one.gate.open();
    expect(() => one.hearAppend([entryOf(3)], 3)).toThrow(/no unsealed member/);
  });

  it("lets the log be cut only below what a finished flush of the table covers", () => {
    const tailLimits = { maxBytes: 0, maxEntries: 0 };
    const one = new ManualReplica({ voters: [SELF, PEER], flushEveryBytes: 1, tailLimits });
    one.hold("flush");
    one.hearAppend([entryOf(2, peerCommand(1)), entryOf(3, peerCommand(2))], 3);
    const flushAt = one.effects.findIndex(({ type }) => type === "flush");
    const written = one.effects.slice(0, flushAt).flatMap((effect) => (effect.type === "write" ? effect.ops : []));
    const covered = written.flatMap((op) =>
      op.type === "put" && Buffer.from(op.key).equals(REPLICA_STATE_KEY) ? [decodeAppliedIndex(op.value)] : [1],
    );
    for (let index = 4; index < 40; index++) one.hearAppend([entryOf(index, peerCommand(index))], index);
    expect(one.of("cut")).toEqual([]);
    one.release("flush", { once: true });
    expect(one.state.appliedIndex).toBe(39);
    expect(one.of("cut")).toHaveLength(1);
    expect(one.of("cut")[0]?.below).toBeLessThanOrEqual(Math.max(1, ...covered) + 1);
  });

  it("keeps the log above the newest checkpoint that a finished flush covers", () => {
    const tailLimits = { maxBytes: 0, maxEntries: 0 };
    const one = new ManualReplica({ voters: [SELF, PEER], flushEveryBytes: 1, tailLimits });
    const cuts = () => one.of("cut").map(({ below }) => below);
    one.hearAppend([entryOf(2, peerCommand(0, { floor: 0, mutations: [registrationMutation(PEER, [])] }))], 2);
    for (let from = 3; from <= 1_100; from += 50)
      one.hearAppend(
        Array.from({ length: 50 }, (_, i) => entryOf(from + i)),
        from + 49,
      );
    // Nothing is signed yet: all is kept from the beginning on.
    expect(new Set(cuts())).toEqual(new Set([1]));
    const [milestone] = one.state.milestones;
    const value = encodeCheckpoint({ ...(milestone as Milestone), keyId: 1, mac: new Uint8Array(32).fill(9) });
    const checkpoint = { kind: "put", key: CHECKPOINT_KEY, term: 0, value } as const;
    one.hearAppend([entryOf(1_103, peerCommand(1, { mutations: [checkpoint] }))], 1_103);
    one.hearAppend([entryOf(1_104, peerCommand(2, { mutations: [put("a", "1")] }))], 1_104);
    one.hearAppend([entryOf(1_105)], 1_105);
    expect(cuts().at(-1)).toBe(1_025);
    expect(Math.max(...cuts())).toBe(1_025);
  });
});

describe("the book of peers", () => {
  const status = {
    type: "node-status",
    clusterAddress: "memory:3",
    sealed: false,
    diskLow: false,
    appliedIndex: 1,
    supportedVersion: 1,
    digestIndex: 0,
    digest: new Uint8Array(0),
  } as const;

  it("takes in a node that this one's configuration does not know yet, unless it was removed", () => {
    const newer = toNodeId(3);
    const one = follower();
    one.replica.receive(newer, one.wallMs, [status]);
    one.settle();
    expect(one.of("set-peers").at(-1)?.peers).toContainEqual({ id: newer, address: "memory:3" });
    const other = new ManualReplica({ voters: [SELF, PEER], removed: [newer] });
    other.replica.receive(newer, other.wallMs, [status]);
    other.settle();
    expect(other.of("set-peers").at(-1)).toMatchObject({ peers: [], removed: [newer] });
  });
});

describe("what a peer says", () => {
  const VOTE = { type: "MsgVoteResp", from: PEER, to: SELF, term: toTerm(2), reject: false } as const;

  /** Asks for votes in term 2. */
  function candidate(options: Partial<ConstructorParameters<typeof ManualReplica>[0]> = {}): ManualReplica {
    const one = new ManualReplica({ voters: [SELF, PEER, toNodeId(3)], ...options });
    one.tick(DEFAULT_TIMINGS.electionTicks);
    const granted = { type: "MsgPreVoteResp", from: toNodeId(3), to: SELF, term: toTerm(2), reject: false } as const;
    one.replica.receive(toNodeId(3), one.wallMs, [granted]);
    one.settle();
    expect(one.said("MsgVote").map(({ to }) => to)).toEqual([2, 3]);
    return one;
  }

  it("counts in its own name only", () => {
    const one = candidate();
    one.hear([{ ...VOTE, from: toNodeId(3) }]);
    expect(one.replica.status().state).toBe("candidate");
    one.hear([VOTE]);
    expect(one.replica.status().state).toBe("leader");
  });

  it("is not heard once it was removed", () => {
    const voters = [SELF, toNodeId(3)];
    const campaign = { type: "MsgVote", from: PEER, to: SELF, logTerm: toTerm(5), index: toIndex(50) } as const;
    for (const [removed, term] of [[[], 9] as const, [[PEER], 1] as const]) {
      const one = new ManualReplica({ voters, removed });
      one.hear([{ ...campaign, term: toTerm(9), force: true }]);
      expect(one.replica.status().term).toBe(term);
    }
  });

  it("is heard as long as it votes, though it is to be removed", () => {
    const one = candidate({ removed: [PEER] });
    one.hear([VOTE]);
    expect(one.replica.status().state).toBe("leader");
  });

  it("counts before the time that passed while it waited to be heard", () => {
    const one = new ManualReplica({ voters: [SELF, PEER, toNodeId(3)] });
    one.tick(DEFAULT_TIMINGS.electionTicks - 1);
    // The process stood still: a heartbeat waits, and the tick is due that would begin an election.
    const heartbeat = { type: "MsgHeartbeat", from: PEER, to: SELF, term: toTerm(2), commit: toIndex(1) } as const;
    one.replica.receive(PEER, one.wallMs, [{ ...heartbeat, readPosition: 0 }]);
    one.tick(1);
    expect(one.said("MsgPreVote")).toEqual([]);
    expect(one.replica.status()).toMatchObject({ state: "follower", leaderId: PEER });
  });
});

describe("a received snapshot", () => {
  const confState = { voters: [SELF, PEER], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const metadata = { index: toIndex(50), term: toTerm(2), confState };

  function receive(one: ManualReplica): void {
    const table = new MemoryTable();
    const state = { ...initialReplicaState(confState), appliedIndex: metadata.index, appliedTerm: metadata.term };
    table.writeSync([{ type: "put", key: REPLICA_STATE_KEY, value: encodeReplicaState(state) }]);
    one.replica.snapshotReceived({
      from: PEER,
      term: metadata.term,
      metadata,
      generation: "state-50-0",
      state: StateMachine.open(table, { authenticator: one.gate }),
      removed: [],
    });
    one.settle();
  }

  it("takes the state's place only when the log says so durably", () => {
    const one = follower();
    one.hearAppend([entryOf(2)], 2);
    one.hold("append");
    receive(one);
    expect(one.of("append").at(-1)?.group.installed).toEqual({ metadata, generation: "state-50-0" });
    expect(one.of("switch-generation")).toEqual([]);
    one.release("append");
    expect(one.of("switch-generation")).toEqual([{ type: "switch-generation", generation: "state-50-0" }]);
    expect(one.replica.status().appliedIndex).toBe(50);
  });

  it("takes the state's place only when nothing is on its way into the old one", () => {
    const one = follower();
    one.hold("write");
    one.hearAppend([entryOf(2, peerCommand(1))], 2);
    receive(one);
    expect(one.of("switch-generation")).toEqual([]);
    one.release("write");
    expect(one.of("switch-generation")).toHaveLength(1);
  });

  it("is thrown away if the log is further already", () => {
    const one = follower();
    one.hearAppend(
      Array.from({ length: 60 }, (_, i) => entryOf(2 + i)),
      61,
    );
    receive(one);
    expect(one.of("switch-generation")).toEqual([]);
    expect(one.of("discard-generation")).toEqual([{ type: "discard-generation", generation: "state-50-0" }]);
  });
});
