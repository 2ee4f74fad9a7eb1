import { describe, expect, it } from "vitest";
import { CorruptRowError } from "./errors.ts";
import { MemoryTable } from "./memory-table.ts";
import { encodeRow } from "./row.ts";
import { openSnapshotReader } from "./snapshot-reader.ts";

const A = Uint8Array.of(0x20, 1);
const ALL = { gte: Uint8Array.of(0x20), lt: Uint8Array.of(0x21) };
const row = { revision: { index: 3, position: 1 }, term: 2, value: Uint8Array.of(9) };

async function open(
  bytes: Uint8Array,
): Promise<{ closed: () => boolean; reader: ReturnType<typeof openSnapshotReader> }> {
  const table = new MemoryTable();
  await table.write([{ type: "put", key: A, value: bytes }]);
  const snapshot = table.snapshot();
  let closed = false;
  const watched = {
    getSync: (key: Uint8Array) => snapshot.getSync(key),
    iterator: (range: typeof ALL) => snapshot.iterator(range),
    close: () => {
      closed = true;
    },
  };
  return { closed: () => closed, reader: openSnapshotReader(watched, 3) };
}

describe("a snapshot reader", () => {
  it("reads rows, one or in order", async () => {
    const { reader } = await open(encodeRow(row));
    expect(reader.appliedIndex).toBe(3);
    expect(reader.get(A)).toEqual(row);
    expect(reader.get(Uint8Array.of(0x20))).toBeUndefined();
    const iterator = reader.iterate(ALL);
    expect(await iterator.next(5)).toEqual([{ key: A, row }]);
    await iterator.close();
    reader.release();
  });

  it("closes with the last release, open iterators counted", async () => {
    const { reader, closed } = await open(encodeRow(row));
    reader.retain();
    const iterator = reader.iterate(ALL);
    reader.release();
    reader.release();
    expect(closed()).toBe(false);
    await iterator.close();
    await iterator.close();
    expect(closed()).toBe(true);
    expect(() => reader.get(A)).toThrow("released");
    expect(() => reader.retain()).toThrow("released");
    expect(() => reader.release()).toThrow("as often");
  });

  it("names a row that does not decode", async () => {
    const { reader } = await open(Uint8Array.of(1, 2, 3));
    expect(() => reader.get(A)).toThrow(CorruptRowError);
    reader.release();
  });
});
