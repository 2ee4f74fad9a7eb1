/** Consensus as a pure state machine: messages and ticks in, `Ready` out. See `raw-node.ts` for how it is driven. */

export {
  decodeConfChange,
  decodeConfChangeV2,
  encodeConfChange,
  encodeConfChangeV2,
  LEAVE_JOINT,
} from "./confchange/codec.ts";
export {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  type ConfChangeV2,
  confChangeAsV2,
} from "./confchange/conf-change.ts";
export { type RaftConfig, RaftConfigError, type RaftLogger, type RaftRandom, type ReadOnlyOption } from "./config.ts";
export {
  type DataFormatter,
  describeEntries,
  describeEntry,
  describeHardState,
  describeMessage,
  describeReady,
  describeSnapshot,
  describeSoftState,
  quoteData,
} from "./describe.ts";
export {
  type ConfState,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  type EntryId,
  type EntryType,
  entriesBytes,
  entryBytes,
  type HardState,
  type Index,
  isLocalTarget,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  limitBytes,
  NO_NODE,
  type NodeId,
  payloadBytes,
  type Snapshot,
  type SnapshotMetadata,
  type Term,
  toIndex,
  toNodeId,
  toTerm,
} from "./entry.ts";
export {
  CompactedError,
  ConfChangeError,
  RaftInvariantError,
  SnapshotOutOfDateError,
  SnapshotTemporarilyUnavailableError,
  UnavailableError,
} from "./errors.ts";
export type { LogStorage } from "./log/log-storage.ts";
export { MemoryLogStorage } from "./log/memory-log-storage.ts";
export {
  isLocalMessage,
  isResponseMessage,
  type Message,
  type MessageType,
  type MsgApp,
  type MsgAppResp,
  type MsgBeat,
  type MsgCheckQuorum,
  type MsgForgetLeader,
  type MsgHeartbeat,
  type MsgHeartbeatResp,
  type MsgHup,
  type MsgPreVote,
  type MsgPreVoteResp,
  type MsgProp,
  type MsgReadIndex,
  type MsgReadIndexResp,
  type MsgSnap,
  type MsgSnapStatus,
  type MsgStorageAppend,
  type MsgStorageAppendResp,
  type MsgStorageApply,
  type MsgStorageApplyResp,
  type MsgTimeoutNow,
  type MsgTransferLeader,
  type MsgUnreachable,
  type MsgVote,
  type MsgVoteResp,
} from "./message.ts";
export type { ProposalRefusal, ProposeResult, StepRefusal } from "./proposal.ts";
export { RawNode } from "./raw-node.ts";
export type { ReadState, Ready, SoftState, StateType } from "./ready.ts";
export type { BasicStatus, ProgressStatus, Status } from "./status.ts";
export type { ProgressState } from "./tracker/progress.ts";
