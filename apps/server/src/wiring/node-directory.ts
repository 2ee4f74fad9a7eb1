/**
 * The cluster's nodes as the replicated state knows them, kept in memory for those who may not wait: a ceremony asks for
 * the members in the middle of a step. There are few, and a change of their rows is heard of through the invalidations.
 */
import { decodeNodeRecord, type NodeRecord, nodeKey } from "@strongroom/cluster";
import type { Logger } from "@strongroom/runtime";
import { asError, ByteReader } from "@strongroom/runtime";
import { KEY_KIND, makeKey, prefixRange, type ReplicatedStore, type SnapshotReader } from "@strongroom/storage";

export interface KnownNode extends NodeRecord {
  readonly nodeId: number;
}

const PAGE = 64;
const PREFIX = makeKey(KEY_KIND.node);

export class NodeDirectory {
  readonly #store: ReplicatedStore;
  readonly #logger: Logger;
  #nodes: readonly KnownNode[] = [];
  #reading: Promise<void> | undefined;
  #stale = false;

  private constructor(store: ReplicatedStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  static async open(store: ReplicatedStore, logger: Logger): Promise<NodeDirectory> {
    const directory = new NodeDirectory(store, logger);
    store.onInvalidation((event) => {
      if (event.type === "all" || event.keys.some((key) => key[0] === KEY_KIND.node)) directory.#refresh();
    });
    directory.#nodes = await readNodes(store);
    return directory;
  }

  get nodes(): readonly KnownNode[] {
    return this.#nodes;
  }

  find(nodeId: number): KnownNode | undefined {
    return this.#nodes.find((node) => node.nodeId === nodeId);
  }

  #refresh(): void {
    this.#stale = true;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
  }

  async #read(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      try {
        this.#nodes = await readNodes(this.#store);
      } catch (error) {
        this.#logger.warn("the list of nodes could not be read again", { error: asError(error) });
      }
    }
  }
}

/** One node's row, from a snapshot that the caller holds. */
export function readNode(snapshot: SnapshotReader, nodeId: number): NodeRecord | undefined {
  const row = snapshot.get(nodeKey(nodeId));
  return row === undefined ? undefined : decodeNodeRecord(row.value);
}

async function readNodes(store: ReplicatedStore): Promise<KnownNode[]> {
  const snapshot = store.localSnapshot();
  const rows = snapshot.iterate(prefixRange(PREFIX));
  const nodes: KnownNode[] = [];
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
  return nodes;
}
