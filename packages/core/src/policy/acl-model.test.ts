/**
 * The evaluator against a literal reading of the rules in docs/policies.md: patterns become regular expressions, the winner is
 * found by asking for every other match whether it has lower priority, and nothing of the evaluator is used.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CompiledAcl, compileAcl } from "./acl.ts";
import type { AclOperation, AclQuery } from "./decision.ts";
import { explain } from "./explain.ts";
import { parsePolicy } from "./parse-policy.ts";
import { NO_IDENTITY } from "./template-context.ts";

interface Rule {
  readonly pattern: string;
  readonly capabilities: readonly string[];
  readonly min: number;
  readonly max: number;
  readonly allowed: Readonly<Record<string, readonly string[]>>;
  readonly denied: Readonly<Record<string, readonly string[]>>;
  readonly required: readonly string[];
}

type Outcome = "allowed" | "denied";

const OPERATIONS = ["read", "list", "create", "update", "patch", "delete", "scan", "renew"] as const;

/** The merged rule that counts, or nothing. */
function winner(rules: readonly Rule[], path: string, listing: boolean): readonly Rule[] {
  const same = (pattern: string): readonly Rule[] => rules.filter((rule) => rule.pattern === pattern);
  const hasWildcard = (pattern: string): boolean => pattern.endsWith("*") || pattern.split("/").includes("+");
  const patterns = [...new Set(rules.map(({ pattern }) => pattern))];
  const exact = (wanted: string): string | undefined => patterns.find((p) => !hasWildcard(p) && p === wanted);
  const best = (wanted: string): string | undefined => {
    const matching = patterns.filter((p) => hasWildcard(p) && toRegExp(p).test(wanted));
    return matching.find((p) => matching.every((other) => other === p || isLower(other, p)));
  };
  const trimmed = path.replace(/\/$/, "");
  if (!listing) {
    const found = exact(path) ?? best(path);
    return found === undefined ? [] : same(found);
  }
  const found = exact(path) ?? exact(trimmed);
  if (found !== undefined) return same(found);
  const asIs = best(path);
  const without = best(trimmed);
  if (asIs === undefined) return without === undefined ? [] : same(without);
  if (without === undefined || without === asIs || !same(without).some(denies)) return same(asIs);
  return isLower(without, asIs) ? same(asIs) : same(without);
}

function denies({ capabilities }: Rule): boolean {
  return capabilities.includes("deny");
}

function toRegExp(pattern: string): RegExp {
  const glob = pattern.endsWith("*");
  const body = (glob ? pattern.slice(0, -1) : pattern)
    .split("/")
    .map((segment) => (segment === "+" ? "[^/]*" : segment))
    .join("/");
  return new RegExp(`^${body}${glob ? ".*" : ""}$`);
}

/** Whether `a` has lower priority than `b`, by the first of the rules that tells them apart. */
function isLower(a: string, b: string): boolean {
  const first = (pattern: string): number => pattern.search(/[+*]/);
  if (first(a) !== first(b)) return first(a) < first(b);
  if (a.endsWith("*") !== b.endsWith("*")) return a.endsWith("*");
  const plus = (pattern: string): number => pattern.split("/").filter((segment) => segment === "+").length;
  if (plus(a) !== plus(b)) return plus(a) > plus(b);
  if (a.length !== b.length) return a.length < b.length;
  return a < b;
}

const NEEDS: Readonly<Record<string, string>> = { renew: "update" };

function reference(rules: readonly Rule[], query: Query): Outcome {
  const listing = query.operation === "list" || query.operation === "scan";
  const counted = winner(rules, query.path, listing);
  if (counted.length === 0) return "denied";
  const trimmed = query.path.replace(/\/$/, "");
  const both = listing || trimmed === query.path ? [] : winner(rules, trimmed, false);
  return [counted, both].every((same) => same.length === 0 || grants(same, query)) ? "allowed" : "denied";
}

function grants(rules: readonly Rule[], { operation, wrap, parameters }: Query): boolean {
  if (rules.some(denies)) return false;
  if (!rules.some(({ capabilities }) => capabilities.includes(NEEDS[operation] ?? operation))) return false;
  const min = Math.min(...rules.map((rule) => rule.min).filter((ttl) => ttl > 0));
  const max = Math.min(...rules.map((rule) => rule.max).filter((ttl) => ttl > 0));
  if (Number.isFinite(min) && !(wrap !== undefined && wrap >= min)) return false;
  if (Number.isFinite(max) && !(wrap !== undefined && wrap <= max)) return false;
  if (!["read", "create", "update", "patch"].includes(operation)) return true;
  if (rules.some(({ required }) => required.some((name) => !(name in parameters)))) return false;
  if (Object.keys(parameters).length === 0) return true;
  const values = (side: "allowed" | "denied", name: string): readonly string[] | undefined => {
    const lists = rules.flatMap((rule) => (name in rule[side] ? [rule[side][name] as readonly string[]] : []));
    if (lists.length === 0) return undefined;
    return lists.some((list) => list.length === 0) ? [] : lists.flat();
  };
  const among = (value: string, list: readonly string[]): boolean =>
    list.length === 0 ||
    list.some((glob) => new RegExp(`^${glob.replace(/^\*/, ".*").replace(/\*$/, ".*")}$`).test(value));
  return Object.entries(parameters).every(([name, value]) => {
    const deniedValues = values("denied", name);
    if (values("denied", "*") !== undefined) return false;
    if (deniedValues !== undefined && among(value, deniedValues)) return false;
    if (rules.every(({ allowed }) => Object.keys(allowed).length === 0)) return true;
    const allowedValues = values("allowed", name);
    return allowedValues === undefined ? values("allowed", "*") !== undefined : among(value, allowedValues);
  });
}

interface Query {
  readonly path: string;
  readonly operation: AclOperation;
  readonly wrap: number | undefined;
  readonly parameters: Readonly<Record<string, string>>;
}

const segment = fc.constantFrom("a", "b", "ab", "+", "+");
const pattern = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.constantFrom("", "", "/", "*", "/*", "/a*", "/b*"))
  .map(([segments, end]) => `${segments.join("/")}${end}`)
  .filter((text) => !text.includes("+*"));
const parameterLists = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  fc.dictionary(fc.constantFrom("x", "y", "*"), fc.array(fc.constantFrom("1", "2*", "*3", "*4*"), { maxLength: 2 }), {
    maxKeys: 2,
  }),
);
const ttl = fc.constantFrom(0, 0, 0, 0, 60, 120);
const rule: fc.Arbitrary<Rule> = fc
  .record({
    pattern,
    capabilities: fc.oneof(
      { weight: 5, arbitrary: fc.subarray(["create", "read", "update", "delete", "list", "patch", "scan", "sudo"]) },
      fc.constant(["deny"]),
      fc.constant(["read", "deny"]),
    ),
    min: ttl,
    max: ttl,
    allowed: parameterLists,
    denied: parameterLists,
    required: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.subarray(["x", "y"])),
  })
  .filter(({ min, max }) => max === 0 || max >= min);
const query: fc.Arbitrary<Query> = fc.record({
  path: fc
    .tuple(
      fc.array(fc.constantFrom("a", "b", "ab", "abc"), { minLength: 1, maxLength: 5 }),
      fc.constantFrom("", "", "/"),
    )
    .map(([segments, end]) => segments.join("/") + end),
  operation: fc.constantFrom(...OPERATIONS),
  wrap: fc.constantFrom(undefined, undefined, 30, 60, 100, 300),
  parameters: fc.oneof(
    fc.constant({}),
    fc.dictionary(fc.constantFrom("x", "y", "z"), fc.constantFrom("1", "2", "21", "43", "143"), { maxKeys: 2 }),
  ),
});
const policies = fc.array(fc.array(rule, { maxLength: 6 }), { minLength: 1, maxLength: 3 });

function textOf(rules: readonly Rule[]): string {
  return rules
    .map(({ pattern: path, capabilities, min, max, allowed, denied, required }) =>
      [
        `path ${JSON.stringify(path)} {`,
        `capabilities = ${JSON.stringify(capabilities)}`,
        `min_wrapping_ttl = ${min}`,
        `max_wrapping_ttl = "${max}s"`,
        ...(Object.keys(allowed).length === 0 ? [] : [`allowed_parameters = ${objectText(allowed)}`]),
        ...(Object.keys(denied).length === 0 ? [] : [`denied_parameters = ${objectText(denied)}`]),
        `required_parameters = ${JSON.stringify(required)}`,
        "}",
      ].join("\n"),
    )
    .join("\n");
}

function objectText(object: Readonly<Record<string, readonly string[]>>): string {
  return `{ ${Object.entries(object)
    .map(([name, values]) => `${JSON.stringify(name)} = ${JSON.stringify(values)}`)
    .join(", ")} }`;
}

function compile(sets: readonly (readonly Rule[])[]): CompiledAcl {
  return compileAcl(
    sets.map((rules, i) => parsePolicy(`p${i}`, textOf(rules))),
    NO_IDENTITY,
  );
}

function aclQuery({ path, operation, wrap, parameters }: Query): AclQuery {
  return {
    path,
    operation,
    parameters: new Map(Object.entries(parameters).map(([name, value]) => [name, [value]])),
    ...(wrap === undefined ? undefined : { wrapTtlSeconds: wrap }),
  };
}

const RUNS = { numRuns: 1_000 };
const fourQueries = fc.array(query, { minLength: 4, maxLength: 4 });

describe("the evaluator", () => {
  it("decides 10,000 random requests as a literal reading of the rules does", () => {
    const seen = { allowed: 0, denied: 0 };
    fc.assert(
      fc.property(policies, fourQueries, (sets, queries) => {
        const acl = compile(sets);
        for (const one of queries) {
          const { outcome } = acl.check(aclQuery(one));
          expect(outcome, JSON.stringify(one)).toBe(reference(sets.flat(), one));
          seen[outcome as Outcome]++;
        }
      }),
      { numRuns: 2_500 },
    );
    // Both happen often, so that agreement says something.
    expect(Math.min(seen.allowed, seen.denied)).toBeGreaterThan(500);
  });

  it("decides in two stages as in one", () => {
    fc.assert(
      fc.property(policies, query, (sets, one) => {
        const acl = compile(sets);
        const { parameters, ...unread } = aclQuery(one);
        const whole = acl.check({ ...unread, parameters: parameters ?? new Map() });
        const first = acl.check(unread);
        expect(acl.checkParameters(unread, parameters)).toEqual(whole);
        if (first.outcome !== "parameters") expect(first).toEqual(whole);
      }),
      RUNS,
    );
  });

  it("answers capabilities as requests without conditions are decided", () => {
    fc.assert(
      fc.property(policies, query, (sets, { path }) => {
        const plain = sets.map((rules) =>
          rules.map((one) => ({ ...one, min: 0, max: 0, allowed: {}, denied: {}, required: [] })),
        );
        const acl = compile(plain);
        const granted = acl.capabilities(path);
        for (const operation of ["read", "list", "create", "update", "patch", "delete", "scan"] as const) {
          expect(granted.includes(operation), operation).toBe(acl.check({ path, operation }).outcome === "allowed");
        }
        const nothing = granted.every((name) => name === "deny");
        expect(granted.includes("deny")).toBe(nothing);
      }),
      RUNS,
    );
  });

  it("explains what it decides, and suggests a rule that helps", () => {
    let suggested = 0;
    fc.assert(
      fc.property(policies, query, fc.boolean(), (sets, one, mayRead) => {
        const acl = compile(sets);
        const asked = aclQuery(one);
        const decision = acl.check(asked);
        const explanation = explain(acl, asked, mayRead);
        expect(explanation.outcome).toBe(decision.outcome);
        if (!mayRead) {
          expect([explanation.rules, explanation.overruled]).toEqual([[], []]);
          return;
        }
        expect(explanation.reason).toBe(decision.reason.type);
        if (explanation.suggestion === undefined) return;
        suggested++;
        const more = parsePolicy("more", explanation.suggestion);
        const texts = sets.map((rules, i) => parsePolicy(`p${i}`, textOf(rules)));
        const after = compileAcl([...texts, more], NO_IDENTITY).check(asked);
        // An exact rule that was there already may ask more of the request; the path itself is granted.
        expect(["no-rule", "missing-capability", "explicit-deny"]).not.toContain(after.reason.type);
      }),
      RUNS,
    );
    expect(suggested).toBeGreaterThan(100);
  });

  it("tells those who may not read the policies the same for a written deny as for no rule", () => {
    fc.assert(
      fc.property(policies, query, (sets, one) => {
        const asked = aclQuery(one);
        const acl = compile(sets);
        if (acl.check(asked).outcome !== "denied") return;
        // What is granted on a path is no secret; the rule for one with a slash speaks of the one without, too.
        if ([one.path, one.path.replace(/\/$/, "")].some((path) => acl.capabilities(path)[0] !== "deny")) return;
        const nothing = compileAcl([], NO_IDENTITY);
        const { hints: _hints, ...denied } = explain(acl, asked, false);
        const { hints: _none, ...unruled } = explain(nothing, asked, false);
        expect(denied).toEqual(unruled);
      }),
      RUNS,
    );
  });
});
