import { utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StateCache } from "./state-cache.ts";

describe("StateCache", () => {
  it("never shows a snapshot a value that the snapshot does not hold", () => {
    // One row whose value is the index it was last written at; a reader reads some snapshot that has been reached.
    const step = fc.oneof(
      fc.record({ type: fc.constant("write" as const), all: fc.boolean() }),
      fc.record({ type: fc.constant("read" as const), lag: fc.nat({ max: 6 }), slow: fc.nat({ max: 3 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new StateCache<number>(4);
        const writes = [0];
        let index = 0;
        const pending: { at: number; due: number; value: number }[] = [];
        const valueAt = (snapshot: number): number => writes.findLast((written) => written <= snapshot) ?? 0;
        steps.forEach((action, now) => {
          for (const fill of pending.filter(({ due }) => due === now)) cache.fill("k", fill.at, fill.value);
          if (action.type === "write") {
            index++;
            writes.push(index);
            if (action.all) cache.clear(index);
            else cache.invalidate(utf8("k"), index);
            return;
          }
          const snapshot = Math.max(0, index - action.lag);
          const cached = cache.get("k", snapshot);
          if (cached !== undefined) expect(cached).toBe(valueAt(snapshot));
          else pending.push({ at: snapshot, due: now + 1 + action.slow, value: valueAt(snapshot) });
        });
      }),
    );
  });

  it("holds no more than it may", () => {
    const cache = new StateCache<number>(2);
    for (const [i, key] of ["a", "b", "c"].entries()) cache.fill(key, 1, i);
    expect(["a", "b", "c"].map((key) => cache.get(key, 1))).toEqual([undefined, 1, 2]);
  });

  it("tells rows apart whose keys end alike, filled again, pushed out or changed", () => {
    const cache = new StateCache<number>(2);
    const get = (): unknown[] => ["1-row", "2-row", "3-row"].map((key) => cache.get(key, 9));
    cache.fill("1-row", 1, 1);
    cache.fill("1-row", 2, 1);
    cache.fill("2-row", 2, 2);
    cache.invalidate(utf8("3-row"), 3);
    expect(get()).toEqual([1, 2, undefined]);
    cache.fill("3-row", 3, 3);
    cache.invalidate(utf8("1-row"), 4);
    cache.invalidate(utf8("3-row"), 4);
    expect(get()).toEqual([undefined, 2, undefined]);
    cache.invalidate(utf8("2-row"), 5);
    expect(get()).toEqual([undefined, undefined, undefined]);
  });
});
