import { SeededRandom } from "@strongroom/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLinearizable } from "./brute-force.ts";
import { checkHistory } from "./checker.ts";
import { linearizableHistory, MUTATIONS, type RegisterOperation } from "./generated-histories.ts";
import { byKey } from "./history.ts";
import { appendHistory, appendStore, casRegister, etcdHistories } from "./published-histories.ts";
import { type RegisterInput, type RegisterOutput, versionedRegister } from "./versioned-register.ts";

const verdictOf = (history: readonly RegisterOperation[]) => checkHistory(versionedRegister, history).verdict;

describe("the checker", () => {
  it("accepts histories that are linearizable by construction, wide ones and with unknown outcomes", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = new SeededRandom(seed);
      const shape = { operations: 20 + random.below(120), jitter: random.below(8), unknownPercent: random.below(20) };
      expect([seed, verdictOf(linearizableHistory(random, shape))]).toEqual([seed, "linearizable"]);
    }
  });

  for (const [name, mutate] of Object.entries(MUTATIONS)) {
    it(`refuses them after one answer was changed: ${name}`, () => {
      let changed = 0;
      for (let seed = 1; seed <= 80; seed++) {
        const random = new SeededRandom(seed);
        const shape = { operations: 20 + random.below(60), jitter: random.below(5), unknownPercent: random.below(10) };
        const mutant = mutate(linearizableHistory(random, shape), random);
        if (mutant === undefined) continue;
        changed++;
        expect([seed, verdictOf(mutant)]).toEqual([seed, "illegal"]);
      }
      expect(changed).toBeGreaterThan(40);
    });
  }

  it("agrees with the definition on all small histories, linearizable and not", () => {
    const verdicts = new Map<boolean, number>();
    fc.assert(
      fc.property(fc.array(smallOperation(), { maxLength: 6 }), (history) => {
        const expected = isLinearizable(versionedRegister, history);
        verdicts.set(expected, (verdicts.get(expected) ?? 0) + 1);
        expect(verdictOf(history)).toBe(expected ? "linearizable" : "illegal");
      }),
      { numRuns: 3000, seed: 7 },
    );
    expect(verdicts.get(true)).toBeGreaterThan(100);
    expect(verdicts.get(false)).toBeGreaterThan(100);
  });

  it("lets an unknown write take effect long after its call, or never, but not before it and not twice", () => {
    const write = { client: "w", input: { type: "write", value: "a", cas: undefined } as const, output: undefined };
    const unknown = { ...write, callAt: 10, returnAt: Number.POSITIVE_INFINITY };
    const read = (at: number, version: number) => ({
      client: "r",
      input: { type: "read" } as const,
      output: { type: "read", version, value: version === 0 ? undefined : "a" } as const,
      callAt: at,
      returnAt: at + 1,
    });
    expect(verdictOf([unknown, read(20, 0), read(30, 0)])).toBe("linearizable");
    expect(verdictOf([unknown, read(20, 0), read(30, 1)])).toBe("linearizable");
    expect(verdictOf([read(5, 1), unknown])).toBe("illegal");
    expect(verdictOf([unknown, read(20, 1), read(30, 0)])).toBe("illegal");
    expect(verdictOf([unknown, read(20, 1), read(30, 2)])).toBe("illegal");
  });

  it("says that it does not know when its budget is spent", () => {
    const history = linearizableHistory(new SeededRandom(3), { operations: 50, jitter: 4, unknownPercent: 0 });
    expect(checkHistory(versionedRegister, history, { stepsMax: 20 }).verdict).toBe("unknown");
  });

  it("shows of an illegal history the order that it found and what does not fit into it", () => {
    const read = { type: "read" } as const;
    const written = { type: "written", version: 1 } as const;
    const history: RegisterOperation[] = [
      { client: "a", input: { type: "write", value: "x", cas: 0 }, output: written, callAt: 0, returnAt: 1 },
      { client: "b", input: read, output: { type: "read", version: 0, value: undefined }, callAt: 2, returnAt: 3 },
    ];
    expect(checkHistory(versionedRegister, history)).toMatchObject({
      verdict: "illegal",
      fitted: [{ client: "a" }],
      stuck: [{ client: "b" }],
    });
  });

  it("gives the published verdict on the Jepsen histories of an etcd register", () => {
    const histories = etcdHistories();
    expect(histories.length).toBe(102);
    for (const { name, verdict, operations } of histories)
      expect([name, checkHistory(casRegister, operations).verdict]).toEqual([name, verdict]);
  });

  it.each([
    ["c01-ok", true],
    ["c01-bad", false],
    ["c10-ok", true],
    ["c10-bad", false],
  ])("gives the published verdict on %s, key by key", (name, good) => {
    const parts = byKey(appendHistory(name), ({ key }) => key);
    const verdicts = [...parts.values()].map((part) => checkHistory(appendStore, part).verdict);
    expect(verdicts).not.toContain("unknown");
    expect(verdicts.every((verdict) => verdict === "linearizable")).toBe(good);
  });
});

/** Few values, few versions and short times, so that both verdicts are common. */
function smallOperation(): fc.Arbitrary<RegisterOperation> {
  const value = fc.constantFrom("a", "b");
  const version = fc.integer({ min: 0, max: 2 });
  const input = fc.oneof<fc.Arbitrary<RegisterInput>[]>(
    fc.constant({ type: "read" }),
    fc.record({ type: fc.constant("write"), value, cas: fc.option(version, { nil: undefined }) }),
  );
  const times = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 8 }));
  return fc
    .tuple(input, times, version, value, fc.integer({ min: 0, max: 9 }))
    .map(([operation, [callAt, length], made, seen, chance]): RegisterOperation => {
      const output: RegisterOutput | undefined =
        chance === 0
          ? undefined
          : operation.type === "read"
            ? { type: "read", version: made, value: made === 0 ? undefined : seen }
            : chance === 1
              ? { type: "mismatch" }
              : { type: "written", version: Math.max(1, made) };
      const returnAt = output === undefined ? Number.POSITIVE_INFINITY : callAt + length;
      return { client: "x", input: operation, output, callAt, returnAt };
    });
}
