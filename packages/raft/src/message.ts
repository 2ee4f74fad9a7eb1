/**
 * The messages that a node consumes and emits, with etcd's names. A discriminated union on `type`: each member has
 * exactly the fields that it needs. `term` is 0 on what is local to a node and on forwarded requests, which belong to no term.
 */

import type { Entry, EntryId, HardState, Index, NodeId, Snapshot, Term } from "./entry.ts";

interface Envelope<Type extends string> {
  readonly type: Type;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

/** Starts an election. Local. */
export interface MsgHup extends Envelope<"MsgHup"> {}
/** Makes a leader send its heartbeats. Local. */
export interface MsgBeat extends Envelope<"MsgBeat"> {}
/** Makes a leader step down unless a quorum was heard of within an election timeout. Local. */
export interface MsgCheckQuorum extends Envelope<"MsgCheckQuorum"> {}
/** `from` could not be reached: what was sent to it may be lost. Local. */
export interface MsgUnreachable extends Envelope<"MsgUnreachable"> {}
/** How sending a snapshot to `from` ended. Local. */
export interface MsgSnapStatus extends Envelope<"MsgSnapStatus"> {
  readonly reject: boolean;
}
/** Proposes entries; their term and index are 0 and set by the leader. Never empty. */
export interface MsgProp extends Envelope<"MsgProp"> {
  readonly entries: readonly Entry[];
}
/** Entries that follow the entry (`logTerm`, `index`), and how far the leader knows the log to be committed. */
export interface MsgApp extends Envelope<"MsgApp"> {
  readonly logTerm: Term;
  readonly index: Index;
  readonly commit: Index;
  readonly entries: readonly Entry[];
}
/**
 * Accepted: the log agrees with the leader's up to `index`, durably. Rejected: there is no match at `index`, and the
 * logs can at most agree at (`logTerm`, `rejectHint`).
 */
export interface MsgAppResp extends Envelope<"MsgAppResp"> {
  readonly logTerm: Term;
  readonly index: Index;
  readonly reject: boolean;
  readonly rejectHint: Index;
}
/** Asks for a vote; the candidate's log ends in (`logTerm`, `index`). `force` marks a campaign that the leader itself asked for. */
export interface MsgVote extends Envelope<"MsgVote"> {
  readonly logTerm: Term;
  readonly index: Index;
  readonly force: boolean;
}
export interface MsgVoteResp extends Envelope<"MsgVoteResp"> {
  readonly reject: boolean;
  /** With a rejection, where `commitByVote` is on: the last entry that the sender knows to be committed. */
  readonly committed?: EntryId;
}
/** As `MsgVote`, in the term that the sender would start if it won. Changes nothing at the receiver (thesis §9.6). */
export interface MsgPreVote extends Envelope<"MsgPreVote"> {
  readonly logTerm: Term;
  readonly index: Index;
  readonly force: boolean;
}
export interface MsgPreVoteResp extends Envelope<"MsgPreVoteResp"> {
  readonly reject: boolean;
  /** As in `MsgVoteResp`. */
  readonly committed?: EntryId;
}
export interface MsgSnap extends Envelope<"MsgSnap"> {
  readonly snapshot: Snapshot;
}
/** `readPosition` is the number of the newest pending read, 0 without one; its answer confirms all reads up to it. */
export interface MsgHeartbeat extends Envelope<"MsgHeartbeat"> {
  readonly commit: Index;
  readonly readPosition: number;
}
export interface MsgHeartbeatResp extends Envelope<"MsgHeartbeatResp"> {
  readonly readPosition: number;
}
/** Asks the leader to hand over to `from`. */
export interface MsgTransferLeader extends Envelope<"MsgTransferLeader"> {}
/** The leader tells its chosen successor to campaign at once. */
export interface MsgTimeoutNow extends Envelope<"MsgTimeoutNow"> {}
/** A follower forgets its leader, and so may grant pre-votes at once. */
export interface MsgForgetLeader extends Envelope<"MsgForgetLeader"> {}
/** Asks for an index at which a read is linearizable. `context` names the request at the node `from`. */
export interface MsgReadIndex extends Envelope<"MsgReadIndex"> {
  readonly context: number;
}
export interface MsgReadIndexResp extends Envelope<"MsgReadIndexResp"> {
  readonly index: Index;
  readonly context: number;
}
/**
 * To the local log: make `entries`, `hardState` and `snapshot` durable, in the order in which these messages came, then
 * deliver `responses`: those to other nodes over the network, those to this node through `step`. `term` is the hard state's, or 0.
 */
export interface MsgStorageAppend extends Envelope<"MsgStorageAppend"> {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly responses: readonly Message[];
}
/** The log is durable up to (`logTerm`, `index`) as of `term`, if `index` is not 0; `snapshot`, if any, is installed. */
export interface MsgStorageAppendResp extends Envelope<"MsgStorageAppendResp"> {
  readonly logTerm: Term;
  readonly index: Index;
  readonly snapshot: Snapshot | undefined;
}
/** To the local state machine: apply `entries`, then deliver `responses`. */
export interface MsgStorageApply extends Envelope<"MsgStorageApply"> {
  readonly entries: readonly Entry[];
  readonly responses: readonly Message[];
}
/** These entries have been applied. */
export interface MsgStorageApplyResp extends Envelope<"MsgStorageApplyResp"> {
  readonly entries: readonly Entry[];
}

export type Message =
  | MsgHup
  | MsgBeat
  | MsgCheckQuorum
  | MsgUnreachable
  | MsgSnapStatus
  | MsgProp
  | MsgApp
  | MsgAppResp
  | MsgVote
  | MsgVoteResp
  | MsgPreVote
  | MsgPreVoteResp
  | MsgSnap
  | MsgHeartbeat
  | MsgHeartbeatResp
  | MsgTransferLeader
  | MsgTimeoutNow
  | MsgForgetLeader
  | MsgReadIndex
  | MsgReadIndexResp
  | MsgStorageAppend
  | MsgStorageAppendResp
  | MsgStorageApply
  | MsgStorageApplyResp;

export type MessageType = Message["type"];

/** What the roles handle each in its own way; the rest is handled alike by all, or is for the storage. */
export type RoleMessage = Exclude<
  Message,
  MsgHup | MsgVote | MsgPreVote | MsgStorageAppend | MsgStorageAppendResp | MsgStorageApply | MsgStorageApplyResp
>;

const LOCAL: ReadonlySet<MessageType> = new Set<MessageType>([
  "MsgHup",
  "MsgBeat",
  "MsgUnreachable",
  "MsgSnapStatus",
  "MsgCheckQuorum",
  "MsgStorageAppend",
  "MsgStorageAppendResp",
  "MsgStorageApply",
  "MsgStorageApplyResp",
]);

const RESPONSES: ReadonlySet<MessageType> = new Set<MessageType>([
  "MsgAppResp",
  "MsgVoteResp",
  "MsgPreVoteResp",
  "MsgHeartbeatResp",
  "MsgReadIndexResp",
  "MsgUnreachable",
  "MsgStorageAppendResp",
  "MsgStorageApplyResp",
]);

/** True of messages that never cross the network. A peer that sends one is refused. */
export function isLocalMessage(type: MessageType): boolean {
  return LOCAL.has(type);
}

/** True of answers, which count only when they come from a member. */
export function isResponseMessage(type: MessageType): boolean {
  return RESPONSES.has(type);
}
