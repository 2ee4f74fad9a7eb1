/** All rules with one pattern, of all policies of a token, as one: capabilities add up, `deny` takes all away. */

import type { ParameterRules } from "./parameters.ts";
import { matchesPattern, type PathPattern, parsePattern } from "./path-pattern.ts";
import {
  CAPABILITIES,
  type Capability,
  type ParameterValue,
  type ParameterValues,
  type PathRule,
  type RuleOrigin,
} from "./policy.ts";

/** One bit each, in the order of `CAPABILITIES`. */
export type CapabilityMask = number;

export const CAPABILITY_BIT: Readonly<Record<Capability, CapabilityMask>> = Object.fromEntries(
  CAPABILITIES.map((capability, i) => [capability, 1 << i]),
) as Record<Capability, CapabilityMask>;

/** In alphabetical order. */
export function capabilitiesOf(mask: CapabilityMask): readonly Capability[] {
  return CAPABILITIES.filter((capability) => (mask & CAPABILITY_BIT[capability]) !== 0);
}

export class MergedRule {
  readonly pattern: PathPattern;
  #mask: CapabilityMask = 0;
  #allowed: ParameterValues | undefined;
  #denied: ParameterValues | undefined;
  readonly #required = new Set<string>();
  #minWrappingTtlSeconds = 0;
  #maxWrappingTtlSeconds = 0;
  #rules: PathRule[] = [];

  /** `key`: the pattern with its templates filled in. */
  constructor(key: string) {
    this.pattern = parsePattern(key);
  }

  /** Only while the ACL is being compiled. */
  add(rule: PathRule): void {
    this.#rules.push(rule);
    if (this.denies || rule.capabilities.has("deny")) {
      this.#mask = CAPABILITY_BIT.deny;
      this.#rules = this.#rules.filter(({ capabilities }) => capabilities.has("deny"));
      // What it asks of requests that it refuses anyway is nothing to show.
      this.#allowed = undefined;
      this.#denied = undefined;
      this.#required.clear();
      this.#minWrappingTtlSeconds = 0;
      this.#maxWrappingTtlSeconds = 0;
      return;
    }
    for (const capability of rule.capabilities) this.#mask |= CAPABILITY_BIT[capability];
    this.#minWrappingTtlSeconds = smallest(this.#minWrappingTtlSeconds, rule.minWrappingTtlSeconds);
    this.#maxWrappingTtlSeconds = smallest(this.#maxWrappingTtlSeconds, rule.maxWrappingTtlSeconds);
    this.#allowed = mergeParameters(this.#allowed, rule.allowedParameters);
    this.#denied = mergeParameters(this.#denied, rule.deniedParameters);
    for (const name of rule.requiredParameters) this.#required.add(name);
  }

  get mask(): CapabilityMask {
    return this.#mask;
  }

  get denies(): boolean {
    return this.#mask === CAPABILITY_BIT.deny;
  }

  grants(capability: Capability): boolean {
    return (this.#mask & CAPABILITY_BIT[capability]) !== 0;
  }

  /** Anything at all. */
  get grantsSomething(): boolean {
    return this.#mask !== 0 && !this.denies;
  }

  /** 0: no limit. */
  get minWrappingTtlSeconds(): number {
    return this.#minWrappingTtlSeconds;
  }

  get maxWrappingTtlSeconds(): number {
    return this.#maxWrappingTtlSeconds;
  }

  get parameters(): ParameterRules {
    return { allowed: this.#allowed, denied: this.#denied, required: [...this.#required] };
  }

  get restrictsParameters(): boolean {
    return this.#allowed !== undefined || this.#denied !== undefined || this.#required.size > 0;
  }

  /** The rules that make it up; where it denies, those that deny. */
  get origins(): readonly RuleOrigin[] {
    return this.#rules.map(({ policy, pattern, at }) => ({ policy, pattern, at }));
  }

  /** Names of the policies that grant `capability`, each once. */
  grantingPolicies(capability: Capability): readonly string[] {
    const granting = this.#rules.filter(({ capabilities }) => capabilities.has(capability));
    return [...new Set(granting.map(({ policy }) => policy))];
  }

  matches(path: string): boolean {
    return matchesPattern(this.pattern, path);
  }
}

/** 0 is none. */
function smallest(a: number, b: number): number {
  return a === 0 || b === 0 ? Math.max(a, b) : Math.min(a, b);
}

/** Values of one name add up; "any value", the empty list, stays that. */
function mergeParameters(a: ParameterValues | undefined, b: ParameterValues | undefined): ParameterValues | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const merged = new Map(a);
  for (const [name, values] of b) {
    const others: readonly ParameterValue[] | undefined = merged.get(name);
    const any = values.length === 0 || others?.length === 0;
    merged.set(name, any ? [] : [...(others ?? []), ...values]);
  }
  return merged;
}
