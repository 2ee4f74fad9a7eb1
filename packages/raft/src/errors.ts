/**
 * The errors of this package. A `RaftInvariantError` is a bug or a broken disk: whoever drives the node must stop the
 * process, for a stopped replica is safe and a wrong one is not. The others are answers of a `LogStorage`.
 */

/** A broken invariant. The node that threw it must not be used again. */
export class RaftInvariantError extends Error {
  override readonly name = "RaftInvariantError";
  readonly code = "raft_invariant";
}

/** Throws `RaftInvariantError`. A function of its own, so that callers build the message only when it is needed. */
export function fail(message: string): never {
  throw new RaftInvariantError(message);
}

/** The entry was compacted away; a snapshot stands in its place. */
export class CompactedError extends Error {
  override readonly name = "CompactedError";
  readonly code = "raft_compacted";
  constructor() {
    super("the requested index was compacted away: read the snapshot instead");
  }
}

/** The entry is not in the log yet. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
  readonly code = "raft_unavailable";
  constructor() {
    super("the requested entry is not in the log");
  }
}

/** The storage is still preparing a snapshot; the core asks again later. */
export class SnapshotTemporarilyUnavailableError extends Error {
  override readonly name = "SnapshotTemporarilyUnavailableError";
  readonly code = "raft_snapshot_temporarily_unavailable";
  constructor() {
    super("a snapshot is being prepared: ask again later");
  }
}

/** A snapshot at or above the requested one is already there. */
export class SnapshotOutOfDateError extends Error {
  override readonly name = "SnapshotOutOfDateError";
  readonly code = "raft_snapshot_out_of_date";
  constructor() {
    super("a snapshot at this index or above it already exists");
  }
}

/** A membership change that the present configuration does not allow. */
export class ConfChangeError extends Error {
  override readonly name = "ConfChangeError";
  readonly code = "raft_conf_change";
}
