/**
 * A table in a directory of LevelDB. What LevelDB promises less than it seems to is made up for here: un-awaited batches
 * have no order, so one is under way at a time, and what comes meanwhile is the next; a write after a failed one can be
 * acknowledged and lost, so the first failure poisons the table; `compactRange` hides its errors, so `flush` looks for
 * itself whether the log was retired. LevelDB's own log can have holes after a power cut: whoever keeps a log of its own
 * opens with `discardLog`, and finds the tables as the last completed flush (or a later one) left them.
 */
import { type FileHandle, mkdir, open, readdir, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import { assert, compareBytes } from "@strongroom/runtime";
import { type IteratorOptions, Level } from "level";
import { TableOpenError, TablePoisonedError, TableReadError, TableWriteError } from "./errors.ts";
import type { KeyRange } from "./keys.ts";
import { LevelImage } from "./level-image.ts";
import {
  PAGE_BYTES,
  type Table,
  type TableEntry,
  type TableImage,
  type TableIterator,
  type TableOp,
  type TableSnapshot,
} from "./table.ts";

export interface LevelTableOptions {
  /**
   * Threads of one process share the table, each by opening the same path. The thread that opens first owns the block
   * cache, so it closes last. Default: false.
   */
  readonly multithreading?: boolean;
  /**
   * Removes LevelDB's own log first, and with it all that no flush covers, and images that a process left when it was killed. Only
   * for the thread that opens first.
   */
  readonly discardLog?: boolean;
  /** Default: true. */
  readonly createIfMissing?: boolean;
  /** Cache of uncompressed blocks. Default: 32 MiB. */
  readonly cacheBytes?: number;
  /** Written bytes that are kept in memory before they become a table file. Default: 8 MiB. */
  readonly writeBufferBytes?: number;
}

/** `Level` in Node is classic-level, which has more than the universal type says. */
type Database = Level<Uint8Array, Uint8Array> & {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
};

type LevelSnapshot = ReturnType<Database["snapshot"]>;

interface ReadOptions {
  readonly keyEncoding: "view";
  readonly valueEncoding: "view";
  readonly snapshot?: LevelSnapshot;
}

/** The format that takes byte arrays as they are: `buffer` makes a `Buffer` of each, other encodings copy the options too. */
const NATIVE: ReadOptions = { keyEncoding: "view", valueEncoding: "view" };

/** A batch that waits for the one under way. */
interface Waiting {
  readonly ops: readonly TableOp[];
  readonly written: () => void;
  readonly failed: (error: unknown) => void;
}

/** Above every key, so that asking for its compaction retires the memtable and touches no table file. */
const BEYOND_ALL_KEYS = Uint8Array.of(0xff, 0xff, 0xff, 0xff);

/** A thread's directory for its image. LevelDB, which knows its own files by their names, leaves it alone. */
const IMAGE = `image-${threadId}`;
const IMAGES = /^image-\d+$/;

export class LevelTable implements Table {
  readonly #directory: string;
  readonly #database: Database;
  #waiting: Waiting[] = [];
  #writing = false;
  #writes: Promise<void> = Promise.resolve();
  #flushes: Promise<void> = Promise.resolve();
  #poison: TableWriteError | undefined;
  #closing: Promise<void> | undefined;

  private constructor(directory: string, database: Database) {
    this.#directory = directory;
    this.#database = database;
  }

  /**
   * Opens `directory`, making it (mode 0700) where it is missing. LevelDB makes its files under the process's umask,
   * which the process sets to 0077 at its start. Throws `TableOpenError`.
   */
  static async open(directory: string, options: LevelTableOptions = {}): Promise<LevelTable> {
    const { createIfMissing = true } = options;
    try {
      if (createIfMissing) await makeDirectory(directory);
      if (options.discardLog === true) await discardRemains(directory);
      const database = new Level<Uint8Array, Uint8Array>(directory, {
        ...NATIVE,
        // What is stored is sealed: compressing it costs time and gains nothing.
        compression: false,
        createIfMissing,
        multithreading: options.multithreading ?? false,
        cacheSize: options.cacheBytes ?? 32 * 1024 * 1024,
        writeBufferSize: options.writeBufferBytes ?? 8 * 1024 * 1024,
      });
      assert(canCompact(database), "level is classic-level in Node");
      await database.open();
      return new LevelTable(directory, database);
    } catch (cause) {
      throw new TableOpenError(`cannot open the table in ${directory}: ${reasonOf(cause)}`, { cause });
    }
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    this.#assertUsable();
    return readSync(this.#database, key, NATIVE);
  }

  write(ops: readonly TableOp[]): Promise<void> {
    if (ops.length === 0) return this.#settled();
    try {
      this.#assertUsable();
    } catch (error) {
      return Promise.reject(error);
    }
    const done = new Promise<void>((written, failed) => this.#waiting.push({ ops, written, failed }));
    this.#writes = done.catch(ignore);
    if (!this.#writing) void this.#writeWaiting();
    return done;
  }

  snapshot(): TableSnapshot {
    this.#assertUsable();
    return new LevelTableSnapshot(this.#database, (cause) => this.#fail("release a snapshot of", cause));
  }

  image(): Promise<TableImage> {
    this.#assertUsable();
    return LevelImage.make(this.#directory, join(this.#directory, IMAGE), (directory) =>
      LevelTable.open(directory, { discardLog: true, createIfMissing: false }),
    );
  }

  flush(): Promise<void> {
    const done = this.#flushAfter(this.#flushes);
    this.#flushes = done.catch(ignore);
    return done;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #settled(): Promise<void> {
    this.#assertUsable();
    await this.#writes;
    this.#assertHealthy();
  }

  /**
   * All that came while a batch was under way is the next one: a batch costs two changes of threads, whatever is in it. The
   * native batch copies the operations when it is made: `ops` stays the caller's promise to leave alone till then.
   */
  async #writeWaiting(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      try {
        this.#assertHealthy();
        await this.#writeTogether(together);
        for (const { written } of together) written();
      } catch (error) {
        for (const { failed } of together) failed(error);
      }
    }
    this.#writing = false;
  }

  async #writeTogether(together: readonly Waiting[]): Promise<void> {
    try {
      const batch = this.#database.batch();
      for (const { ops } of together) {
        for (const op of ops) {
          if (op.type === "put") batch.put(op.key, op.value);
          else batch.del(op.key);
        }
      }
      await batch.write();
    } catch (cause) {
      throw this.#fail("write to", cause);
    }
  }

  async #flushAfter(previous: Promise<void>): Promise<void> {
    this.#assertUsable();
    await previous;
    await this.#writes;
    this.#assertHealthy();
    try {
      const before = await logFiles(this.#directory);
      await this.#database.compactRange(BEYOND_ALL_KEYS, BEYOND_ALL_KEYS);
      const after = await logFiles(this.#directory);
      // LevelDB deletes a log only once a synced manifest names the synced table that replaces it.
      const kept = before.filter((name) => after.includes(name));
      if (kept.length > 0) throw new Error(`LevelDB still needs ${kept.join(", ")}; its file LOG may say why`);
      await syncDirectory(this.#directory);
    } catch (cause) {
      throw this.#fail("flush", cause);
    }
  }

  async #close(): Promise<void> {
    await this.#writes;
    await this.#flushes;
    await this.#database.close();
  }

  #fail(verb: string, cause: unknown): TableWriteError {
    const error = new TableWriteError(`cannot ${verb} the table in ${this.#directory}: ${reasonOf(cause)}`, { cause });
    this.#poison ??= error;
    return error;
  }

  #assertUsable(): void {
    assert(this.#closing === undefined, "a closed table is not used");
    this.#assertHealthy();
  }

  #assertHealthy(): void {
    if (this.#poison === undefined) return;
    throw new TablePoisonedError(
      `the table in ${this.#directory} serves nothing after a failed write; end the process and start it again`,
      { cause: this.#poison },
    );
  }
}

class LevelTableSnapshot implements TableSnapshot {
  readonly #database: Database;
  readonly #snapshot: LevelSnapshot;
  readonly #options: ReadOptions;
  readonly #onCloseError: (cause: unknown) => void;
  #closed = false;

  constructor(database: Database, onCloseError: (cause: unknown) => void) {
    this.#database = database;
    this.#snapshot = database.snapshot();
    this.#options = { ...NATIVE, snapshot: this.#snapshot };
    this.#onCloseError = onCloseError;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    assert(!this.#closed, "a closed snapshot is not read");
    return readSync(this.#database, key, this.#options);
  }

  iterator(range: KeyRange): TableIterator {
    assert(!this.#closed, "a closed snapshot is not read");
    return new LevelTableIterator(this.#database, this.#options, range);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#snapshot.close().catch(this.#onCloseError);
  }
}

class LevelTableIterator implements TableIterator {
  readonly #native: ReturnType<typeof openIterator>;
  readonly #range: KeyRange;
  /** LevelDB's iterator, once moved, minds the upper end of its range only if it is at or above the lower. */
  #ended: boolean;

  constructor(database: Database, options: ReadOptions, range: KeyRange) {
    this.#range = range;
    this.#ended = compareBytes(range.gte, range.lt) >= 0;
    this.#native = openIterator(database, { ...options, ...range, fillCache: true, highWaterMarkBytes: PAGE_BYTES });
  }

  async next(count: number): Promise<readonly TableEntry[]> {
    assert(count > 0, "an iterator is asked for something");
    if (this.#ended) return [];
    try {
      const entries = await this.#native.nextv(count);
      return entries.map(([key, value]) => ({ key: plainView(key), value: plainView(value) }));
    } catch (cause) {
      throw new TableReadError(`cannot go on reading a range of a table: ${reasonOf(cause)}`, { cause });
    }
  }

  seek(key: Uint8Array): void {
    const { gte, lt } = this.#range;
    this.#ended = compareBytes(gte, lt) >= 0 || compareBytes(key, lt) >= 0;
    if (!this.#ended) this.#native.seek(compareBytes(key, gte) > 0 ? key : gte);
  }

  async close(): Promise<void> {
    await this.#native.close();
  }
}

function openIterator(
  database: Database,
  options: IteratorOptions<Uint8Array, Uint8Array>,
): ReturnType<typeof database.iterator<Uint8Array, Uint8Array>> {
  return database.iterator<Uint8Array, Uint8Array>(options);
}

function readSync(database: Database, key: Uint8Array, options: ReadOptions): Uint8Array | undefined {
  try {
    const value = database.getSync<Uint8Array, Uint8Array>(key, options);
    return value === undefined ? undefined : plainView(value);
  } catch (cause) {
    throw new TableReadError(`cannot read from a table: ${reasonOf(cause)}`, { cause });
  }
}

/** The native side hands out `Buffer`s, whose `slice` would share memory where a `Uint8Array`'s copies. */
function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function canCompact(database: Level<Uint8Array, Uint8Array>): database is Database {
  return "compactRange" in database && typeof database.compactRange === "function";
}

async function makeDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncDirectory(dirname(made));
}

async function discardRemains(directory: string): Promise<void> {
  for (const name of await logFiles(directory)) await unlink(join(directory, name));
  for (const name of (await readdir(directory)).filter((entry) => IMAGES.test(entry)))
    await rm(join(directory, name), { recursive: true });
}

async function logFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith(".log"));
}

async function syncDirectory(directory: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(directory, "r");
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

/** abstract-level wraps what happened in an error that only says that something did. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined ? cause.message : `${cause.message}: ${reasonOf(cause.cause)}`;
}

function ignore(): void {
  // Whoever holds the promise itself learns of the failure; this copy only keeps the order.
}
