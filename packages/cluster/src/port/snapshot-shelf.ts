/**
 * Which snapshot a worker may use. The table is shared with the replica's thread, so a fresh snapshot may show effects
 * whose invalidations this worker has not heard yet; with warm caches beside it, it would show a state that never was. A
 * snapshot therefore counts only when the invalidations have reached its own applied index; until then the one before serves.
 *
 * At most two snapshots are held: the newest usable one, and one that waits for its invalidations.
 */
import { assert } from "@strongroom/runtime";
import {
  type KeyRange,
  openSnapshotReader,
  type SnapshotReader,
  type Table,
  type TableImage,
  type TableSnapshot,
} from "@strongroom/storage";
import { REPLICA_STATE_KEY } from "../state/keys.ts";
import { decodeAppliedIndex } from "../state/replica-state.ts";

/** Reads the applied index out of a table's snapshot. */
export type ReadAppliedIndex = (getSync: (key: Uint8Array) => Uint8Array | undefined) => number;

/** Of a table that a replica keeps. */
export const readAppliedIndex: ReadAppliedIndex = (getSync) => {
  const row = getSync(REPLICA_STATE_KEY);
  return row === undefined ? 0 : decodeAppliedIndex(row);
};

interface Waiter {
  readonly index: number;
  readonly ready: (snapshot: SnapshotReader) => void;
}

/** A table and how many snapshots and images of it are open; it closes after the last of them. */
class OpenTable {
  readonly table: Table;
  #open = 0;
  #onDrained: (() => void) | undefined;

  constructor(table: Table) {
    this.table = table;
  }

  snapshot(readAppliedIndex: ReadAppliedIndex): SnapshotReader {
    const snapshot = this.whole();
    return openSnapshotReader(
      snapshot,
      readAppliedIndex((key) => snapshot.getSync(key)),
    );
  }

  whole(): TableSnapshot {
    const snapshot = this.table.snapshot();
    let closed = false;
    this.#open++;
    return {
      getSync: (key: Uint8Array) => snapshot.getSync(key),
      iterator: (range: KeyRange) => snapshot.iterator(range),
      close: () => {
        snapshot.close();
        if (closed) return;
        closed = true;
        this.#left();
      },
    };
  }

  async image(): Promise<TableImage> {
    this.#open++;
    try {
      const image = await this.table.image();
      return {
        get: (key) => image.get(key),
        iterator: (range) => image.iterator(range),
        close: async () => {
          await image.close();
          this.#left();
        },
      };
    } catch (error) {
      this.#left();
      throw error;
    }
  }

  /** Resolves when nobody reads it any more and it is closed. */
  async drain(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onDrained = resolve));
    await this.table.close();
  }

  #left(): void {
    this.#open--;
    if (this.#open === 0) this.#onDrained?.();
  }
}

export class SnapshotShelf {
  readonly #readAppliedIndex: ReadAppliedIndex;
  #open: OpenTable;
  #delivered = 0;
  #usable: SnapshotReader;
  #candidate: SnapshotReader | undefined;
  #waiters: Waiter[] = [];

  /** Nothing is cached yet, so the first snapshot is usable as it is. */
  constructor(table: Table, readAppliedIndex: ReadAppliedIndex) {
    this.#open = new OpenTable(table);
    this.#readAppliedIndex = readAppliedIndex;
    this.#usable = this.#first();
  }

  get delivered(): number {
    return this.#delivered;
  }

  /** The table as it is now, its private rows included, whatever was delivered. The caller closes it. */
  whole(): TableSnapshot {
    return this.#open.whole();
  }

  /** As `whole`, for whoever reads a great part of it. The caller closes it, once. */
  image(): Promise<TableImage> {
    return this.#open.image();
  }

  /** The newest usable snapshot, with a reference for the caller. */
  take(): SnapshotReader {
    this.#refresh();
    this.#usable.retain();
    return this.#usable;
  }

  /** Calls `ready` with a snapshot at or above `index`, and a reference to it, at once or when there is one. Returns a cancellation. */
  whenAt(index: number, ready: (snapshot: SnapshotReader) => void): () => void {
    const waiter = { index, ready };
    this.#waiters.push(waiter);
    this.#serve();
    return () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
    };
  }

  /** The invalidations up to `index` were handed out. */
  deliver(index: number): void {
    if (index > this.#delivered) this.#delivered = index;
    this.#serve();
  }

  /** Another state took the place of this one, and every cache is empty. Resolves when the old table is closed. */
  exchange(table: Table): Promise<void> {
    const old = this.#open;
    this.#letGo();
    this.#open = new OpenTable(table);
    this.#usable = this.#first();
    this.#serve();
    return old.drain();
  }

  /** Lets go of everything. Requests that still hold a snapshot delay the table's closing. */
  close(): Promise<void> {
    this.#waiters = [];
    this.#letGo();
    return this.#open.drain();
  }

  #serve(): void {
    this.#promote();
    if (this.#waiters.some((waiter) => waiter.index <= this.#delivered)) this.#refresh();
    const usable = this.#usable;
    const ready = this.#waiters.filter((waiter) => waiter.index <= usable.appliedIndex);
    if (ready.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.index > usable.appliedIndex);
    for (const waiter of ready) {
      usable.retain();
      waiter.ready(usable);
    }
  }

  /** Takes a new snapshot if one could show more than the usable one, and none is waiting already. */
  #refresh(): void {
    if (this.#candidate !== undefined) return;
    if (this.#usable.appliedIndex >= this.#delivered) return;
    const snapshot = this.#open.snapshot(this.#readAppliedIndex);
    assert(snapshot.appliedIndex >= this.#usable.appliedIndex, "a table does not go back");
    this.#candidate = snapshot;
    this.#promote();
  }

  #promote(): void {
    if (this.#candidate === undefined || this.#candidate.appliedIndex > this.#delivered) return;
    this.#usable.release();
    this.#usable = this.#candidate;
    this.#candidate = undefined;
  }

  #first(): SnapshotReader {
    const first = this.#open.snapshot(this.#readAppliedIndex);
    this.#delivered = Math.max(this.#delivered, first.appliedIndex);
    return first;
  }

  #letGo(): void {
    this.#usable.release();
    this.#candidate?.release();
    this.#candidate = undefined;
  }
}
