/**
 * The rows of which the state machine knows something without asking the table: found by the bytes of a key, so that no
 * string is made of it and one search serves all that is done with a row. What was not used lately is forgotten: there are
 * two generations; what is used moves to the younger one, and when that is full the older one is dropped whole, but for
 * rows whose last change the table does not have yet.
 */
import type { Revision, TableOp } from "@strongroom/storage";

export class KnownRow {
  /** The key is these `length` bytes from `start` on. */
  readonly block: Uint8Array;
  readonly start: number;
  readonly length: number;
  readonly keyHash: number;
  /** Whether `revision` says what the row is; else the table has to be asked. */
  isRead = false;
  /** Undefined: there is no such row. */
  revision: Revision | undefined = undefined;
  /** Of the row under its key, as it is in the digest; computed when it is first needed. */
  rowHash: string | undefined = undefined;
  /** The last operation, until the table has it. */
  pending: TableOp | undefined = undefined;
  /** The batch of that operation. */
  batch = 0;
  /** In its bucket. */
  next: KnownRow | undefined = undefined;

  constructor(block: Uint8Array, start: number, length: number, keyHash: number) {
    this.block = block;
    this.start = start;
    this.length = length;
    this.keyHash = keyHash;
  }
}

const BLOCK_BYTES = 64 * 1024;
const FIRST_BUCKETS = 64;

export class KnownRows {
  readonly #half: number;
  #young = new Generation();
  #old = new Generation();
  /** Keys are copied into blocks of their own: what they were views of may be large and long done with. */
  #block = new Uint8Array(0);
  #used = 0;

  /** Keeps at least the `capacity / 2` rows used last, and beyond `capacity` only pending ones. */
  constructor(capacity: number) {
    this.#half = Math.max(1, Math.floor(capacity / 2));
  }

  /** The row of `key` if something is known of it. */
  find(key: Uint8Array): KnownRow | undefined {
    return this.#find(key, hashKey(key));
  }

  /** The row of `key`: one of which nothing is known yet, if need be. */
  of(key: Uint8Array): KnownRow {
    const keyHash = hashKey(key);
    const known = this.#find(key, keyHash);
    if (known !== undefined) return known;
    const row = this.#make(key, keyHash);
    this.#add(row);
    return row;
  }

  #find(key: Uint8Array, keyHash: number): KnownRow | undefined {
    const young = this.#young.find(key, keyHash);
    if (young !== undefined) return young;
    const old = this.#old.take(key, keyHash);
    if (old !== undefined) this.#add(old);
    return old;
  }

  #add(row: KnownRow): void {
    if (this.#young.size >= this.#half) {
      const dropped = this.#old;
      this.#old = this.#young;
      this.#young = new Generation();
      for (const other of dropped.rows()) if (other.pending !== undefined) this.#young.add(other);
    }
    this.#young.add(row);
  }

  #make(key: Uint8Array, keyHash: number): KnownRow {
    const { length } = key;
    if (this.#used + length > this.#block.length) {
      this.#block = new Uint8Array(Math.max(BLOCK_BYTES, length));
      this.#used = 0;
    }
    const start = this.#used;
    this.#block.set(key, start);
    this.#used += length;
    return new KnownRow(this.#block, start, length, keyHash);
  }
}

/** A hash table with a chain of rows in each bucket. */
class Generation {
  #buckets: (KnownRow | undefined)[] = emptyBuckets(FIRST_BUCKETS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(key: Uint8Array, keyHash: number): KnownRow | undefined {
    let row = this.#buckets[keyHash & (this.#buckets.length - 1)];
    while (row !== undefined && !isOf(row, key, keyHash)) row = row.next;
    return row;
  }

  /** Finds the row and lets go of it. */
  take(key: Uint8Array, keyHash: number): KnownRow | undefined {
    const row = this.find(key, keyHash);
    if (row === undefined) return undefined;
    const bucket = keyHash & (this.#buckets.length - 1);
    let before = this.#buckets[bucket];
    if (before === row) this.#buckets[bucket] = row.next;
    else {
      while (before !== undefined && before.next !== row) before = before.next;
      if (before !== undefined) before.next = row.next;
    }
    this.#size--;
    return row;
  }

  /** A row that is in no generation. */
  add(row: KnownRow): void {
    if (this.#size >= this.#buckets.length) this.#grow();
    this.#link(row);
    this.#size++;
  }

  rows(): readonly KnownRow[] {
    const rows: KnownRow[] = [];
    for (const first of this.#buckets) for (let row = first; row !== undefined; row = row.next) rows.push(row);
    return rows;
  }

  #link(row: KnownRow): void {
    const bucket = row.keyHash & (this.#buckets.length - 1);
    row.next = this.#buckets[bucket];
    this.#buckets[bucket] = row;
  }

  #grow(): void {
    const rows = this.rows();
    this.#buckets = emptyBuckets(this.#buckets.length * 2);
    for (const row of rows) this.#link(row);
  }
}

/** A power of two of them: a bucket is the end of a hash. */
function emptyBuckets(count: number): (KnownRow | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}

function isOf(row: KnownRow, key: Uint8Array, keyHash: number): boolean {
  if (row.keyHash !== keyHash || row.length !== key.length) return false;
  const { block, start } = row;
  for (let i = 0; i < key.length; i++) if (block[start + i] !== key[i]) return false;
  return true;
}

/**
 * Four bytes a step, by a multiplication that carries each into the bits above it and a shift that brings them down. Most keys are
 * keyed hashes already, so nobody outside can choose them to collide; if they did, searching were slow and nothing else.
 */
function hashKey(key: Uint8Array): number {
  const { length } = key;
  let hash = length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const four =
      (key[i] as number) |
      ((key[i + 1] as number) << 8) |
      ((key[i + 2] as number) << 16) |
      ((key[i + 3] as number) << 24);
    hash = Math.imul(hash ^ four, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; i < length; i++) hash = Math.imul(hash ^ (key[i] as number), 0x01000193);
  return hash ^ (hash >>> 13);
}
