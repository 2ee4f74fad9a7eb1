/** A table in memory: for tests, simulations and the development server. Its `flush` has nothing to do. */
import { assert, compareBytes } from "@strongroom/runtime";
import { type KeyRange, keyAfter } from "./keys.ts";
import { EMPTY_MAP, mapGet, mapPut, mapRemove, mapSlice, type PersistentMap } from "./persistent-map.ts";
import {
  PAGE_BYTES,
  type Table,
  type TableEntry,
  type TableImage,
  type TableIterator,
  type TableOp,
  type TableSnapshot,
} from "./table.ts";

export class MemoryTable implements Table {
  #map: PersistentMap = EMPTY_MAP;
  #closed = false;

  getSync(key: Uint8Array): Uint8Array | undefined {
    this.#assertOpen();
    return mapGet(this.#map, key);
  }

  /** As `write`, at once. */
  writeSync(ops: readonly TableOp[]): void {
    this.#assertOpen();
    for (const op of ops) {
      this.#map =
        op.type === "put" ? mapPut(this.#map, op.key.slice(), op.value.slice()) : mapRemove(this.#map, op.key);
    }
  }

  async write(ops: readonly TableOp[]): Promise<void> {
    this.writeSync(ops);
  }

  snapshot(): TableSnapshot {
    this.#assertOpen();
    return new MemorySnapshot(this.#map);
  }

  async image(): Promise<TableImage> {
    const snapshot = this.snapshot();
    return {
      get: async (key) => snapshot.getSync(key),
      iterator: (range) => snapshot.iterator(range),
      close: async () => snapshot.close(),
    };
  }

  async flush(): Promise<void> {
    this.#assertOpen();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #assertOpen(): void {
    assert(!this.#closed, "a closed table is not used");
  }
}

class MemorySnapshot implements TableSnapshot {
  readonly #map: PersistentMap;
  #closed = false;

  constructor(map: PersistentMap) {
    this.#map = map;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    assert(!this.#closed, "a closed snapshot is not read");
    return mapGet(this.#map, key);
  }

  iterator(range: KeyRange): TableIterator {
    assert(!this.#closed, "a closed snapshot is not read");
    return new MemoryIterator(this.#map, range);
  }

  close(): void {
    this.#closed = true;
  }
}

class MemoryIterator implements TableIterator {
  readonly #map: PersistentMap;
  readonly #range: KeyRange;
  #from: Uint8Array;
  /** Whether `#from` itself was handed out already. */
  #past = false;
  #closed = false;

  constructor(map: PersistentMap, range: KeyRange) {
    this.#map = map;
    this.#range = range;
    this.#from = range.gte;
  }

  async next(count: number): Promise<readonly TableEntry[]> {
    assert(!this.#closed, "a closed iterator is not read");
    assert(count > 0, "an iterator is asked for something");
    const entries = mapSlice(
      this.#map,
      { gte: this.#past ? keyAfter(this.#from) : this.#from, lt: this.#range.lt },
      {
        count,
        bytes: PAGE_BYTES,
      },
    );
    const last = entries.at(-1);
    if (last !== undefined) {
      this.#from = last.key;
      this.#past = true;
    }
    return entries;
  }

  seek(key: Uint8Array): void {
    assert(!this.#closed, "a closed iterator is not moved");
    this.#from = compareBytes(key, this.#range.gte) > 0 ? key.slice() : this.#range.gte;
    this.#past = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}
