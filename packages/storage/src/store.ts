/**
 * The replicated store as a request sees it. The cluster's worker store and the tests' `MemoryStore` implement it; all
 * else reads and writes through a `Transaction` on it.
 */
import type { Clock, Timers } from "@strongroom/runtime";
import type { CommandDraft, Verdict } from "./command.ts";
import type { KeyRange } from "./keys.ts";
import type { Row } from "./row.ts";
import type { TableImage } from "./table.ts";

/** A state of this node that stands still. Counted: whoever got it releases it once, whoever keeps it longer retains it. */
export interface SnapshotReader {
  /** The index of the last entry whose effects it shows. */
  readonly appliedIndex: number;
  /** Synchronous. The value is a view that never changes. */
  get(key: Uint8Array): Row | undefined;
  /** Keeps the snapshot until the iterator is closed. */
  iterate(range: KeyRange): RowIterator;
  retain(): void;
  release(): void;
}

export interface KeyedRow {
  readonly key: Uint8Array;
  readonly row: Row;
}

/** Walks a range upwards. Calls do not overlap. */
export interface RowIterator {
  /** The next rows, at most `count` and fewer where they are large; only none means that the range is at its end. */
  next(count: number): Promise<readonly KeyedRow[]>;
  /** Goes on, forwards or back, at the first key at or above `key` within the range. */
  seek(key: Uint8Array): void;
  close(): Promise<void>;
}

export interface WaitOptions {
  /** Absolute, on `clock.monotonicMs()`. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** `keys` were written by entries up to `index`; or all may have changed, because a snapshot was installed. */
export type Invalidation =
  | { readonly type: "keys"; readonly keys: readonly Uint8Array[]; readonly index: number }
  | { readonly type: "all"; readonly index: number };

export interface ReplicatedStore {
  /** What deadlines are measured and waited for with. */
  readonly clock: Clock;
  readonly timers: Timers;
  /** The newest whose invalidations were delivered. The caller releases it. */
  localSnapshot(): SnapshotReader;
  /**
   * At or above a ReadIndex requested after this call; calls in one turn share one. The caller releases it. Throws
   * `UnavailableError` at the deadline, the signal's reason when that is aborted.
   */
  linearizableSnapshot(options: WaitOptions): Promise<SnapshotReader>;
  /** Of this node's own table, old as it may be; as `Table.image`. */
  image(): Promise<TableImage>;
  /**
   * Proposes `draft` and waits for its verdict. Throws `NotCommittedError`, `OutcomeUnknownError` or `UnavailableError`.
   * `localSnapshot` may take longer to show the effect.
   */
  commit(draft: CommandDraft, options: WaitOptions): Promise<Verdict>;
  /** The log's time, by which alone expiry is decided; never moves back. */
  logTimeMs(): number;
  isLeaderNode(): boolean;
  raftTerm(): number;
  /** Returns what ends the subscription. Events come in the order of `index`. */
  onInvalidation(listener: (event: Invalidation) => void): () => void;
}
