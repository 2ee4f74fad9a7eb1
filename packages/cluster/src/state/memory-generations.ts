/**
 * Generations without a disk: for tests, simulations and the development server. What a loss of power does to a table can
 * be simulated: batches since the last flush survive up to some batch, and are gone from there on.
 */
import type { Index } from "@strongroom/raft";
import type { Random } from "@strongroom/runtime";
import {
  MemoryTable,
  mapKey,
  type Table,
  type TableImage,
  type TableOp,
  type TableSnapshot,
} from "@strongroom/storage";
import { ReplicaFatalError } from "./errors.ts";
import { type GenerationBuild, type GenerationStore, INITIAL_GENERATION } from "./generation-store.ts";

export interface MemoryGenerationsOptions {
  /** Remember what was not flushed, at the price of writing everything twice, so that `crash` can lose it. */
  readonly crashable?: boolean;
}

export class MemoryGenerations implements GenerationStore {
  readonly #crashable: boolean;
  readonly #contents = new Map<string, Content>();
  #builds = 0;

  constructor(options: MemoryGenerationsOptions = {}) {
    this.#crashable = options.crashable ?? false;
  }

  path(name: string): string {
    return name;
  }

  async open(name: string): Promise<Table> {
    let content = this.#contents.get(name);
    if (content === undefined) {
      if (name !== INITIAL_GENERATION) throw new ReplicaFatalError(`There is no state ${name}.`);
      content = new Content(this.#crashable);
      this.#contents.set(name, content);
    }
    return new OpenTable(content);
  }

  async build(index: Index): Promise<GenerationBuild> {
    const name = `state-${index}-${this.#builds++}`;
    const content = new Content(this.#crashable);
    const table = new OpenTable(content);
    return {
      name,
      table,
      complete: async () => {
        await table.flush();
        this.#contents.set(name, content);
      },
      abort: async () => {
        // Before it is complete nobody else knows of the table.
      },
    };
  }

  async retainOnly(name: string): Promise<void> {
    for (const other of this.#contents.keys()) if (other !== name) this.#contents.delete(other);
  }

  /** Loss of power. Tables that were open are not used any more; those opened from now on show what is left. */
  crash(random: Random): void {
    for (const [name, content] of this.#contents) this.#contents.set(name, content.afterCrash(random));
  }
}

/** What a directory holds, whoever has it open. */
class Content {
  readonly table = new MemoryTable();
  /** The rows that survive a loss of power, by key. */
  readonly #durable: Map<string, TableOp> | undefined;
  #unflushed: (readonly TableOp[])[] = [];

  constructor(crashable: boolean) {
    this.#durable = crashable ? new Map() : undefined;
  }

  write(ops: readonly TableOp[]): void {
    this.table.writeSync(ops);
    if (this.#durable !== undefined) this.#unflushed.push(ops.map(copyOf));
  }

  flush(): void {
    for (const op of this.#unflushed.flat()) {
      if (op.type === "put") this.#durable?.set(mapKey(op.key), op);
      else this.#durable?.delete(mapKey(op.key));
    }
    this.#unflushed = [];
  }

  /** What was flushed and, since LevelDB flushes by itself too, a few of the batches that followed. */
  afterCrash(random: Random): Content {
    if (this.#durable === undefined) return this;
    this.#unflushed.length = random.below(this.#unflushed.length + 1);
    this.flush();
    const content = new Content(true);
    content.write([...this.#durable.values()]);
    content.flush();
    return content;
  }
}

function copyOf(op: TableOp): TableOp {
  if (op.type === "delete") return { type: "delete", key: op.key.slice() };
  return { type: "put", key: op.key.slice(), value: op.value.slice() };
}

/** One opener's view: what it closes, the next one opens again with all that is in it. */
class OpenTable implements Table {
  readonly #content: Content;

  constructor(content: Content) {
    this.#content = content;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#content.table.getSync(key);
  }

  async write(ops: readonly TableOp[]): Promise<void> {
    this.#content.write(ops);
  }

  snapshot(): TableSnapshot {
    return this.#content.table.snapshot();
  }

  image(): Promise<TableImage> {
    return this.#content.table.image();
  }

  async flush(): Promise<void> {
    this.#content.flush();
  }

  async close(): Promise<void> {
    // The content outlives its openers.
  }
}
