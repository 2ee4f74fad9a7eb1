/** What the store can answer an operator or a client with. */
import { StrongroomError } from "@strongroom/runtime";

/** Nothing of the transaction was or will be written. It may be tried again. */
export class NotCommittedError extends StrongroomError {
  readonly code = "not_committed";
}

/** The disks are nearly full and the transaction would grow the store; nothing was written. */
export class DiskFullError extends StrongroomError {
  readonly code = "disk_full";
}

/** The transaction may have been written, or may be written later; if so, whole. */
export class OutcomeUnknownError extends StrongroomError {
  readonly code = "outcome_unknown";
}

/** No leader answered within the deadline; nothing was written. */
export class UnavailableError extends StrongroomError {
  readonly code = "unavailable";
}

/** The replicas refused the command, all alike; nothing was written. */
export class CommandRejectedError extends StrongroomError {
  readonly code = "command_rejected";
}

/** Work bound to a Raft term met a later one: another node leads now. Whoever did it stops. */
export class LeadershipLostError extends StrongroomError {
  readonly code = "leadership_lost";
}

/** A row, or all that a transaction would write, exceeds `LIMITS`. */
export class TooLargeError extends StrongroomError {
  readonly code = "too_large";
}

/** A row on disk does not decode. */
export class CorruptRowError extends StrongroomError {
  readonly code = "corrupt_row";
}

/** The directory of a table could not be opened. */
export class TableOpenError extends StrongroomError {
  readonly code = "table_open_failed";
}

/** A read of a table failed. */
export class TableReadError extends StrongroomError {
  readonly code = "table_read_failed";
}

/** A write or a flush of a table failed; the table is poisoned from here on. */
export class TableWriteError extends StrongroomError {
  readonly code = "table_write_failed";
}

/** An earlier write failed. What followed it could be lost, so the table serves nothing more: end the process. */
export class TablePoisonedError extends StrongroomError {
  readonly code = "table_poisoned";
}
