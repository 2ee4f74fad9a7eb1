/**
 * An ordered map of bytes on a disk or in memory: what a replica keeps its state in. It knows no rows, guards or terms.
 * Bytes handed in are the caller's again when the call returns or its promise settles; bytes handed out are the caller's
 * to read, and never change.
 */
import type { KeyRange } from "./keys.ts";

export type TableOp =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: Uint8Array };

export interface TableEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface Table {
  /** The newest value, written or not yet flushed; `undefined` when there is none. */
  getSync(key: Uint8Array): Uint8Array | undefined;
  /**
   * Applies `ops` in order, all or none, without waiting for the disk: a power cut may lose it. Batches take effect in
   * the order of the calls. The first failure poisons the table: every later call but `close` throws
   * `TablePoisonedError`.
   */
  write(ops: readonly TableOp[]): Promise<void>;
  /** A view of all batches whose promise has settled, that later batches do not change. The caller closes it. */
  snapshot(): TableSnapshot;
  /**
   * A view of the batches that the last completed flush covers, or of more, for whoever reads a great part of all rows: it leaves
   * nothing of them in memory, and is slow to begin. One at a time of a thread. The caller closes it, before the table. Throws `TableOpenError` where
   * the disk has no room or no second names for files, and the table is none the worse for it; `TableReadError` where files are damaged.
   */
  image(): Promise<TableImage>;
  /** When it settles, all batches that were complete when it was called survive a power cut. */
  flush(): Promise<void>;
  /** Waits for batches and flushes under way. Idempotent; all other use afterwards is a bug. */
  close(): Promise<void>;
}

/** A page of an iterator ends with the entry that reaches this many bytes, however many were asked for. */
export const PAGE_BYTES = 262_144;

export interface TableSnapshot {
  getSync(key: Uint8Array): Uint8Array | undefined;
  iterator(range: KeyRange): TableIterator;
  /** Close iterators first. Idempotent. */
  close(): void;
}

/** Walks a range upwards. Calls do not overlap. */
export interface TableIterator {
  /** The next entries, at most `count` and fewer beyond `PAGE_BYTES`; only none means that the range is at its end. */
  next(count: number): Promise<readonly TableEntry[]>;
  /** Goes on, forwards or back, at the first key at or above `key` within the range. */
  seek(key: Uint8Array): void;
  close(): Promise<void>;
}

/** Goes on as it is when its table goes on. */
export interface TableImage {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  iterator(range: KeyRange): TableImageIterator;
  /** Close iterators first. */
  close(): Promise<void>;
}

/** Walks a range upwards, once. `next` can throw `TableOpenError` besides, as `Table.image` does. */
export type TableImageIterator = Pick<TableIterator, "next" | "close">;
