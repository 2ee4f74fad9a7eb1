/**
 * The rows as apply sees them: what the table holds, under what batches on their way to it have changed. It remembers the
 * revision of rows used lately, and the hash under which they are in the digest, so that most guards and most overwrites
 * read nothing from the disk.
 */
import { present } from "@strongroom/runtime";
import { decodeRow, type Revision, type TableOp } from "@strongroom/storage";
import { type KnownRow, KnownRows } from "./known-rows.ts";
import { hashRow, RowDigest } from "./row-digest.ts";
import type { RowReader } from "./types.ts";

/** A row that is there. */
type PresentRow = KnownRow & { readonly revision: Revision };

interface Batch {
  readonly number: number;
  readonly rows: readonly KnownRow[];
}

export class RowStore {
  readonly #reader: RowReader;
  readonly #digest: RowDigest;
  readonly #known: KnownRows;
  readonly #batches: Batch[] = [];
  #batch = 1;
  /** Those that the batch being made changes, each once; what it does to them last is pending there. */
  #changed: KnownRow[] = [];

  constructor(reader: RowReader, options: { readonly digest: Uint8Array; readonly cacheRows: number }) {
    this.#reader = reader;
    this.#digest = RowDigest.from(options.digest);
    this.#known = new KnownRows(options.cacheRows);
  }

  /** The newest value, whether or not the table has it yet. */
  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#value(key, this.#known.find(key));
  }

  /** As `applyCommand` wants it. */
  get(key: Uint8Array): { readonly revision: Revision } | undefined {
    return this.#read(key, this.#known.of(key));
  }

  /**
   * Puts, at `revision`, or deletes a replicated row. Deleting what is not there changes nothing and is not written.
   */
  change(op: TableOp, revision: Revision): void {
    const row = this.#known.of(op.key);
    const before = this.#read(op.key, row);
    if (before !== undefined) this.#digest.subtract(this.#hashOf(op.key, before));
    else if (op.type === "delete") return;
    if (op.type === "put") {
      row.revision = revision;
      row.rowHash = hashRow(op.key, op.value);
      this.#digest.add(row.rowHash);
    } else {
      row.revision = undefined;
      row.rowHash = undefined;
    }
    this.#stage(row, op);
  }

  /** Writes a row of the replica's own, which is in no digest. */
  changePrivate(op: TableOp): void {
    this.#stage(this.#known.of(op.key), op);
  }

  /** Keys of replicated rows that the batch being made changes. */
  changedKeys(): Uint8Array[] {
    return this.#operations().map((op) => op.key);
  }

  digest(): Uint8Array {
    return this.#digest.bytes();
  }

  /** Ends the batch being made. Its rows are kept here until `written` tells that the table has them. */
  takeBatch(): readonly TableOp[] {
    const operations = this.#operations();
    this.#batches.push({ number: this.#batch++, rows: this.#changed });
    this.#changed = [];
    return operations;
  }

  /** The table has the oldest batch. */
  written(): void {
    const { number, rows } = present(this.#batches.shift(), "a batch is on its way to the table");
    // A later batch may have changed a row again.
    for (const row of rows) if (row.batch === number) row.pending = undefined;
  }

  #operations(): TableOp[] {
    return this.#changed.map((row) => present(row.pending, "a row that the batch changes is pending"));
  }

  #read(key: Uint8Array, row: KnownRow): PresentRow | undefined {
    if (!row.isRead) {
      const bytes = this.#value(key, row);
      row.revision = bytes === undefined ? undefined : decodeRow(bytes).revision;
      row.isRead = true;
    }
    return isPresent(row) ? row : undefined;
  }

  #value(key: Uint8Array, row: KnownRow | undefined): Uint8Array | undefined {
    const pending = row?.pending;
    if (pending === undefined) return this.#reader.getSync(key);
    return pending.type === "put" ? pending.value : undefined;
  }

  #hashOf(key: Uint8Array, row: PresentRow): string {
    row.rowHash ??= hashRow(key, present(this.#value(key, row), "a row that has a revision is there"));
    return row.rowHash;
  }

  #stage(row: KnownRow, op: TableOp): void {
    if (row.batch !== this.#batch) this.#changed.push(row);
    row.pending = op;
    row.batch = this.#batch;
  }
}

function isPresent(row: KnownRow): row is PresentRow {
  return row.revision !== undefined;
}
