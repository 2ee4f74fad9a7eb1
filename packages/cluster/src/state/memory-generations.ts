/** Generations without a disk: for tests, simulations and the development server. */
import type { Index } from "@strongroom/raft";
import { MemoryTable, type Table, type TableOp, type TableSnapshot } from "@strongroom/storage";
import { ReplicaFatalError } from "./errors.ts";
import { type GenerationBuild, type GenerationStore, INITIAL_GENERATION } from "./generation-store.ts";

export class MemoryGenerations implements GenerationStore {
  readonly #tables = new Map<string, MemoryTable>();
  #builds = 0;

  path(name: string): string {
    return name;
  }

  async open(name: string): Promise<Table> {
    let table = this.#tables.get(name);
    if (table === undefined) {
      if (name !== INITIAL_GENERATION) throw new ReplicaFatalError(`There is no state ${name}.`);
      table = new MemoryTable();
      this.#tables.set(name, table);
    }
    return new OpenTable(table);
  }

  async build(index: Index): Promise<GenerationBuild> {
    const name = `state-${index}-${this.#builds++}`;
    const table = new MemoryTable();
    return {
      name,
      table,
      complete: async () => {
        this.#tables.set(name, table);
      },
      abort: async () => {
        // Before it is complete nobody else knows of the table.
      },
    };
  }

  async retainOnly(name: string): Promise<void> {
    for (const other of this.#tables.keys()) if (other !== name) this.#tables.delete(other);
  }
}

/** One opener's view: what it closes, the next one opens again with all that is in it. */
class OpenTable implements Table {
  readonly #table: MemoryTable;

  constructor(table: MemoryTable) {
    this.#table = table;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#table.getSync(key);
  }

  write(ops: readonly TableOp[]): Promise<void> {
    return this.#table.write(ops);
  }

  snapshot(): TableSnapshot {
    return this.#table.snapshot();
  }

  flush(): Promise<void> {
    return this.#table.flush();
  }

  async close(): Promise<void> {
    // The content outlives its openers.
  }
}
