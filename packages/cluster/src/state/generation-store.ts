/**
 * The state machine's directories. A snapshot is never written into the state that workers read: it fills a generation of
 * its own, `state-<index>-<n>`, and one synced record of the log says which generation counts. Until that record nothing
 * has happened; after it the others are litter.
 */
import type { Index } from "@strongroom/raft";
import type { Table } from "@strongroom/storage";

/** The generation of a node that has never installed a snapshot. */
export const INITIAL_GENERATION = "state-0-0";

/** A generation that is being filled. Nobody can open it before `complete`. */
export interface GenerationBuild {
  readonly name: string;
  readonly table: Table;
  /** Flushes and closes the table; when this resolves, the generation survives a loss of power. */
  complete(): Promise<void>;
  /** Closes and removes it. Harmless after either end. */
  abort(): Promise<void>;
}

export interface GenerationStore {
  /** Where a worker opens the generation, by `LevelTable.open`. */
  path(name: string): string;
  /** Opens a complete generation; makes an empty one for `INITIAL_GENERATION`. The opener closes last. */
  open(name: string): Promise<Table>;
  /** A new empty generation for a snapshot at `index`. */
  build(index: Index): Promise<GenerationBuild>;
  /** Removes all generations but `name`, unfinished ones included. Call it once nobody has another open. */
  retainOnly(name: string): Promise<void>;
}
