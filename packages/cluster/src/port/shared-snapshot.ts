/** A snapshot of the table that all requests of a turn share, counted: the last to let go closes it. */
import { assert } from "@strongroom/runtime";
import {
  decodeRow,
  type KeyedRow,
  type KeyRange,
  type Row,
  type RowIterator,
  type SnapshotReader,
  type TableIterator,
  type TableSnapshot,
} from "@strongroom/storage";

export class SharedSnapshot implements SnapshotReader {
  readonly appliedIndex: number;
  readonly #snapshot: TableSnapshot;
  readonly #onClosed: () => void;
  #references = 1;

  /** Begins with one reference, the maker's. */
  constructor(snapshot: TableSnapshot, appliedIndex: number, onClosed: () => void) {
    this.#snapshot = snapshot;
    this.appliedIndex = appliedIndex;
    this.#onClosed = onClosed;
  }

  get(key: Uint8Array): Row | undefined {
    const bytes = this.#snapshot.getSync(key);
    return bytes === undefined ? undefined : decodeRow(bytes);
  }

  iterate(range: KeyRange): RowIterator {
    this.retain();
    return new SharedIterator(this.#snapshot.iterator(range), () => this.release());
  }

  retain(): void {
    assert(this.#references > 0, "a closed snapshot is not used again");
    this.#references++;
  }

  release(): void {
    assert(this.#references > 0, "a snapshot is released once by each holder");
    if (--this.#references > 0) return;
    this.#snapshot.close();
    this.#onClosed();
  }
}

class SharedIterator implements RowIterator {
  readonly #inner: TableIterator;
  #release: (() => void) | undefined;

  constructor(inner: TableIterator, release: () => void) {
    this.#inner = inner;
    this.#release = release;
  }

  async next(count: number): Promise<readonly KeyedRow[]> {
    const entries = await this.#inner.next(count);
    return entries.map(({ key, value }) => ({ key, row: decodeRow(value) }));
  }

  seek(key: Uint8Array): void {
    this.#inner.seek(key);
  }

  async close(): Promise<void> {
    const release = this.#release;
    this.#release = undefined;
    if (release === undefined) return;
    await this.#inner.close();
    release();
  }
}
