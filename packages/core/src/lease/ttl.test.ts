import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calculateTtl, effectiveTtls, secondsLeft, type TtlRules } from "./ttl.ts";

const HOUR = 3600;
const rules = (given: Partial<TtlRules> = {}): TtlRules => ({
  nowMs: 0,
  issueTimeMs: 0,
  incrementSeconds: 0,
  ttlSeconds: 0,
  maxTtlSeconds: 0,
  explicitMaxTtlSeconds: 0,
  periodSeconds: 0,
  mount: { defaultSeconds: 2 * HOUR, maxSeconds: 10 * HOUR },
  ...given,
});

/** The rule sentence by sentence, with a list of bounds where the function takes minima. */
function model(r: TtlRules): number | "past" {
  const bounds = [r.mount.maxSeconds, r.maxTtlSeconds, r.explicitMaxTtlSeconds].filter((bound) => bound > 0);
  const max = bounds.sort((a, b) => a - b)[0] as number;
  let ttl: number;
  let endMs: number | undefined;
  if (r.periodSeconds > 0) {
    ttl = r.periodSeconds > max ? max : r.periodSeconds;
    if (r.explicitMaxTtlSeconds > 0) endMs = r.issueTimeMs + r.explicitMaxTtlSeconds * 1000;
  } else {
    if (r.incrementSeconds > 0) ttl = r.incrementSeconds;
    else if (r.ttlSeconds > 0) ttl = r.ttlSeconds;
    else ttl = r.mount.defaultSeconds;
    endMs = r.issueTimeMs + max * 1000;
  }
  if (endMs === undefined) return ttl;
  if (endMs - r.nowMs < 1000) return "past";
  while (r.nowMs + ttl * 1000 > endMs) ttl--;
  return ttl;
}

const seconds = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 }));
const anyRules = fc.record({
  issueTimeMs: fc.integer({ min: 0, max: 5000 }),
  ageMs: fc.integer({ min: 0, max: 45_000 }),
  incrementSeconds: seconds,
  ttlSeconds: seconds,
  maxTtlSeconds: seconds,
  explicitMaxTtlSeconds: seconds,
  periodSeconds: seconds,
  mount: fc.record({ defaultSeconds: fc.integer({ min: 1, max: 40 }), maxSeconds: fc.integer({ min: 1, max: 40 }) }),
});

describe("calculateTtl", () => {
  it("does what the rule says, for all rules", () => {
    fc.assert(
      fc.property(anyRules, ({ ageMs, ...given }) => {
        const all = rules({ ...given, nowMs: given.issueTimeMs + ageMs });
        let got: number | "past";
        try {
          got = calculateTtl(all).ttlSeconds;
        } catch {
          got = "past";
        }
        expect(got).toBe(model(all));
      }),
      { numRuns: 2000 },
    );
  });

  it("takes the increment, else the engine's own, else the mount's default", () => {
    expect(calculateTtl(rules())).toEqual({ ttlSeconds: 2 * HOUR, expireTimeMs: 2 * HOUR * 1000, warnings: [] });
    expect(calculateTtl(rules({ ttlSeconds: 60 })).ttlSeconds).toBe(60);
    expect(calculateTtl(rules({ ttlSeconds: 60, incrementSeconds: 90 })).ttlSeconds).toBe(90);
  });

  it("says that it gives less than was asked for", () => {
    expect(calculateTtl(rules({ incrementSeconds: 11 * HOUR }))).toMatchObject({
      ttlSeconds: 10 * HOUR,
      warnings: ['TTL of "11h0m0s" exceeded the effective max_ttl of "10h0m0s"; TTL value is capped accordingly'],
    });
    expect(calculateTtl(rules({ periodSeconds: 11 * HOUR })).warnings).toEqual([
      'period of "11h0m0s" exceeded the effective max_ttl of "10h0m0s"; period value is capped accordingly',
    ]);
  });

  it("never gives a time of 0, however little is left", () => {
    const max = 10 * HOUR * 1000;
    expect(calculateTtl(rules({ nowMs: max - 1000 })).ttlSeconds).toBe(1);
    for (const nowMs of [max - 999, max - 0.5, max, max + 1]) {
      expect(() => calculateTtl(rules({ nowMs, incrementSeconds: 5 }))).toThrow("past the max TTL, cannot renew");
    }
  });

  it("lets a periodic one go on for ever, to its explicit end", () => {
    const nowMs = 1000 * HOUR * 1000;
    expect(calculateTtl(rules({ nowMs, periodSeconds: 60, incrementSeconds: 5 })).ttlSeconds).toBe(60);
    expect(() => calculateTtl(rules({ nowMs, periodSeconds: 60, explicitMaxTtlSeconds: HOUR }))).toThrow(
      "past the max",
    );
  });
});

describe("effectiveTtls", () => {
  it("falls back to the system's, and keeps the default below the greatest", () => {
    const system = { defaultSeconds: 100, maxSeconds: 200 };
    const of = (defaultLeaseTtlSeconds: number, maxLeaseTtlSeconds: number) =>
      effectiveTtls({ defaultLeaseTtlSeconds, maxLeaseTtlSeconds }, system);
    expect(of(0, 0)).toEqual(system);
    expect(of(0, 50)).toEqual({ defaultSeconds: 50, maxSeconds: 50 });
    expect(of(300, 0)).toEqual({ defaultSeconds: 200, maxSeconds: 200 });
    expect(of(300, 500)).toEqual({ defaultSeconds: 300, maxSeconds: 500 });
  });
});

describe("secondsLeft", () => {
  it("counts whole seconds down to 0", () => {
    expect([3000, 2999.5, 1000, 999, 0, -5].map((ms) => secondsLeft(ms, 0))).toEqual([3, 2, 1, 0, 0, 0]);
  });
});
