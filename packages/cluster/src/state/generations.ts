/** The state machine's directories on a disk. */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Index } from "@strongroom/raft";
import { LevelTable, type LevelTableOptions, type Table } from "@strongroom/storage";
import { ReplicaFatalError } from "./errors.ts";
import { type GenerationBuild, type GenerationStore, INITIAL_GENERATION } from "./generation-store.ts";

const NAME = /^state-(\d+)-(\d+)(\.building)?$/;
const BUILDING = ".building";

/** The first to open a table: LevelDB's own log is thrown away, since the write-ahead log has all that it could hold. */
const FIRST_OPEN: LevelTableOptions = { multithreading: true, discardLog: true };

export class Generations implements GenerationStore {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** `directory` is the node's, and is made if it is missing; the generations are in it. */
  static async open(directory: string): Promise<Generations> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new Generations(directory);
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  async open(name: string): Promise<Table> {
    if (name !== INITIAL_GENERATION && !(await isDirectory(this.path(name)))) {
      throw new ReplicaFatalError(
        `The state that the log names, ${this.path(name)}, is missing. Rebuild this node from its peers.`,
      );
    }
    const table = await LevelTable.open(this.path(name), FIRST_OPEN);
    await syncDirectory(this.#directory);
    return table;
  }

  async build(index: Index): Promise<GenerationBuild> {
    const name = await this.#nextName(index);
    const path = this.path(name + BUILDING);
    const table = await LevelTable.open(path, { discardLog: true });
    let closed = false;
    const close = async () => {
      closed = true;
      await table.close();
    };
    return {
      name,
      table,
      complete: async () => {
        await table.flush();
        await close();
        await syncFiles(path);
        await rename(path, this.path(name));
        await syncDirectory(this.#directory);
      },
      abort: async () => {
        if (!closed) await close();
        await rm(path, { recursive: true, force: true });
      },
    };
  }

  async retainOnly(name: string): Promise<void> {
    for (const other of await readdir(this.#directory)) {
      if (other !== name && NAME.test(other)) await rm(this.path(other), { recursive: true, force: true });
    }
    await syncDirectory(this.#directory);
  }

  async #nextName(index: Index): Promise<string> {
    let next = 0;
    for (const other of await readdir(this.#directory)) {
      const match = NAME.exec(other);
      if (match !== null && Number(match[1]) === index) next = Math.max(next, Number(match[2]) + 1);
    }
    return `state-${index}-${next}`;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

async function syncFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await syncPath(join(directory, name));
  await syncDirectory(directory);
}

function syncDirectory(path: string): Promise<void> {
  return syncPath(path);
}

async function syncPath(path: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    await handle.sync();
  } finally {
    await handle?.close();
  }
}
