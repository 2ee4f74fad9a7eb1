/**
 * The rows as apply sees them: what the table holds, under what batches on their way to it have changed. A bounded cache
 * remembers the revision of rows used lately, and the hash under which they are in the digest, so that most guards and
 * most overwrites read nothing from the disk.
 */
import { present } from "@strongroom/runtime";
import { decodeRow, mapKey, type Revision, type TableOp } from "@strongroom/storage";
import { RecentMap } from "./recent-map.ts";
import { hashRow, RowDigest } from "./row-digest.ts";
import type { RowReader } from "./types.ts";

/** A row that is not there. */
const ABSENT = "absent";

interface CachedRow {
  readonly revision: Revision;
  /** Of the row under its key; computed when it is first needed. */
  hash: string | undefined;
}

interface PendingValue {
  readonly batch: number;
  /** undefined: deleted. */
  readonly value: Uint8Array | undefined;
}

interface Batch {
  readonly number: number;
  readonly keys: Iterable<string>;
}

export class RowStore {
  readonly #reader: RowReader;
  readonly #digest: RowDigest;
  readonly #cache: RecentMap<CachedRow | typeof ABSENT>;
  readonly #pending = new Map<string, PendingValue>();
  readonly #batches: Batch[] = [];
  #batch = 1;
  /** Of the batch being made: the last operation on each key. */
  #writes = new Map<string, TableOp>();

  constructor(reader: RowReader, options: { readonly digest: Uint8Array; readonly cacheRows: number }) {
    this.#reader = reader;
    this.#digest = RowDigest.from(options.digest);
    this.#cache = new RecentMap(options.cacheRows);
  }

  /** The newest value, whether or not the table has it yet. */
  getSync(key: Uint8Array): Uint8Array | undefined {
    const pending = this.#pending.get(mapKey(key));
    return pending === undefined ? this.#reader.getSync(key) : pending.value;
  }

  /** As `applyCommand` wants it. */
  get(key: Uint8Array): { readonly revision: Revision } | undefined {
    return this.#lookUp(key, mapKey(key));
  }

  /**
   * Puts, at `revision`, or deletes a replicated row. Deleting what is not there changes nothing and is not written.
   */
  change(op: TableOp, revision: Revision): void {
    const text = mapKey(op.key);
    const before = this.#lookUp(op.key, text);
    if (before !== undefined) this.#digest.subtract(this.#hashOf(op.key, before));
    else if (op.type === "delete") return;
    if (op.type === "put") {
      const rowHash = hashRow(op.key, op.value);
      this.#digest.add(rowHash);
      this.#cache.set(text, { revision, hash: rowHash });
    } else {
      this.#cache.set(text, ABSENT);
    }
    this.#stage(text, op);
  }

  /** Writes a row of the replica's own, which is in no digest. */
  changePrivate(op: TableOp): void {
    this.#stage(mapKey(op.key), op);
  }

  /** Keys of replicated rows that the batch being made changes. */
  changedKeys(): Uint8Array[] {
    return [...this.#writes.values()].map((op) => op.key);
  }

  digest(): Uint8Array {
    return this.#digest.bytes();
  }

  /** Ends the batch being made. Its rows are kept here until `written` tells that the table has them. */
  takeBatch(): readonly TableOp[] {
    const writes = this.#writes;
    this.#writes = new Map();
    this.#batches.push({ number: this.#batch++, keys: writes.keys() });
    return [...writes.values()];
  }

  /** The table has the oldest batch. */
  written(): void {
    const batch = present(this.#batches.shift(), "a batch is on its way to the table");
    for (const text of batch.keys) {
      // A later batch may have changed the key again.
      if (this.#pending.get(text)?.batch === batch.number) this.#pending.delete(text);
    }
  }

  #lookUp(key: Uint8Array, text: string): CachedRow | undefined {
    const cached = this.#cache.get(text);
    if (cached !== undefined) return cached === ABSENT ? undefined : cached;
    const bytes = this.getSync(key);
    const row = bytes === undefined ? undefined : { revision: decodeRow(bytes).revision, hash: undefined };
    this.#cache.set(text, row ?? ABSENT);
    return row;
  }

  #hashOf(key: Uint8Array, row: CachedRow): string {
    row.hash ??= hashRow(key, present(this.getSync(key), "a row that has a revision is there"));
    return row.hash;
  }

  #stage(text: string, op: TableOp): void {
    this.#writes.set(text, op);
    this.#pending.set(text, { batch: this.#batch, value: op.type === "put" ? op.value : undefined });
  }
}
