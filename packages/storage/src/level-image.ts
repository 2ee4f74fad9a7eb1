/**
 * What a table of LevelDB has on its disk, read apart from it. LevelDB maps the files that it reads, and keeps them mapped while it
 * has them open: whoever reads all rows through the table itself leaves all of them resident in the process. A table file never
 * changes once it is written, so second names of all of them, with a copy of the manifest that lists them, are a table of the same
 * rows. It is opened for a stretch at a time, and what was mapped goes with it.
 */
import { copyFile, link, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { asError } from "@strongroom/runtime";
import { TableOpenError, TableReadError } from "./errors.ts";
import { type KeyRange, keyAfter } from "./keys.ts";
import type { Table, TableEntry, TableImage, TableImageIterator, TableSnapshot } from "./table.ts";

/** Opens what `directory` holds, without LevelDB's own log. */
export type OpenImage = (directory: string) => Promise<Table>;

const CURRENT = "CURRENT";
/** Read between an opening and the next, which reads the manifest and syncs a new one. */
const STRETCH_BYTES = 16 * 1024 * 1024;
/** A compaction that ends while the names are made takes files away that the manifest still lists. */
const ATTEMPTS = 5;

export class LevelImage implements TableImage {
  readonly #directory: string;
  readonly #open: OpenImage;

  private constructor(directory: string, open: OpenImage) {
    this.#directory = directory;
    this.#open = open;
  }

  /** Of the table that lies open in `source`, as its last flush or a later one left it. Throws `TableOpenError`, `TableReadError`. */
  static async make(source: string, directory: string, open: OpenImage): Promise<LevelImage> {
    for (let attempt = 1; ; attempt++) {
      try {
        await nameFiles(source, directory);
        const table = await open(directory);
        await table.close();
        return new LevelImage(directory, open);
      } catch (cause) {
        await rm(directory, { recursive: true, force: true });
        if (attempt < ATTEMPTS) continue;
        const message = `cannot make an image of the table in ${source}: ${asError(cause).message}`;
        throw isDamage(cause) ? new TableReadError(message, { cause }) : new TableOpenError(message, { cause });
      }
    }
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const table = await this.#open(this.#directory);
    try {
      return table.getSync(key);
    } finally {
      await table.close();
    }
  }

  iterator(range: KeyRange): TableImageIterator {
    return new LevelImageIterator(() => this.#open(this.#directory), range);
  }

  async close(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** What is open for one stretch. */
interface Stretch {
  readonly table: Table;
  readonly snapshot: TableSnapshot;
  readonly iterator: TableImageIterator;
}

class LevelImageIterator implements TableImageIterator {
  readonly #open: () => Promise<Table>;
  readonly #lt: Uint8Array;
  #from: Uint8Array;
  #stretch: Stretch | undefined;
  /** Of the stretch so far. */
  #bytes = 0;

  constructor(open: () => Promise<Table>, { gte, lt }: KeyRange) {
    this.#open = open;
    this.#from = gte;
    this.#lt = lt;
  }

  async next(count: number): Promise<readonly TableEntry[]> {
    if (this.#bytes >= STRETCH_BYTES) await this.close();
    this.#stretch ??= await this.#begin();
    const entries = await this.#stretch.iterator.next(count);
    for (const { key, value } of entries) this.#bytes += key.length + value.length;
    const last = entries.at(-1);
    if (last !== undefined) this.#from = keyAfter(last.key);
    return entries;
  }

  async close(): Promise<void> {
    const stretch = this.#stretch;
    this.#stretch = undefined;
    this.#bytes = 0;
    await stretch?.iterator.close();
    stretch?.snapshot.close();
    await stretch?.table.close();
  }

  async #begin(): Promise<Stretch> {
    const table = await this.#open();
    const snapshot = table.snapshot();
    return { table, snapshot, iterator: snapshot.iterator({ gte: this.#from, lt: this.#lt }) };
  }
}

/** Whether LevelDB finds the files to be wrong or missing; other causes are the disk's, and may pass. */
function isDamage(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if ("code" in error && error.code === "LEVEL_CORRUPTION") return true;
  }
  return false;
}

async function nameFiles(source: string, directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { mode: 0o700 });
  // What the manifest lists at the moment of its copy was there before it, or still is after it.
  await linkTables(source, directory);
  const manifest = (await readFile(join(source, CURRENT), "utf8")).trim();
  await copyFile(join(source, manifest), join(directory, manifest));
  await copyFile(join(source, CURRENT), join(directory, CURRENT));
  await linkTables(source, directory);
}

async function linkTables(source: string, directory: string): Promise<void> {
  const named = new Set(await readdir(directory));
  for (const name of await readdir(source)) {
    if (name.endsWith(".ldb") && !named.has(name)) await linkUnlessGone(join(source, name), join(directory, name));
  }
}

async function linkUnlessGone(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}
