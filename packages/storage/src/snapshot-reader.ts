/** A table's snapshot as rows, counted: it closes with the last release. */
import { assert } from "@strongroom/runtime";
import type { KeyRange } from "./keys.ts";
import { decodeRow, type Row } from "./row.ts";
import type { KeyedRow, RowIterator, SnapshotReader } from "./store.ts";
import type { TableIterator, TableSnapshot } from "./table.ts";

/** Takes `snapshot` over, with a count of one. `appliedIndex` is the caller's word for what the snapshot shows. */
export function openSnapshotReader(snapshot: TableSnapshot, appliedIndex: number): SnapshotReader {
  return new TableSnapshotReader(snapshot, appliedIndex);
}

class TableSnapshotReader implements SnapshotReader {
  readonly appliedIndex: number;
  readonly #snapshot: TableSnapshot;
  #count = 1;

  constructor(snapshot: TableSnapshot, appliedIndex: number) {
    this.#snapshot = snapshot;
    this.appliedIndex = appliedIndex;
  }

  get(key: Uint8Array): Row | undefined {
    assert(this.#count > 0, "a released snapshot is not read");
    const bytes = this.#snapshot.getSync(key);
    return bytes === undefined ? undefined : decodeRow(bytes);
  }

  iterate(range: KeyRange): RowIterator {
    assert(this.#count > 0, "a released snapshot is not read");
    const iterator = this.#snapshot.iterator(range);
    this.retain();
    return new TableRowIterator(iterator, () => this.release());
  }

  retain(): void {
    assert(this.#count > 0, "a released snapshot is not retained");
    this.#count++;
  }

  release(): void {
    assert(this.#count > 0, "a snapshot is released as often as it was retained");
    if (--this.#count === 0) this.#snapshot.close();
  }
}

class TableRowIterator implements RowIterator {
  readonly #iterator: TableIterator;
  readonly #onClosed: () => void;
  #closing: Promise<void> | undefined;

  constructor(iterator: TableIterator, onClosed: () => void) {
    this.#iterator = iterator;
    this.#onClosed = onClosed;
  }

  async next(count: number): Promise<readonly KeyedRow[]> {
    const entries = await this.#iterator.next(count);
    return entries.map(({ key, value }) => ({ key, row: decodeRow(value) }));
  }

  seek(key: Uint8Array): void {
    this.#iterator.seek(key);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#iterator.close();
    } finally {
      this.#onClosed();
    }
  }
}
