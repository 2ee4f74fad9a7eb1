/** What the core asks of the durable log. All answers are synchronous: the driver keeps at hand what the core may ask for. */

import type { ConfState, Entry, HardState, Index, Snapshot, Term } from "../entry.ts";

/**
 * The part of the log that is durable, or was handed over to become so and then acknowledged by a
 * `MsgStorageAppendResp`. The core never asks for more than that.
 */
export interface LogStorage {
  /**
   * The hard state and configuration with which the node starts. Called once. The configuration is the one in force at
   * `RaftConfig.applied`: changes above that are applied again.
   */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /**
   * Entries from `lo` (included) to `hi` (excluded), as many as fit in `maxBytes` by `entryBytes`, but at least one. Throws
   * `CompactedError` if `lo` was compacted away, `UnavailableError` if there is none at `lo` yet. The caller does not change them.
   */
  entries(lo: Index, hi: Index, maxBytes: number): readonly Entry[];
  /** The term at `index`, from `firstIndex() - 1` (kept for matching) to `lastIndex()`. Throws as `entries` does. */
  term(index: Index): Term;
  /** The first index that `entries` can give. Those before it live in the snapshot. */
  firstIndex(): Index;
  /** The last index in the log, or `firstIndex() - 1` where it is empty. */
  lastIndex(): Index;
  /**
   * A snapshot at or above `firstIndex() - 1`, and at or above the last membership change that was applied: a new member
   * does not install one whose configuration lacks it. The state machine's present state is always right. Throws `SnapshotTemporarilyUnavailableError` while one is being made.
   */
  snapshot(): Snapshot;
}
