/**
 * What every `Table` keeps to, as named checks that any test runner can run:
 * `for (const { claim, check } of TABLE_CLAIMS) it(claim, () => check(openTable))`.
 */
import assert from "node:assert/strict";
import { utf8 } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";
import { mapKey } from "../keys.ts";
import { PAGE_BYTES, type Table, type TableEntry, type TableOp, type TableSnapshot } from "../table.ts";

/** Opens a new, empty table; the check closes it. */
export type OpenTable = () => Promise<Table>;

export interface TableClaim {
  readonly claim: string;
  readonly check: (open: OpenTable) => Promise<void>;
}

const k = utf8;
const put = (key: string, value: string): TableOp => ({ type: "put", key: k(key), value: k(value) });
const remove = (key: string): TableOp => ({ type: "delete", key: k(key) });
const EVERYTHING = { gte: new Uint8Array(0), lt: Uint8Array.of(0xff) };

export const TABLE_CLAIMS: readonly TableClaim[] = [
  claim("has nothing at first", async (table) => {
    assert.equal(table.getSync(k("a")), undefined);
    assert.deepEqual(await read(table), []);
  }),
  claim("gives back what was written, and no more once deleted", async (table) => {
    await table.write([put("a", "1"), put("b", "")]);
    assert.deepEqual(table.getSync(k("a")), k("1"));
    assert.deepEqual(table.getSync(k("b")), new Uint8Array(0));
    await table.write([remove("a"), remove("never")]);
    assert.equal(table.getSync(k("a")), undefined);
  }),
  claim("hands out plain bytes that later writes leave alone", async (table) => {
    await table.write([put("a", "1")]);
    const value = table.getSync(k("a"));
    await table.write([put("a", "2")]);
    assert.equal(value?.constructor, Uint8Array);
    assert.deepEqual(value, k("1"));
  }),
  claim("keeps no hold of the caller's bytes", async (table) => {
    const key = k("a");
    const value = k("1");
    await table.write([{ type: "put", key, value }]);
    key.fill(0x7a);
    value.fill(0x7a);
    assert.deepEqual(await read(table), [["a", "1"]]);
  }),
  claim("applies the operations of a batch in order", async (table) => {
    await table.write([put("a", "1"), remove("a"), put("a", "2"), put("b", "1"), remove("b")]);
    assert.deepEqual(await read(table), [["a", "2"]]);
  }),
  claim("applies batches in the order of the calls, awaited or not", async (table) => {
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 200; i++) writes.push(table.write([put("a", String(i))]));
    await Promise.all(writes);
    assert.deepEqual(table.getSync(k("a")), k("199"));
  }),
  claim("takes an empty batch", async (table) => {
    await table.write([]);
    assert.deepEqual(await read(table), []);
  }),
  claim("orders keys by unsigned bytes, shorter first", async (table) => {
    const keys = [[0x00], [0x00, 0x00], [0x01], [0x7f, 0xff], [0x80], [0x80, 0x00], [0xfe, 0xff]];
    await table.write(keys.toReversed().map((key) => ({ type: "put", key: Uint8Array.from(key), value: k("x") })));
    const snapshot = table.snapshot();
    const iterator = snapshot.iterator(EVERYTHING);
    assert.deepEqual(
      (await iterator.next(100)).map(({ key }) => [...key]),
      keys,
    );
    await iterator.close();
    snapshot.close();
  }),
  claim("shows a snapshot as it was", async (table) => {
    await table.write([put("a", "1"), put("b", "1")]);
    const snapshot = table.snapshot();
    await table.write([put("a", "2"), remove("b"), put("c", "1")]);
    assert.deepEqual(snapshot.getSync(k("a")), k("1"));
    assert.deepEqual(snapshot.getSync(k("b")), k("1"));
    assert.equal(snapshot.getSync(k("c")), undefined);
    assert.deepEqual(await readSnapshot(snapshot), [
      ["a", "1"],
      ["b", "1"],
    ]);
    snapshot.close();
    snapshot.close();
  }),
  claim("gives an image of what was flushed, which stays as it was", async (table) => {
    await table.write([put("a", "1"), put("b", "1"), put("c", "1")]);
    await table.flush();
    const image = await table.image();
    await table.write([put("a", "2"), remove("b"), put("d", "1")]);
    assert.deepEqual(await image.get(k("a")), k("1"));
    assert.equal(await image.get(k("d")), undefined);
    const iterator = image.iterator({ gte: k("b"), lt: k("d") });
    assert.deepEqual(texts(await iterator.next(1)), [["b", "1"]]);
    assert.deepEqual(texts(await iterator.next(5)), [["c", "1"]]);
    assert.deepEqual(await iterator.next(5), []);
    await iterator.close();
    await image.close();
    await table.flush();
    const later = await table.image();
    assert.equal(await later.get(k("b")), undefined);
    await later.close();
    assert.deepEqual(table.getSync(k("a")), k("2"));
  }),
  claim("walks a range from its lower end up to, not including, its upper", async (table) => {
    await table.write(["a", "b", "c", "d"].map((key) => put(key, key)));
    const snapshot = table.snapshot();
    const pages = snapshot.iterator({ gte: k("b"), lt: k("d") });
    assert.deepEqual(texts(await pages.next(1)), [["b", "b"]]);
    assert.deepEqual(texts(await pages.next(5)), [["c", "c"]]);
    assert.deepEqual(await pages.next(5), []);
    assert.deepEqual(await pages.next(5), []);
    await pages.close();
    await pages.close();
    snapshot.close();
  }),
  claim("finds nothing in a range that is empty or upside down", async (table) => {
    await table.write([put("a", "1"), put("b", "1"), put("c", "1")]);
    const snapshot = table.snapshot();
    for (const range of [
      { gte: k("b"), lt: k("b") },
      { gte: k("c"), lt: k("a") },
    ]) {
      const iterator = snapshot.iterator(range);
      assert.deepEqual(await iterator.next(5), []);
      iterator.seek(k("b"));
      assert.deepEqual(await iterator.next(5), []);
      await iterator.close();
    }
    snapshot.close();
  }),
  claim("seeks forwards and back within its range, never out of it", async (table) => {
    await table.write(["a", "b", "d", "e", "f"].map((key) => put(key, key)));
    const snapshot = table.snapshot();
    const iterator = snapshot.iterator({ gte: k("b"), lt: k("f") });
    const seen: string[] = [];
    for (const target of ["c", "e", "b", "a", "f", "z", "d"]) {
      iterator.seek(k(target));
      seen.push(texts(await iterator.next(1))[0]?.[0] ?? "end");
    }
    assert.deepEqual(seen, ["d", "e", "b", "b", "end", "end", "d"]);
    assert.deepEqual(texts(await iterator.next(9)), [["e", "e"]]);
    await iterator.close();
    snapshot.close();
  }),
  claim("flushes, empty or full, again and again", async (table) => {
    await table.flush();
    await table.write([put("a", "1")]);
    await Promise.all([table.flush(), table.write([put("b", "1")]), table.flush()]);
    assert.deepEqual(await read(table), [
      ["a", "1"],
      ["b", "1"],
    ]);
  }),
  claim("holds a value of a mebibyte", async (table) => {
    const value = new Uint8Array(1_048_576).fill(0xa5);
    await table.write([{ type: "put", key: k("a"), value }]);
    assert.deepEqual(table.getSync(k("a")), value);
  }),
  claim("ends a page early where values are large, and the range only with an empty page", async (table) => {
    const value = new Uint8Array(PAGE_BYTES / 2);
    await table.write(["a", "b", "c", "d", "e"].map((name) => ({ type: "put", key: k(name), value })));
    const snapshot = table.snapshot();
    const iterator = snapshot.iterator(EVERYTHING);
    const pages: string[][] = [];
    do pages.push((await iterator.next(5)).map(({ key }) => mapKey(key)));
    while (pages.at(-1)?.length !== 0);
    assert.ok(pages.every((page) => page.length < 5));
    assert.deepEqual(pages.flat(), ["a", "b", "c", "d", "e"]);
    await iterator.close();
    snapshot.close();
  }),
  claim("closes more than once", async (table) => {
    await table.close();
    await table.close();
  }),
  claim("agrees with a sorted map over random batches, snapshots and seeks", (table) =>
    compareWithModel(table, 20_261),
  ),
];

function claim(text: string, check: (table: Table) => Promise<void>): TableClaim {
  return {
    claim: text,
    async check(open) {
      const table = await open();
      try {
        await check(table);
      } finally {
        await table.close();
      }
    },
  };
}

type Model = ReadonlyMap<string, string>;

/** Three hundred batches over few keys, with up to four old snapshots that are looked at in between. */
async function compareWithModel(table: Table, seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const key = (): string => "abcdef".slice(0, 1 + random.below(3)) + String.fromCharCode(0x61 + random.below(12));
  let model: Model = new Map();
  const kept: { readonly snapshot: TableSnapshot; readonly model: Model }[] = [];
  for (let round = 0; round < 300; round++) {
    const ops: TableOp[] = [];
    const next = new Map(model);
    for (let i = random.below(6); i >= 0; i--) {
      const name = key();
      if (random.chance(35)) {
        ops.push(remove(name));
        next.delete(name);
      } else {
        ops.push(put(name, String(round)));
        next.set(name, String(round));
      }
    }
    await table.write(ops);
    model = next;
    if (random.chance(10)) await table.flush();
    if (random.chance(20)) kept.push({ snapshot: table.snapshot(), model });
    if (kept.length > 4) kept.shift()?.snapshot.close();
    for (const state of kept) await compareRange(state.snapshot, state.model, key(), key());
    const probe = key();
    assert.deepEqual(table.getSync(k(probe)), optional(model.get(probe)), `seed ${seed}, round ${round}`);
  }
  for (const { snapshot } of kept) snapshot.close();
  assert.deepEqual(await read(table), [...model].sort(byKey));
}

async function compareRange(snapshot: TableSnapshot, model: Model, gte: string, lt: string): Promise<void> {
  const expected = [...model].filter(([name]) => name >= gte && name < lt).sort(byKey);
  const iterator = snapshot.iterator({ gte: k(gte), lt: k(lt) });
  const found: [string, string][] = [];
  for (let page = await iterator.next(2); page.length > 0; page = await iterator.next(2)) found.push(...texts(page));
  assert.deepEqual(found, expected);
  const target = expected[expected.length >> 1]?.[0];
  if (target !== undefined) {
    iterator.seek(k(target));
    assert.deepEqual(texts(await iterator.next(1)), [expected[expected.length >> 1]]);
    assert.deepEqual(snapshot.getSync(k(target)), optional(model.get(target)));
  }
  await iterator.close();
}

async function read(table: Table): Promise<[string, string][]> {
  const snapshot = table.snapshot();
  try {
    return await readSnapshot(snapshot);
  } finally {
    snapshot.close();
  }
}

async function readSnapshot(snapshot: TableSnapshot): Promise<[string, string][]> {
  const iterator = snapshot.iterator(EVERYTHING);
  const found: [string, string][] = [];
  for (let page = await iterator.next(7); page.length > 0; page = await iterator.next(7)) found.push(...texts(page));
  await iterator.close();
  return found;
}

function texts(entries: readonly TableEntry[]): [string, string][] {
  return entries.map(({ key, value }) => [mapKey(key), mapKey(value)]);
}

function optional(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : k(text);
}

function byKey([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
