import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Index, toIndex } from "../entry.ts";
import { RaftInvariantError } from "../errors.ts";
import { Inflights } from "./inflights.ts";
import { Progress } from "./progress.ts";

function progressAt(match: number, next: number): Progress {
  return new Progress({
    match: toIndex(match),
    next: toIndex(next),
    inflights: new Inflights(4, 100),
    isLearner: false,
    recentActive: true,
  });
}

describe("Inflights", () => {
  it("is a list of messages, full by count or by bytes", () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("add" as const), bytes: fc.nat(60) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("free" as const), count: fc.nat(4) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const) }) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 60 }), (maxCount, steps) => {
        const inflights = new Inflights(maxCount, 100);
        let model: { index: number; bytes: number }[] = [];
        let last = 0;
        for (const one of steps) {
          const full = model.length >= maxCount || model.reduce((sum, { bytes }) => sum + bytes, 0) >= 100;
          expect(inflights.full).toBe(full);
          if (one.kind === "add" && !full) {
            last++;
            inflights.add(last as Index, one.bytes);
            model.push({ index: last, bytes: one.bytes });
          } else if (one.kind === "free") {
            const through = (model[0]?.index ?? last) - 1 + one.count;
            inflights.freeThrough(through as Index);
            model = model.filter(({ index }) => index > through);
          } else if (one.kind === "reset") {
            inflights.reset();
            model = [];
          }
          expect(inflights.count).toBe(model.length);
          expect(inflights.clone().count).toBe(model.length);
        }
      }),
    );
  });

  it("refuses more than it may hold", () => {
    const inflights = new Inflights(1, 100);
    inflights.add(toIndex(1), 0);
    expect(() => inflights.add(toIndex(2), 0)).toThrow(RaftInvariantError);
  });
});

describe("Progress", () => {
  it("keeps match below next whatever happens", () => {
    const step = fc.oneof(
      fc.constant((p: Progress) => p.becomeProbe()),
      fc.constant((p: Progress) => p.becomeReplicate()),
      fc.nat(30).map((index) => (p: Progress) => p.becomeSnapshot(toIndex(p.match + 1 + index))),
      fc.tuple(fc.nat(3), fc.nat(50)).map(([count, bytes]) => (p: Progress) => {
        if (!p.paused && p.state !== "StateSnapshot" && !p.inflights.full) p.sentEntries(count, bytes);
      }),
      fc.nat(40).map((index) => (p: Progress) => {
        p.maybeUpdate(toIndex(index));
        p.inflights.freeThrough(toIndex(index));
      }),
      fc.tuple(fc.nat(40), fc.nat(40)).map(([rejected, hint]) => (p: Progress) => {
        p.maybeDecrease(toIndex(rejected), toIndex(Math.min(rejected, hint)));
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const progress = progressAt(0, 1);
        for (const one of steps) {
          const before = progress.match;
          one(progress);
          expect(progress.match).toBeGreaterThanOrEqual(before);
          expect(progress.match).toBeLessThan(progress.next);
        }
      }),
    );
  });

  it("takes a refusal for stale unless it is to what was sent last", () => {
    const probe = progressAt(3, 8);
    expect(probe.maybeDecrease(toIndex(5), toIndex(4))).toBe(false);
    expect(probe.maybeDecrease(toIndex(7), toIndex(5))).toBe(true);
    expect(probe.next).toBe(6);
    const replicate = progressAt(3, 8);
    replicate.becomeReplicate();
    expect(replicate.maybeDecrease(toIndex(3), toIndex(1))).toBe(false);
  });
});
