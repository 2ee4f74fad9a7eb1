import { toIndex } from "@strongroom/raft";
import { MemoryTable, type SnapshotReader, TableOpenError } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { REPLICA_STATE_KEY } from "../state/keys.ts";
import { encodeReplicaState, initialReplicaState } from "../state/replica-state.ts";
import { readAppliedIndex, SnapshotShelf } from "./snapshot-shelf.ts";

function apply(table: MemoryTable, index: number): void {
  const value = encodeReplicaState({ ...initialReplicaState(), appliedIndex: toIndex(index) });
  table.writeSync([{ type: "put", key: REPLICA_STATE_KEY, value }]);
}

function shelfAt(index: number): { readonly table: MemoryTable; readonly shelf: SnapshotShelf } {
  const table = new MemoryTable();
  apply(table, index);
  return { table, shelf: new SnapshotShelf(table, readAppliedIndex) };
}

function indexOf(snapshot: SnapshotReader): number {
  snapshot.release();
  return snapshot.appliedIndex;
}

describe("SnapshotShelf", () => {
  it("shows nothing whose invalidations were not delivered", () => {
    const { table, shelf } = shelfAt(5);
    apply(table, 6);
    expect(indexOf(shelf.take())).toBe(5);
    shelf.deliver(6);
    expect(indexOf(shelf.take())).toBe(6);
  });

  it("serves the one before while the table is ahead of what was delivered", () => {
    const { table, shelf } = shelfAt(5);
    apply(table, 6);
    apply(table, 7);
    shelf.deliver(6);
    expect(indexOf(shelf.take())).toBe(5);
    shelf.deliver(7);
    expect(indexOf(shelf.take())).toBe(7);
  });

  it("wakes who waits for an index once a usable snapshot has it", () => {
    const { table, shelf } = shelfAt(5);
    const seen: number[] = [];
    shelf.whenAt(5, (snapshot) => seen.push(indexOf(snapshot)));
    shelf.whenAt(7, (snapshot) => seen.push(indexOf(snapshot)));
    const cancel = shelf.whenAt(6, () => seen.push(-1));
    cancel();
    expect(seen).toEqual([5]);
    apply(table, 8);
    shelf.deliver(7);
    expect(seen).toEqual([5]);
    shelf.deliver(8);
    expect(seen).toEqual([5, 8]);
  });

  it("moves to another table, and closes the old one when its last reader is done", async () => {
    const { table, shelf } = shelfAt(5);
    const held = shelf.take();
    const other = new MemoryTable();
    apply(other, 40);
    let closed = false;
    const drained = shelf.exchange(other).then(() => {
      closed = true;
    });
    expect(indexOf(shelf.take())).toBe(40);
    await Promise.resolve();
    expect(closed).toBe(false);
    expect(held.get(REPLICA_STATE_KEY.slice(0, 1))).toBeUndefined();
    held.release();
    await drained;
    expect(() => table.snapshot()).toThrow();
    await shelf.close();
  });

  it("closes the old table when its last image is done, too, and at once after one that could not be made", async () => {
    const { table, shelf } = shelfAt(5);
    const image = await shelf.image();
    const other = new MemoryTable();
    apply(other, 40);
    let closed = false;
    const drained = shelf.exchange(other).then(() => {
      closed = true;
    });
    await Promise.resolve();
    expect([closed, (await image.get(REPLICA_STATE_KEY)) === undefined]).toEqual([false, false]);
    await image.close();
    await drained;
    expect(() => table.snapshot()).toThrow();
    other.image = () => Promise.reject(new TableOpenError("ENOSPC: no space left on device"));
    await expect(shelf.image()).rejects.toThrow(TableOpenError);
    await shelf.close();
  });
});
