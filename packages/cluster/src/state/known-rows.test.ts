import { utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KnownRows } from "./known-rows.ts";

const keyOf = (number: number): Uint8Array => utf8(`key ${number}`.repeat(1 + (number % 3)));
const revisionOf = (index: number) => ({ index, position: 0 });

describe("KnownRows", () => {
  it("never answers with what is out of date, and keeps the half used last", () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 12 }), set: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const rows = new KnownRows(8);
        const model = new Map<number, number>();
        for (const [i, { key, set }] of steps.entries()) {
          const time = i + 1;
          const known = model.get(key);
          model.delete(key);
          if (set) {
            rows.of(keyOf(key)).revision = revisionOf(time);
            model.set(key, time);
            continue;
          }
          const seen = rows.find(keyOf(key))?.revision?.index;
          if (seen !== undefined) expect(seen).toBe(known);
          if (known !== undefined && seen !== undefined) model.set(key, known);
        }
        for (const [key, time] of [...model].reverse().slice(0, 4)) {
          expect(rows.find(keyOf(key))?.revision).toEqual(revisionOf(time));
        }
      }),
    );
  });

  it("forgets no row whose last change the table does not have, however long it is not used", () => {
    const rows = new KnownRows(4);
    const pending = rows.of(keyOf(0));
    pending.pending = { type: "delete", key: keyOf(0) };
    for (let i = 1; i < 100; i++) rows.of(keyOf(i));
    expect(rows.find(keyOf(0))).toBe(pending);
    pending.pending = undefined;
    for (let i = 1; i < 100; i++) rows.of(keyOf(i));
    expect(rows.find(keyOf(0))).toBeUndefined();
  });

  it("tells keys apart that share a beginning, an end or a length, and grows with them", () => {
    const rows = new KnownRows(10_000);
    const keys = Array.from({ length: 1_000 }, (_, i) =>
      Uint8Array.of(i >> 8, 7, 7, 7, i & 0xff, ...new Uint8Array(i % 4)),
    );
    const made = keys.map((key) => rows.of(key));
    expect(new Set(made).size).toBe(keys.length);
    expect(keys.map((key) => rows.find(key))).toEqual(made);
    expect(rows.find(Uint8Array.of(0, 7, 7, 8, 0))).toBeUndefined();
  });

  it("keeps keys of its own, and long ones too", () => {
    const rows = new KnownRows(8);
    const key = new Uint8Array(100_000).fill(3);
    const row = rows.of(key);
    const short = Uint8Array.of(1);
    rows.of(short);
    short[0] = 2;
    expect(rows.find(key.slice())).toBe(row);
    expect(rows.find(short)).toBeUndefined();
    expect(rows.find(Uint8Array.of(1))).toBeDefined();
  });
});
