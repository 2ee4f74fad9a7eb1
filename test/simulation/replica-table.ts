/**
 * A table that loses power: batches are visible when they are written and durable when they are flushed; after a crash
 * any prefix of the batches since is left, as LevelDB leaves it once its own log is thrown away.
 */
import { removedNodeKey } from "@strongroom/cluster";
import { type NodeId, toNodeId } from "@strongroom/raft";
import { ByteReader, type Random } from "@strongroom/runtime";
import { mapKey, type TableOp } from "@strongroom/storage";

const REMOVED = mapKey(removedNodeKey(1).subarray(0, 1));

export class SimulatedTable {
  #rows: Map<string, Uint8Array>;
  #durable: Map<string, Uint8Array>;
  #unflushed: (readonly TableOp[])[] = [];

  constructor(rows: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#rows = new Map(rows);
    this.#durable = new Map(rows);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#rows.get(mapKey(key));
  }

  write(ops: readonly TableOp[]): void {
    perform(this.#rows, ops);
    this.#unflushed.push(ops);
  }

  /** Begins a flush of what is written by now; what it returns ends it. */
  flush(): () => void {
    const count = this.#unflushed.length;
    return () => {
      for (const ops of this.#unflushed.splice(0, count)) perform(this.#durable, ops);
    };
  }

  crash(random: Random): void {
    // Of a process that died without its machine all may be left; none is the least.
    const lost = random.below(this.#unflushed.length + 1);
    for (const ops of this.#unflushed.slice(0, this.#unflushed.length - lost)) perform(this.#durable, ops);
    this.#unflushed = [];
    this.#rows = new Map(this.#durable);
  }

  rows(): ReadonlyMap<string, Uint8Array> {
    return new Map(this.#rows);
  }

  /** Replaces the bytes of a row, wherever it is. */
  rot(key: Uint8Array, bytes: Uint8Array): void {
    this.#rows.set(mapKey(key), bytes);
    this.#durable.set(mapKey(key), bytes);
  }

  removedNodes(): readonly NodeId[] {
    const ids: NodeId[] = [];
    for (const key of this.#rows.keys())
      if (key.startsWith(REMOVED)) ids.push(toNodeId(new ByteReader(Buffer.from(key, "latin1"), 1).u64()));
    return ids;
  }
}

function perform(rows: Map<string, Uint8Array>, ops: readonly TableOp[]): void {
  for (const op of ops) {
    if (op.type === "put") rows.set(mapKey(op.key), op.value);
    else rows.delete(mapKey(op.key));
  }
}
