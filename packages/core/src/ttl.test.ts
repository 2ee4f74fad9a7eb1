import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calculateTtl, SYSTEM_LEASE_TTL_SECONDS, type TtlQuestion } from "./ttl.ts";

const QUESTION: TtlQuestion = {
  incrementSeconds: 0,
  ttlSeconds: 0,
  maxTtlSeconds: 0,
  explicitMaxTtlSeconds: 0,
  periodSeconds: 0,
  mount: { defaultLeaseTtlSeconds: 0, maxLeaseTtlSeconds: 0 },
  issueTimeMs: 1_000_000,
  nowMs: 1_000_000,
};
const ask = (rest: Partial<TtlQuestion>): ReturnType<typeof calculateTtl> => calculateTtl({ ...QUESTION, ...rest });

/** The rule sentence by sentence: a sorted list where the function takes minima, seconds taken off one by one. */
function model(q: TtlQuestion): number | "past" {
  const system = 2_764_800;
  const bounds = [q.mount.maxLeaseTtlSeconds || system, q.maxTtlSeconds, q.explicitMaxTtlSeconds];
  const max = bounds.filter((bound) => bound > 0).sort((a, b) => a - b)[0] as number;
  let ttl: number;
  let endMs: number | undefined;
  if (q.periodSeconds > 0) {
    ttl = q.periodSeconds > max ? max : q.periodSeconds;
    if (q.explicitMaxTtlSeconds > 0) endMs = q.issueTimeMs + q.explicitMaxTtlSeconds * 1000;
  } else {
    if (q.incrementSeconds > 0) ttl = q.incrementSeconds;
    else if (q.ttlSeconds > 0) ttl = q.ttlSeconds;
    else if (q.mount.defaultLeaseTtlSeconds > 0) ttl = q.mount.defaultLeaseTtlSeconds;
    else ttl = system;
    if (ttl > max) ttl = max;
    endMs = q.issueTimeMs + max * 1000;
  }
  if (endMs === undefined) return ttl;
  if (endMs - q.nowMs < 1000) return "past";
  while (q.nowMs + ttl * 1000 > endMs) ttl--;
  return ttl;
}

describe("calculateTtl", () => {
  it("does what the rule says, for all questions", () => {
    const seconds = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 }));
    const anyQuestion = fc.record({
      incrementSeconds: seconds,
      ttlSeconds: seconds,
      maxTtlSeconds: seconds,
      explicitMaxTtlSeconds: seconds,
      periodSeconds: seconds,
      mount: fc.record({ defaultLeaseTtlSeconds: seconds, maxLeaseTtlSeconds: seconds }),
      issueTimeMs: fc.integer({ min: 0, max: 5000 }),
      ageMs: fc.integer({ min: 0, max: 45_000 }),
    });
    fc.assert(
      fc.property(anyQuestion, ({ ageMs, ...given }) => {
        const question = { ...given, nowMs: given.issueTimeMs + ageMs };
        let got: number | "past" = "past";
        try {
          got = calculateTtl(question).ttlSeconds;
        } catch {
          // Past its greatest age.
        }
        expect(got).toBe(model(question));
      }),
      { numRuns: 2000 },
    );
  });

  it("takes what is asked, else the role's, else the mount's, else the system's", () => {
    const mount = { defaultLeaseTtlSeconds: 300, maxLeaseTtlSeconds: 0 };
    expect(ask({ incrementSeconds: 7, ttlSeconds: 60, mount }).ttlSeconds).toBe(7);
    expect(ask({ ttlSeconds: 60, mount }).ttlSeconds).toBe(60);
    expect(ask({ mount }).ttlSeconds).toBe(300);
    expect(ask({}).ttlSeconds).toBe(SYSTEM_LEASE_TTL_SECONDS);
  });

  it("keeps to the least of all maxima, counted from the issue, and says so", () => {
    const mount = { defaultLeaseTtlSeconds: 0, maxLeaseTtlSeconds: 100 };
    expect(ask({ incrementSeconds: 3_600_000, mount })).toEqual({
      ttlSeconds: 100,
      warnings: ['TTL of "1000h" exceeded the effective max_ttl of "1m40s"; TTL value is capped accordingly'],
    });
    expect(ask({ incrementSeconds: 90, maxTtlSeconds: 80, explicitMaxTtlSeconds: 70, mount }).ttlSeconds).toBe(70);
    expect(ask({ incrementSeconds: 90, mount, nowMs: QUESTION.nowMs + 40_000 }).ttlSeconds).toBe(60);
    expect(ask({ mount })).toEqual({ ttlSeconds: 100, warnings: [] });
  });

  it("renews a period for ever, and within an explicit maximum only where there is one", () => {
    const late = QUESTION.nowMs + 90_000_000_000;
    expect(ask({ periodSeconds: 60, incrementSeconds: 9, nowMs: late }).ttlSeconds).toBe(60);
    const mount = { defaultLeaseTtlSeconds: 0, maxLeaseTtlSeconds: 50 };
    expect(ask({ periodSeconds: 60, mount, nowMs: late }).ttlSeconds).toBe(50);
    expect(ask({ periodSeconds: 60, explicitMaxTtlSeconds: 90, nowMs: QUESTION.nowMs + 45_000 }).ttlSeconds).toBe(45);
    expect(() => ask({ periodSeconds: 60, explicitMaxTtlSeconds: 90, nowMs: late })).toThrow("past the max TTL");
  });

  it("never gives 0, which would mean for ever: the last second is over (CVE-2021-32923)", () => {
    expect(() => ask({ explicitMaxTtlSeconds: 4, nowMs: QUESTION.nowMs + 3_001 })).toThrow("past the max TTL");
    fc.assert(
      fc.property(
        fc.record({
          incrementSeconds: fc.nat(10_000_000),
          ttlSeconds: fc.nat(1000),
          maxTtlSeconds: fc.nat(1000),
          explicitMaxTtlSeconds: fc.nat(1000),
          periodSeconds: fc.nat(1000),
          nowMs: fc.integer({ min: QUESTION.issueTimeMs, max: QUESTION.issueTimeMs + 2_000_000 }),
        }),
        (question) => {
          let granted: number;
          try {
            granted = ask(question).ttlSeconds;
          } catch {
            return;
          }
          expect(granted).toBeGreaterThan(0);
          const ages = [question.explicitMaxTtlSeconds, question.periodSeconds > 0 ? 0 : question.maxTtlSeconds];
          for (const age of ages.filter((max) => max > 0)) {
            expect(question.nowMs + granted * 1000).toBeLessThanOrEqual(QUESTION.issueTimeMs + age * 1000);
          }
        },
      ),
    );
  });
});
