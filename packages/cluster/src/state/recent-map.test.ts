import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecentMap } from "./recent-map.ts";

describe("RecentMap", () => {
  it("never answers with what is out of date, and keeps the half used last", () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 12 }).map(String), set: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const map = new RecentMap<number>(8);
        const model = new Map<string, number>();
        for (const [time, { key, set }] of steps.entries()) {
          const known = model.get(key);
          model.delete(key);
          if (set) {
            map.set(key, time);
            model.set(key, time);
            continue;
          }
          const seen = map.get(key);
          if (seen !== undefined) expect(seen).toBe(known);
          if (known !== undefined && seen !== undefined) model.set(key, known);
        }
        for (const [key, value] of [...model].reverse().slice(0, 4)) expect(map.get(key)).toBe(value);
      }),
    );
  });
});
