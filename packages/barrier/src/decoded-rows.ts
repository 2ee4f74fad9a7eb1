/**
 * Rows that many requests decide by, such as a mount's settings or a secret's metadata, kept opened and decoded. Whoever
 * gives one to a view tells it of every change, so that it never shows a snapshot what the snapshot does not hold.
 */
import type { Row } from "@strongroom/storage";

export interface DecodedRow {
  /** As it is stored; undefined where there is none. */
  readonly row: Row | undefined;
  readonly value: unknown;
}

/** By `mapKey` of the storage key. */
export interface DecodedRows {
  /** What a snapshot at `appliedIndex` may be told. */
  get(key: string, appliedIndex: number): DecodedRow | undefined;
  /** `row` is what a snapshot at `appliedIndex` has. */
  fill(key: string, appliedIndex: number, row: DecodedRow): void;
}

/** Larger ones are opened each time: they would fill the memory of a worker with what few ask for. */
export const MAX_DECODED_BYTES = 2048;
