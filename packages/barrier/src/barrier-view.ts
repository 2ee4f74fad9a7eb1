/**
 * A mount's rows under their clear names. Everything goes through one transaction: reads are guarded, writes are
 * buffered, and nothing here touches storage by itself.
 */
import { present } from "@strongroom/runtime";
import type { KeyedRow, Row, RowIterator, Transaction } from "@strongroom/storage";
import { keyAfter, mapKey, prefixRange } from "@strongroom/storage";
import { type DecodedRows, MAX_DECODED_BYTES } from "./decoded-rows.ts";
import { IntegrityError, ListTooLargeError } from "./errors.ts";
import { beforeList, beforeWrite } from "./fences.ts";
import { openHiddenName, openHiddenValue, sealHiddenRow } from "./hidden-row.ts";
import { isDirectoryHash, type NameHasher, SCOPE_BYTES, type Scope, SEGMENT_BYTES } from "./names.ts";
import { comparePaths, directorySegments } from "./path.ts";
import type { Sealer } from "./sealer.ts";

const LEAVES_PER_READ = 128;

export interface ListOptions {
  /** Only names after this one, in the order of the answer. */
  readonly after?: string | undefined;
  /** At most so many names; none for zero and below. */
  readonly limit?: number | undefined;
  /** Storage key of the row that fences the directory (`fences.ts`): for transactions that write. */
  readonly fence?: Uint8Array | undefined;
}

export interface WalkedRow {
  readonly path: string;
  readonly storageKey: Uint8Array;
}

export interface ViewParts {
  readonly tx: Transaction;
  readonly scope: Scope;
  readonly sealer: Sealer;
  readonly names: NameHasher;
  /** The term that new rows are sealed under, asked for at each write. */
  readonly activeTerm: () => number;
  readonly maxListEntries: number;
  /** Where `decoded` keeps what it has opened; without it nothing is kept. */
  readonly decodedRows?: DecodedRows | undefined;
}

/** All methods throw `InvalidPathError`, `SealedError` and, on what does not open, `IntegrityError`. */
export class BarrierView {
  readonly #parts: ViewParts;
  /** What was opened last by path: a request often reads a row to decide and again to act. */
  readonly #opened = new Map<string, { readonly row: Row; readonly value: Uint8Array }>();

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  /** The value, not to be changed; `undefined` when there is none. Guards the row, or its absence. */
  get(path: string): Uint8Array | undefined {
    const { tx, sealer } = this.#parts;
    const storageKey = this.storageKey(path);
    const row = tx.get(storageKey);
    if (row === undefined) return undefined;
    const opened = this.#opened.get(path);
    if (opened?.row === row) return opened.value;
    const value = openHiddenValue(sealer, storageKey, path, row);
    this.#opened.set(path, { row, value });
    return value;
  }

  /**
   * What `decode` makes of the value, kept until the row changes; `undefined` when there is none. Guards as `get` does.
   * `decode` is always the same for a path, and what it gives is not changed by anybody.
   */
  decoded<T>(path: string, decode: (value: Uint8Array) => T): T | undefined {
    const { tx, decodedRows } = this.#parts;
    // What this transaction wrote itself is kept nowhere.
    if (decodedRows === undefined || tx.dirty) {
      const value = this.get(path);
      return value === undefined ? undefined : decode(value);
    }
    const storageKey = this.storageKey(path);
    const id = mapKey(storageKey);
    const known = decodedRows.get(id, tx.appliedIndex);
    if (known !== undefined) {
      tx.know(storageKey, known.row);
      return known.value as T | undefined;
    }
    const opened = this.get(path);
    const value = opened === undefined ? undefined : decode(opened);
    const row = tx.peek(storageKey);
    if ((row?.value.length ?? 0) <= MAX_DECODED_BYTES) decodedRows.fill(id, tx.appliedIndex, { row, value });
    return value;
  }

  /** Opens nothing. Guards as `get` does. */
  exists(path: string): boolean {
    return this.#parts.tx.get(this.storageKey(path)) !== undefined;
  }

  /** `value` is sealed before the call returns and stays the caller's. Guards nothing by itself. */
  put(path: string, value: Uint8Array, options: { readonly isNew?: boolean } = {}): void {
    const { tx, sealer } = this.#parts;
    beforeWrite(tx);
    const storageKey = this.storageKey(path);
    const term = this.#parts.activeTerm();
    const previous = options.isNew === true ? undefined : tx.peek(storageKey);
    tx.put(storageKey, term, sealHiddenRow(sealer, { term, storageKey, path, value, previous }));
  }

  /** Deleting what is not there is no error. */
  delete(path: string): void {
    beforeWrite(this.#parts.tx);
    this.#parts.tx.delete(this.storageKey(path));
  }

  /**
   * The names of the directory's children in the order of their UTF-8 bytes; directories end in "/". An unknown
   * directory has none. Reads all children whatever `limit` says, since they are stored in no useful order, and throws
   * `ListTooLargeError` when there are more than the barrier's `maxListEntries`.
   */
  async list(prefix: string, options: ListOptions = {}): Promise<string[]> {
    const { tx, scope, names } = this.#parts;
    const segments = directorySegments(prefix);
    beforeList(tx, options.fence);
    const directory = names.directoryKey(scope, segments);
    const rows = tx.iterate(prefixRange(directory));
    let children: string[];
    try {
      children = await this.#children(rows, directory, segments);
    } finally {
      await rows.close();
    }
    children.sort(comparePaths);
    const { after, limit } = options;
    if (after !== undefined) children = children.filter((name) => comparePaths(name, after) > 0);
    return limit === undefined ? children : children.slice(0, Math.max(0, limit));
  }

  /**
   * The values below `prefix`, however deep, in the order of their storage, which is no useful one: at most `limit` of them,
   * from behind `after`, the storage key of the last one seen. Opens names alone, and guards nothing: for walks over what
   * nobody adds to any more, or where what is added meanwhile need not be seen.
   */
  async walk(
    prefix: string,
    { after, limit }: { readonly after?: Uint8Array | undefined; readonly limit: number },
  ): Promise<readonly WalkedRow[]> {
    const { tx, scope, names, sealer } = this.#parts;
    const segments = directorySegments(prefix);
    const range = prefixRange(names.directoryKey(scope, segments));
    const rows = tx.iterate(after === undefined ? range : { gte: keyAfter(after), lt: range.lt });
    try {
      const walked: WalkedRow[] = [];
      while (walked.length < limit) {
        const page = await rows.next(limit - walked.length);
        if (page.length === 0) break;
        for (const { key, row } of page) {
          const path = openHiddenName(sealer, key, row);
          const fits = key.length === SCOPE_BYTES + path.split("/").length * SEGMENT_BYTES;
          nameBelow(path.split("/"), segments, fits);
          walked.push({ path, storageKey: key });
        }
      }
      return walked;
    } finally {
      await rows.close();
    }
  }

  /** Where the row of `path` lies: for guards, fences and invalidations. */
  storageKey(path: string): Uint8Array {
    // Of a name that is remembered no key is used.
    this.#parts.sealer.assertOpen();
    return this.#parts.names.leafKey(this.#parts.scope, path);
  }

  /** Leaves come first and are read side by side; of each sub-directory one row is read and the rest skipped. */
  async #children(rows: RowIterator, directory: Uint8Array, segments: readonly string[]): Promise<string[]> {
    const children: string[] = [];
    const add = (name: string): void => {
      if (children.length >= this.#parts.maxListEntries) throw new ListTooLargeError(this.#parts.maxListEntries);
      children.push(name);
    };
    let batch = await rows.next(LEAVES_PER_READ);
    while (batch.length > 0) {
      const at = batch.findIndex(({ key }) => isDirectoryHash(key[directory.length] as number));
      for (const row of at < 0 ? batch : batch.slice(0, at)) add(this.#leafName(row, directory, segments));
      if (at < 0) {
        batch = await rows.next(LEAVES_PER_READ);
        continue;
      }
      const first = present(batch[at], "found above");
      add(this.#directoryName(first, directory, segments));
      rows.seek(prefixRange(first.key.subarray(0, directory.length + SEGMENT_BYTES)).lt);
      batch = await rows.next(1);
    }
    return children;
  }

  #leafName({ key, row }: KeyedRow, directory: Uint8Array, segments: readonly string[]): string {
    const path = openHiddenName(this.#parts.sealer, key, row).split("/");
    const fits = key.length === directory.length + SEGMENT_BYTES && path.length === segments.length + 1;
    return nameBelow(path, segments, fits);
  }

  #directoryName({ key, row }: KeyedRow, directory: Uint8Array, segments: readonly string[]): string {
    const path = openHiddenName(this.#parts.sealer, key, row).split("/");
    const depth = (key.length - directory.length) / SEGMENT_BYTES;
    return `${nameBelow(path, segments, path.length === segments.length + depth)}/`;
  }
}

/** The segment of `path` that comes after `segments`. */
function nameBelow(path: readonly string[], segments: readonly string[], fits: boolean): string {
  if (!fits || !segments.every((segment, depth) => path[depth] === segment)) throw new IntegrityError("a stored name");
  return present(path[segments.length], "a child's path is longer than its directory's");
}
