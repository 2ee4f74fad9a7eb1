/**
 * The cluster's nodes as the replicated state knows them, kept in memory for those who may not wait: a ceremony asks for
 * the members in the middle of a step. There are few, and a change of their rows is heard of through the invalidations.
 */
import { decodeNodeRecord, type NodeRecord } from "@strongroom/cluster";
import type { Logger } from "@strongroom/runtime";
import { asError, ByteReader } from "@strongroom/runtime";
import { KEY_KIND, makeKey, prefixRange, type ReplicatedStore } from "@strongroom/storage";

export interface KnownNode extends NodeRecord {
  readonly nodeId: number;
}

const PAGE = 64;
const PREFIX = makeKey(KEY_KIND.node);

export class NodeDirectory {
  readonly #store: ReplicatedStore;
  readonly #logger: Logger;
  #nodes: readonly KnownNode[] = [];
  /** The index up to which the nodes were read, and the one that they are wanted of. */
  #readIndex = 0;
  #wantedIndex = 0;
  #reading = false;

  private constructor(store: ReplicatedStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  static async open(store: ReplicatedStore, logger: Logger): Promise<NodeDirectory> {
    const directory = new NodeDirectory(store, logger);
    store.onInvalidation((event) => {
      if (event.type === "all" || event.keys.some((key) => key[0] === KEY_KIND.node)) directory.#refresh(event.index);
    });
    await directory.#readOnce();
    return directory;
  }

  get nodes(): readonly KnownNode[] {
    return this.#nodes;
  }

  #refresh(index: number): void {
    this.#wantedIndex = Math.max(this.#wantedIndex, index);
    if (this.#reading) return;
    this.#reading = true;
    void this.#catchUp();
  }

  /** A snapshot taken in the turn of the news may still be one from before it. */
  async #catchUp(): Promise<void> {
    try {
      while (this.#readIndex < this.#wantedIndex) {
        await new Promise<void>((resolve) => this.#store.timers.immediate(resolve));
        await this.#readOnce();
      }
    } catch (error) {
      this.#logger.warn("the list of nodes could not be read again", { error: asError(error) });
    }
    this.#reading = false;
  }

  async #readOnce(): Promise<void> {
    const { nodes, index } = await readNodes(this.#store);
    this.#nodes = nodes;
    this.#readIndex = index;
  }
}

async function readNodes(store: ReplicatedStore): Promise<{ nodes: KnownNode[]; index: number }> {
  const snapshot = store.localSnapshot();
  const rows = snapshot.iterate(prefixRange(PREFIX));
  const nodes: KnownNode[] = [];
  const index = snapshot.appliedIndex;
  try {
    for (let page = await rows.next(PAGE); page.length > 0; page = await rows.next(PAGE)) {
      for (const { key, row } of page) {
        const record = decodeNodeRecord(row.value);
        if (record !== undefined) nodes.push({ nodeId: new ByteReader(key, 1).u64(), ...record });
      }
    }
  } finally {
    await rows.close();
    snapshot.release();
  }
  return { nodes, index };
}
