/**
 * What a set of policies adds up to: which one rule counts for a path, and whether it grants. Deny is the default; only the
 * winning pattern applies, never a union over patterns. Immutable, so that threads of work may share one and a cache may
 * keep it for as long as its policies stand.
 */
import type { Acl, AclOperation, AclQuery, Decision, DecisionReason, RequestParameters } from "./decision.ts";
import { MixedRootPolicyError } from "./errors.ts";
import { CAPABILITY_BIT, type CapabilityMask, capabilitiesOf, MergedRule } from "./merged-rule.ts";
import { refuseParameters } from "./parameters.ts";
import { PatternIndex } from "./pattern-index.ts";
import type { Capability, Policy } from "./policy.ts";
import { renderTemplate } from "./template.ts";
import type { TemplateContext } from "./template-context.ts";

export const ROOT_POLICY = "root";

/**
 * Policies of the same name count once each time they are given; a rule whose template has no value for `identity` is
 * skipped. Throws `MixedRootPolicyError` when root is not alone.
 */
export function compileAcl(policies: readonly Policy[], identity: TemplateContext): CompiledAcl {
  if (policies.some(({ name }) => name === ROOT_POLICY)) {
    if (policies.length !== 1) throw new MixedRootPolicyError();
    return new CompiledAcl("root");
  }
  const rules = new Map<string, MergedRule>();
  for (const policy of policies) {
    for (const rule of policy.rules) {
      const key = renderTemplate(rule.template, identity);
      if (key === undefined) continue;
      let merged = rules.get(key);
      if (merged === undefined) {
        merged = new MergedRule(key);
        rules.set(key, merged);
      }
      merged.add(rule);
    }
  }
  return new CompiledAcl([...rules.values()]);
}

/** What each operation needs. */
export const NEEDED: Readonly<Record<Exclude<AclOperation, "help">, Capability>> = {
  read: "read",
  list: "list",
  create: "create",
  update: "update",
  patch: "patch",
  delete: "delete",
  scan: "scan",
  renew: "update",
  revoke: "update",
  rollback: "update",
};

/** Operations whose parameters rules may restrict. */
const WITH_PARAMETERS: ReadonlySet<AclOperation> = new Set(["read", "create", "update", "patch"]);

const UNRULED = { rules: [], grantingPolicies: [], minWrappingTtlSeconds: 0, maxWrappingTtlSeconds: 0 } as const;
const ROOT_DECISION: Decision = {
  ...UNRULED,
  outcome: "allowed",
  sudo: true,
  reason: { type: "root" },
  grantingPolicies: [ROOT_POLICY],
};
const HELP_DECISION: Decision = { ...UNRULED, outcome: "allowed", sudo: false, reason: { type: "help" } };
const NO_RULE_DECISION: Decision = { ...UNRULED, outcome: "denied", sudo: false, reason: { type: "no-rule" } };

export class CompiledAcl implements Acl {
  readonly root: boolean;
  /** All rules, one a pattern. */
  readonly rules: readonly MergedRule[];
  readonly #index: PatternIndex<MergedRule>;
  /** Decisions that hang on the rule and the capability alone: nearly all. */
  readonly #granted = new Map<MergedRule, Map<Capability, Decision>>();

  constructor(rules: readonly MergedRule[] | "root") {
    this.root = rules === "root";
    this.rules = rules === "root" ? [] : rules;
    this.#index = new PatternIndex(this.rules);
  }

  check(query: AclQuery): Decision {
    return this.#decide(query, (rule, granted) => {
      if (!rule.restrictsParameters) return granted;
      return query.parameters === undefined
        ? { ...granted, outcome: "parameters", reason: { type: "parameters-unread" } }
        : withParameters(rule, granted, query.parameters);
    });
  }

  checkParameters(query: AclQuery, parameters: RequestParameters | undefined): Decision {
    return this.#decide(query, (rule, granted) => withParameters(rule, granted, parameters));
  }

  capabilities(path: string): readonly string[] {
    if (this.root) return ["root"];
    const normal = withoutLeadingSlashes(path);
    if (hasAmbiguousSegment(normal)) return ["deny"];
    const listing = CAPABILITY_BIT.list | CAPABILITY_BIT.scan;
    const list = this.#forListing(normal)?.mask ?? 0;
    const others = this.#forAccess(normal).reduce<CapabilityMask | undefined>(
      (mask, rule) => (mask === undefined ? rule.mask : mask & rule.mask),
      undefined,
    );
    const granted = capabilitiesOf((((others ?? 0) & ~listing) | (list & listing)) & ~CAPABILITY_BIT.deny);
    return granted.length === 0 ? ["deny"] : granted;
  }

  reaches(mountPath: string): boolean {
    const granted = this.capabilities(mountPath);
    if (granted[0] !== "deny") return true;
    return this.rules.some((rule) => rule.grantsSomething && liesBelow(rule, mountPath));
  }

  /** The rules that decide: none, one, or for a path that ends in a slash and is not listed two, which must both grant. */
  deciding(query: Pick<AclQuery, "path" | "operation">): readonly MergedRule[] {
    const path = withoutLeadingSlashes(query.path);
    if (hasAmbiguousSegment(path)) return [];
    if (query.operation !== "list" && query.operation !== "scan") return this.#forAccess(path);
    const rule = this.#forListing(path);
    return rule === undefined ? [] : [rule];
  }

  /** All rules that match, whether they count or not. */
  matching(query: Pick<AclQuery, "path" | "operation">): readonly MergedRule[] {
    const path = withoutLeadingSlashes(query.path);
    const trimmed = path.endsWith("/") ? path.slice(0, -1) : path;
    return this.rules.filter((rule) => rule.matches(path) || rule.matches(trimmed));
  }

  #decide(query: AclQuery, granted: (rule: MergedRule, decision: Decision) => Decision): Decision {
    if (this.root) return ROOT_DECISION;
    if (query.operation === "help") return HELP_DECISION;
    const needed = NEEDED[query.operation];
    let decision = NO_RULE_DECISION;
    for (const rule of this.deciding(query)) {
      decision = this.#grant(rule, needed, query);
      if (decision.outcome === "denied") return decision;
      if (WITH_PARAMETERS.has(query.operation)) decision = granted(rule, decision);
      if (decision.outcome !== "allowed") return decision;
    }
    return decision;
  }

  /** All but parameters. */
  #grant(rule: MergedRule, needed: Capability, query: AclQuery): Decision {
    let byCapability = this.#granted.get(rule);
    if (byCapability === undefined) {
      byCapability = new Map();
      this.#granted.set(rule, byCapability);
    }
    let decision = byCapability.get(needed);
    if (decision === undefined) {
      decision = decisionOf(rule, needed);
      byCapability.set(needed, decision);
    }
    if (decision.outcome === "denied") return decision;
    if (query.sudo === true && !decision.sudo)
      return denied(decision, { type: "missing-capability", capability: "sudo" });
    const { minWrappingTtlSeconds: min, maxWrappingTtlSeconds: max } = rule;
    if (min === 0 && max === 0) return decision;
    const wrap = query.wrapTtlSeconds;
    const fits = wrap !== undefined && wrap >= min && (max === 0 || wrap <= max);
    return fits ? decision : denied(decision, { type: "wrapping", minTtlSeconds: min, maxTtlSeconds: max });
  }

  /**
   * A listed path ends in a slash, and rules are written with it and without: exact rules first in both forms, then
   * patterns on the path as it is, then without the slash. In this order a narrower deny with a `*` is never overtaken by
   * the broader grant above it; and so that no narrower deny is, a deny that matches only without the slash counts too.
   */
  #forListing(path: string): MergedRule | undefined {
    const slash = path.endsWith("/");
    const trimmed = slash ? path.slice(0, -1) : path;
    const exact = this.#index.exact(path) ?? this.#index.exact(trimmed);
    if (exact !== undefined) return exact;
    const found = this.#index.best(path);
    if (!slash) return found?.value;
    const without = this.#index.best(trimmed);
    if (found === undefined || without === undefined) return (found ?? without)?.value;
    return without.value.denies && without.rank > found.rank ? without.value : found.value;
  }

  /** What is not listed and ends in a slash may be served as what has none, so a rule for that has to grant it as well. */
  #forAccess(path: string): readonly MergedRule[] {
    const found = this.#winning(path);
    const without = path.endsWith("/") ? this.#winning(path.slice(0, -1)) : undefined;
    if (without === undefined || without === found) return found === undefined ? [] : [found];
    // Where nothing grants the path itself, a deny is still the reason to give.
    if (found === undefined) return without.denies ? [without] : [];
    return found.denies ? [found, without] : [without, found];
  }

  #winning(path: string): MergedRule | undefined {
    return this.#index.exact(path) ?? this.#index.best(path)?.value;
  }
}

function decisionOf(rule: MergedRule, needed: Capability): Decision {
  const { origins: rules, minWrappingTtlSeconds, maxWrappingTtlSeconds } = rule;
  const sudo = rule.grants("sudo");
  const rest = { sudo, rules, minWrappingTtlSeconds, maxWrappingTtlSeconds };
  if (rule.grants(needed)) {
    return {
      ...rest,
      outcome: "allowed",
      reason: { type: "granted" },
      grantingPolicies: rule.grantingPolicies(needed),
    };
  }
  const reason: DecisionReason = rule.denies
    ? { type: "explicit-deny" }
    : { type: "missing-capability", capability: needed };
  return { ...rest, outcome: "denied", reason, grantingPolicies: [] };
}

function denied(decision: Decision, reason: DecisionReason): Decision {
  return { ...decision, outcome: "denied", reason, grantingPolicies: [] };
}

function withParameters(rule: MergedRule, granted: Decision, parameters: RequestParameters | undefined): Decision {
  if (!rule.restrictsParameters) return granted;
  const refusal = refuseParameters(rule.parameters, parameters);
  return refusal === undefined ? granted : denied(granted, refusal);
}

/** The front doors let none through; a path in a body may have them. */
function withoutLeadingSlashes(path: string): string {
  let at = 0;
  while (path.charCodeAt(at) === 0x2f) at++;
  return at === 0 ? path : path.slice(at);
}

/** `.`, `..` or an empty one inside: the front doors refuse them, and a rule must not be held against them. */
function hasAmbiguousSegment(path: string): boolean {
  return path.includes("//") || ((path.startsWith(".") || path.includes("/.")) && /(?:^|\/)\.\.?(?:\/|$)/.test(path));
}

/** Whether some path below `mountPath` matches. */
function liesBelow({ pattern }: MergedRule, mountPath: string): boolean {
  if (pattern.kind !== "segments") return pattern.literal.startsWith(mountPath);
  const wanted = pattern.literal.split("/");
  const mount = mountPath.split("/").slice(0, -1);
  return wanted.length > mount.length && mount.every((segment, i) => wanted[i] === "+" || wanted[i] === segment);
}
