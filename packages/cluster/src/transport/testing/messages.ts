/** Peer messages for tests: one of each type, and arbitrary ones. */
import type { Entry, EntryType, Index, MsgApp, MsgHeartbeat, NodeId, Term } from "@strongroom/raft";
import fc from "fast-check";
import type { DropReason, PeerMessage } from "../message.ts";

const index = fc.nat({ max: 2 ** 31 - 1 }).map((value) => value as Index);
const term = fc.nat({ max: 2 ** 31 - 1 }).map((value) => value as Term);
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 300 });
const ids = fc.array(
  fc.integer({ min: 1, max: 2 ** 52 }).map((value) => value as NodeId),
  { maxLength: 4 },
);

/** Any message that may travel from `from` to `to`. */
export function arbitraryMessage(from: NodeId, to: NodeId): fc.Arbitrary<PeerMessage> {
  const envelope = { from: fc.constant(from), to: fc.constant(to), term };
  const raft = <const T extends string>(type: T) => ({ type: fc.constant(type), ...envelope });
  const vote = { logTerm: term, index, force: fc.boolean() };
  /** The newest committed entry, or nothing. */
  const committed = fc.oneof(
    fc.constant({}),
    fc.record({ committed: fc.record({ term, index: index.map((value) => (value + 1) as Index) }) }),
  );
  const answer = <const T extends "MsgVoteResp" | "MsgPreVoteResp">(type: T) =>
    fc
      .tuple(fc.record({ ...raft(type), reject: fc.boolean() }), committed)
      .map(([vote, known]) => ({ ...vote, ...known }));
  const append = fc
    .record({
      ...raft("MsgApp"),
      logTerm: term,
      index,
      commit: index,
      entries: fc.array(fc.record({ term, type: entryType, data: bytes }), { maxLength: 5 }),
    })
    .map((message): MsgApp => ({ ...message, entries: numbered(message.index, message.entries) }));
  return fc.oneof(
    append,
    fc.record({ ...raft("MsgAppResp"), logTerm: term, index, reject: fc.boolean(), rejectHint: index }),
    fc.record({ ...raft("MsgVote"), ...vote }),
    fc.record({ ...raft("MsgPreVote"), ...vote }),
    answer("MsgVoteResp"),
    answer("MsgPreVoteResp"),
    fc.record({ ...raft("MsgSnap"), snapshot }),
    fc.record({ ...raft("MsgHeartbeat"), commit: index, readPosition: number }),
    fc.record({ ...raft("MsgHeartbeatResp"), readPosition: number }),
    fc.record({ ...raft("MsgTransferLeader"), from: fc.constant(77 as NodeId) }),
    fc.record(raft("MsgTimeoutNow")),
    fc.record({ ...raft("MsgReadIndex"), context: number }),
    fc.record({ ...raft("MsgReadIndexResp"), index, context: number }),
    fc.record({ type: fc.constant("propose" as const), batch: index, commands: fc.array(bytes, { maxLength: 4 }) }),
    fc.record({ type: fc.constant("propose-membership" as const), batch: index, change: bytes }),
    fc.record({
      type: fc.constant("proposal-dropped" as const),
      batch: index,
      reason: fc.constantFrom<DropReason>(
        "not-leader",
        "transferring",
        "busy",
        "clock-skew",
        "unauthentic",
        "disk-full",
      ),
      proposals: fc.array(fc.record({ incarnation: number, sequence: number }), { maxLength: 4 }),
    }),
    fc.record({
      type: fc.constant("node-status" as const),
      clusterAddress: fc.constantFrom("10.0.0.1:8201", "[::1]:8201", "knoten.ö:1"),
      sealed: fc.boolean(),
      diskLow: fc.boolean(),
      appliedIndex: index,
      supportedVersion: index,
      digestIndex: index,
      digest: fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ minLength: 32, maxLength: 32 })),
    }),
  );
}

const entryType = fc.constantFrom<EntryType>("EntryNormal", "EntryConfChange", "EntryConfChangeV2");

const snapshot = fc.record({
  metadata: fc.record({
    index,
    term,
    confState: fc.record({
      voters: ids,
      votersOutgoing: ids,
      learners: ids,
      learnersNext: ids,
      autoLeave: fc.boolean(),
    }),
  }),
  data: bytes,
});

function numbered(after: Index, entries: readonly Omit<Entry, "index">[]): Entry[] {
  return entries.map((entry, at) => ({ ...entry, index: (after + 1 + at) as Index }));
}

/** An append of one entry of `size` bytes. */
export function append(from: NodeId, to: NodeId, at: number, size: number): MsgApp {
  const data = new Uint8Array(size).fill(at & 0xff);
  const entry: Entry = { term: 1 as Term, index: (at + 1) as Index, type: "EntryNormal", data };
  const numbers = { term: 1 as Term, logTerm: 1 as Term, index: at as Index, commit: 0 as Index };
  return { type: "MsgApp", from, to, ...numbers, entries: [entry] };
}

export function heartbeat(from: NodeId, to: NodeId, readPosition: number): MsgHeartbeat {
  return { type: "MsgHeartbeat", from, to, term: 1 as Term, commit: 0 as Index, readPosition };
}
