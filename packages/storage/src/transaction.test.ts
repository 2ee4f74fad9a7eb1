import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TooLargeError } from "./errors.ts";
import { EPOCH_KEY, mapKey } from "./keys.ts";
import { LIMITS } from "./limits.ts";
import type { KeyedRow } from "./store.ts";
import { MemoryStore } from "./testing/memory-store.ts";
import { Transaction } from "./transaction.ts";

const key = (name: number): Uint8Array => Uint8Array.of(0x20, name);
const text = (bytes: Uint8Array): string => mapKey(bytes);
const value = (byte: number): Uint8Array => Uint8Array.of(byte);
const ALL = { gte: Uint8Array.of(0x20), lt: Uint8Array.of(0x21) };

/** A transaction over a store that holds `names`, each with its name as its value. */
function begin(...names: readonly number[]): Transaction {
  const store = new MemoryStore();
  if (names.length > 0) store.install(names.map((name) => ({ key: key(name), term: 1, value: value(name) })));
  return new Transaction(store.localSnapshot());
}

const pairs = (rows: readonly KeyedRow[]): [number, number][] =>
  rows.map((each) => [each.key[1] as number, each.row.value[0] as number]);

async function drain(transaction: Transaction, count: number): Promise<[number, number][]> {
  const iterator = transaction.iterate(ALL);
  const rows: KeyedRow[] = [];
  for (let page = await iterator.next(count); page.length > 0; page = await iterator.next(count)) rows.push(...page);
  await iterator.close();
  return pairs(rows);
}

describe("Transaction", () => {
  it("guards what it got at its revision, and what was missing by its absence", () => {
    const transaction = begin(1);
    expect(transaction.get(key(1))).toEqual({ revision: { index: 1, position: 0 }, term: 1, value: value(1) });
    expect(transaction.get(key(2))).toBeUndefined();
    expect(transaction.get(key(1))).toBeDefined();
    expect(transaction.dirty).toBe(false);
    expect(transaction.draft()).toEqual({
      guards: [
        { kind: "point", key: key(1), revision: { index: 1, position: 0 } },
        { kind: "absent", key: key(2) },
      ],
      mutations: [],
    });
  });

  it("keeps its guards when it forgets its writes", () => {
    const transaction = begin(1);
    transaction.get(key(1));
    transaction.put(key(1), 7, value(9));
    transaction.put(key(2), 7, value(9));
    transaction.discardWrites();
    expect(transaction.get(key(1))?.value).toEqual(value(1));
    expect(transaction.draft()).toEqual({
      guards: [{ kind: "point", key: key(1), revision: { index: 1, position: 0 } }],
      mutations: [],
    });
  });

  it("sees its own writes, which need no guard", () => {
    const transaction = begin(1);
    transaction.put(key(1), 7, value(9));
    transaction.delete(key(2));
    expect(transaction.get(key(1))).toEqual({ revision: { index: 0, position: 0 }, term: 7, value: value(9) });
    expect(transaction.get(key(2))).toBeUndefined();
    transaction.delete(key(1));
    expect(transaction.get(key(1))).toBeUndefined();
    expect(transaction.peek(key(1))).toBeUndefined();
    expect(transaction.draft()).toEqual({
      guards: [],
      mutations: [
        { kind: "delete", key: key(1) },
        { kind: "delete", key: key(2) },
      ],
    });
  });

  it("peeks without a guard", () => {
    const transaction = begin(1);
    expect(transaction.peek(key(1))?.value).toEqual(value(1));
    expect(transaction.peek(key(2))).toBeUndefined();
    expect(transaction.draft()).toEqual({ guards: [], mutations: [] });
  });

  it("has nothing left to do once it deletes what it put where it saw nothing", () => {
    const transaction = begin();
    transaction.get(key(1));
    transaction.put(key(1), 1, value(1));
    expect(transaction.dirty).toBe(true);
    transaction.delete(key(1));
    expect(transaction.dirty).toBe(false);
    expect(transaction.get(key(1))).toBeUndefined();
    expect(transaction.draft()).toEqual({ guards: [{ kind: "absent", key: key(1) }], mutations: [] });
  });

  it("puts the term and the epoch before the rows, each once", () => {
    const store = new MemoryStore();
    store.install([{ key: EPOCH_KEY, term: 0, value: value(0) }]);
    const transaction = new Transaction(store.localSnapshot());
    transaction.get(key(1));
    transaction.guardEpoch();
    transaction.guardEpoch();
    transaction.guardRaftTerm(3);
    transaction.guardRaftTerm(3);
    expect(() => transaction.guardRaftTerm(4)).toThrow("one Raft term");
    expect(transaction.draft().guards).toEqual([
      { kind: "raft-term", term: 3 },
      { kind: "epoch", revision: { index: 1, position: 0 } },
      { kind: "absent", key: key(1) },
    ]);
  });

  it("guards a row at a revision that is known without a read, unless it has read or written it", () => {
    const transaction = begin(1, 2, 3);
    const known = { index: 1, position: 0 };
    transaction.get(key(2));
    transaction.put(key(3), 1, value(9));
    for (const name of [1, 2, 3]) transaction.guard(key(name), known);
    transaction.guardEpoch(known);
    expect(transaction.draft().guards).toEqual([
      { kind: "epoch", revision: known },
      { kind: "point", key: key(1), revision: known },
      { kind: "point", key: key(2), revision: known },
    ]);
    expect(() => transaction.guard(Uint8Array.of(0x00, 1), known)).toThrow("private");
  });

  it("takes the caller's word for a row that he knows, and guards it as if it had been read", () => {
    const transaction = begin(1, 2);
    const known = { revision: { index: 7, position: 1 }, term: 1, value: value(5) };
    transaction.know(key(1), known);
    transaction.know(key(3), undefined);
    transaction.get(key(2));
    transaction.know(key(2), known);
    expect(transaction.peek(key(1))).toBe(known);
    expect(transaction.get(key(2))?.value).toEqual(value(2));
    expect(transaction.draft().guards).toEqual([
      { kind: "point", key: key(1), revision: known.revision },
      { kind: "point", key: key(2), revision: { index: 1, position: 0 } },
      { kind: "absent", key: key(3) },
    ]);
  });

  it("that only reads keeps no guards, and writes nothing", () => {
    const store = new MemoryStore();
    const transaction = new Transaction(store.localSnapshot(), { readOnly: true });
    expect(transaction.get(key(1))).toBeUndefined();
    transaction.guard(key(2), { index: 1, position: 0 });
    expect(transaction.draft()).toEqual({ guards: [], mutations: [] });
    expect(() => transaction.put(key(1), 1, value(1))).toThrow("runs in the mode write");
    expect(() => transaction.delete(key(1))).toThrow("runs in the mode write");
  });

  it("reads a row once: whoever asks again gets the same one", () => {
    const transaction = begin(1);
    const row = transaction.peek(key(1));
    expect(row).toBeDefined();
    expect(transaction.get(key(1))).toBe(row);
    expect(transaction.peek(key(1))).toBe(row);
  });

  it("keeps no hold of the keys that it was given", () => {
    const transaction = begin();
    const reused = key(1);
    transaction.get(reused);
    transaction.put(reused, 1, value(1));
    reused[1] = 99;
    expect(transaction.draft()).toEqual({
      guards: [{ kind: "absent", key: key(1) }],
      mutations: [{ kind: "put", key: key(1), term: 1, value: value(1) }],
    });
  });

  it("lets nobody guard or write what is private to the replica", () => {
    const transaction = begin();
    const applied = Uint8Array.of(0x00, 1);
    expect(transaction.peek(applied)).toBeUndefined();
    expect(() => transaction.get(applied)).toThrow("private");
    expect(() => transaction.put(applied, 0, value(1))).toThrow("private");
    expect(() => transaction.delete(applied)).toThrow("private");
  });

  it("refuses rows and commands beyond the limits", () => {
    const transaction = begin();
    expect(() => transaction.put(key(1), 1, new Uint8Array(LIMITS.rowBytes + 1))).toThrow(TooLargeError);
    for (let name = 0; name < 8; name++) transaction.put(key(name), 1, new Uint8Array(LIMITS.rowBytes));
    expect(() => transaction.draft()).toThrow(TooLargeError);
  });

  it("walks a range with its own writes laid over it, even those made on the way", async () => {
    const transaction = begin(2, 4, 6);
    transaction.put(key(3), 1, value(30));
    transaction.delete(key(4));
    const iterator = transaction.iterate(ALL);
    expect(pairs(await iterator.next(1))).toEqual([[2, 2]]);
    transaction.put(key(1), 1, value(10));
    transaction.put(key(5), 1, value(50));
    transaction.put(key(6), 1, value(60));
    expect(pairs(await iterator.next(9))).toEqual([
      [3, 30],
      [5, 50],
      [6, 60],
    ]);
    expect(await iterator.next(9)).toEqual([]);
    iterator.seek(key(0));
    expect(pairs(await iterator.next(2))).toEqual([
      [1, 10],
      [2, 2],
    ]);
    await iterator.close();
    expect(transaction.draft().guards).toEqual([]);
  });

  it("bounds a page where rows are large, and ends only with an empty one", async () => {
    const store = new MemoryStore();
    store.install(Array.from({ length: 9 }, (_, i) => ({ key: key(i), term: 1, value: new Uint8Array(100_000) })));
    const transaction = new Transaction(store.localSnapshot());
    for (let name = 0; name < 5; name++) transaction.delete(key(name));
    transaction.put(key(20), 1, value(1));
    const iterator = transaction.iterate(ALL);
    const sizes: number[] = [];
    do sizes.push((await iterator.next(100)).length);
    while (sizes.at(-1) !== 0);
    expect(sizes.length).toBeGreaterThan(2);
    expect(sizes.reduce((a, b) => a + b)).toBe(5);
  });

  it("closes what iterators were left open when it ends", async () => {
    const store = new MemoryStore();
    const snapshot = store.localSnapshot();
    const transaction = new Transaction(snapshot);
    transaction.iterate(ALL);
    transaction.iterate(ALL);
    await transaction.end();
    await transaction.end();
    snapshot.release();
    expect(() => snapshot.get(key(1))).toThrow("released");
    expect(() => transaction.get(key(1))).toThrow("while it runs");
  });

  it("reads as a map that is written to at once, and drafts what makes the store that map", async () => {
    const name = fc.integer({ min: 1, max: 6 });
    const step = fc.oneof(
      fc.record({ type: fc.constantFrom("get" as const, "peek" as const, "delete" as const), name }),
      fc.record({ type: fc.constant("put" as const), name, byte: fc.nat(255) }),
      fc.record({ type: fc.constant("iterate" as const), count: fc.integer({ min: 1, max: 4 }) }),
    );
    const stored = fc.uniqueArray(name, { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(stored, fc.array(step, { maxLength: 20 }), async (names, steps) => {
        const store = new MemoryStore();
        store.install(names.map((each) => ({ key: key(each), term: 1, value: value(each) })));
        const snapshot = store.localSnapshot();
        const transaction = new Transaction(snapshot);
        const model = new Map(names.map((each) => [each, each]));
        for (const each of steps) {
          if (each.type === "put") {
            transaction.put(key(each.name), 1, value(each.byte));
            model.set(each.name, each.byte);
          } else if (each.type === "delete") {
            transaction.delete(key(each.name));
            model.delete(each.name);
          } else if (each.type === "iterate") {
            expect(await drain(transaction, each.count)).toEqual([...model].sort(([a], [b]) => a - b));
          } else {
            expect(transaction[each.type](key(each.name))?.value[0]).toBe(model.get(each.name));
          }
        }
        const draft = transaction.draft();
        expect(transaction.dirty).toBe(draft.mutations.length > 0);
        for (const part of [draft.guards, draft.mutations]) {
          const keys = part.map((each) => ("key" in each ? text(each.key) : ""));
          expect(keys).toEqual([...new Set(keys)].sort());
        }
        expect(await store.commit(draft, { deadlineMs: Number.POSITIVE_INFINITY })).toMatchObject({
          outcome: "applied",
        });
        expect(pairs(await store.rows())).toEqual([...model].sort(([a], [b]) => a - b));
        snapshot.release();
      }),
    );
  });
});
