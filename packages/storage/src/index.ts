/**
 * An ordered, revisioned byte store: tables (memory, LevelDB), rows, the command that Raft replicates and its codec, and
 * the transaction that requests run in. No plaintext passes here: names and values come sealed.
 */
export type { Command, CommandDraft, Guard, Mutation, ProposerId, Verdict } from "./command.ts";
export {
  CommandRejectedError,
  CorruptRowError,
  LeadershipLostError,
  NotCommittedError,
  OutcomeUnknownError,
  TableOpenError,
  TablePoisonedError,
  TableReadError,
  TableWriteError,
  TooLargeError,
  UnavailableError,
} from "./errors.ts";
export type { KeyKind, KeyRange } from "./keys.ts";
export {
  CLUSTER_KEY,
  compareKeys,
  EPOCH_KEY,
  FIRST_REPLICATED_KIND,
  KEY_KIND,
  KEYRING_KEY,
  keyAfter,
  makeKey,
  mapKey,
  prefixRange,
  SEAL_RECORD_KEY,
} from "./keys.ts";
export { LIMITS } from "./limits.ts";
export type { Revision } from "./revision.ts";
export { ABSENT_REVISION, compareRevisions, equalRevisions } from "./revision.ts";
export type { Row } from "./row.ts";
export { decodeRow, encodeRow, ROW_FORMAT, ROW_HEADER_BYTES } from "./row.ts";
export type { Invalidation, KeyedRow, ReplicatedStore, RowIterator, SnapshotReader, WaitOptions } from "./store.ts";
export type { Table, TableEntry, TableIterator, TableOp, TableSnapshot } from "./table.ts";
