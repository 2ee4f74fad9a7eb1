/**
 * An ordered, revisioned byte store: tables (memory, LevelDB), rows, the command that Raft replicates and its codec, and
 * the transaction that requests run in. No plaintext passes here: names and values come sealed.
 */
export type { ApplyContext, ApplyResult, RevisionReader } from "./apply.ts";
export { applyCommand } from "./apply.ts";
export type { Command, CommandDraft, Guard, Mutation, ProposerId, Verdict } from "./command.ts";
export type { MalformedCommand } from "./command-codec.ts";
export {
  attachMac,
  COMMAND_VERSION,
  commandBytes,
  commandMacInput,
  decodeCommand,
  encodeCommand,
  isMalformed,
  MAC_BYTES,
} from "./command-codec.ts";
export type { EntryBody, MalformedEntry } from "./entry-codec.ts";
export { decodeEntryBody, ENTRY_OVERHEAD, ENTRY_VERSION, encodeEntryBody } from "./entry-codec.ts";
export {
  CommandRejectedError,
  CorruptRowError,
  DiskFullError,
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
export type { LevelTableOptions } from "./level-table.ts";
export { LevelTable } from "./level-table.ts";
export { LIMITS } from "./limits.ts";
export { MemoryTable } from "./memory-table.ts";
export type { Revision } from "./revision.ts";
export { ABSENT_REVISION, compareRevisions, equalRevisions } from "./revision.ts";
export type { Row } from "./row.ts";
export { decodeRow, encodeRow, ROW_FORMAT, ROW_HEADER_BYTES } from "./row.ts";
export type { TransactionOptions, TransactionResult } from "./run-transaction.ts";
export { runTransaction } from "./run-transaction.ts";
export { openSnapshotReader } from "./snapshot-reader.ts";
export type { Invalidation, KeyedRow, ReplicatedStore, RowIterator, SnapshotReader, WaitOptions } from "./store.ts";
export type { Table, TableEntry, TableImage, TableIterator, TableOp, TableSnapshot } from "./table.ts";
export { PAGE_BYTES } from "./table.ts";
export { Transaction } from "./transaction.ts";
