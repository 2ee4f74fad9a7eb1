/**
 * Why a request is allowed or not, in sentences: which rule decided and what it beat, or which line is missing.
 *
 * What may be told. Everybody hears of its own token what `sys/capabilities-self` and a try would tell anyway: the outcome,
 * the capability that is needed, what is granted on the path, and a rule that would grant the rest, made of the question
 * alone. Where rules stand, what they say, and whether a denial is written or only the default, is told to those who may
 * read every one of the token's policies; others cannot tell an explicit deny from no rule at all. Nothing here looks at
 * mounts or secrets, so nobody learns what exists.
 */
import { type CompiledAcl, NEEDED } from "./acl.ts";
import type { AclQuery, Decision, DecisionReason } from "./decision.ts";
import type { MergedRule } from "./merged-rule.ts";
import { type Precedence, precedenceOf } from "./path-pattern.ts";
import type { Capability, RuleOrigin } from "./policy.ts";
import { parseTemplate } from "./template.ts";

export interface Explanation {
  readonly outcome: Decision["outcome"];
  /** `not-granted`: nothing grants it, or a deny takes it away, and the asker may not know which. `restricted`: the path is granted, and the rule asks more of the request. */
  readonly reason: DecisionReason["type"] | "not-granted" | "restricted";
  /** What the operation needs; nothing for help. */
  readonly capability: Capability | undefined;
  /** One sentence. */
  readonly text: string;
  /** As `sys/capabilities` answers for the path. */
  readonly granted: readonly string[];
  /** The rules that decided, for those who may read them. */
  readonly rules: readonly RuleOrigin[];
  /** Rules that match too and do not count, with the reason. */
  readonly overruled: readonly (RuleOrigin & { readonly because: string })[];
  /** A rule in HCL that would let the request by, where one can. */
  readonly suggestion: string | undefined;
  readonly hints: readonly string[];
}

/** `mayRead`: whether the asker may read all policies of the token that is asked about. */
export function explain(acl: CompiledAcl, query: AclQuery, mayRead: boolean): Explanation {
  const decision = acl.check(query);
  const capability = query.operation === "help" ? undefined : NEEDED[query.operation];
  const granted = acl.capabilities(query.path);
  const reason = mayRead ? decision.reason.type : withheld(decision, granted, capability);
  const tellsRules = mayRead && decision.rules.length > 0;
  return {
    outcome: decision.outcome,
    reason,
    capability,
    text: sentence(query, decision, reason, mayRead),
    granted,
    rules: tellsRules ? acl.deciding(query).flatMap(({ origins }) => origins) : [],
    overruled: mayRead ? overruled(acl, query) : [],
    suggestion: suggestion(acl, query, reason, capability),
    hints: decision.outcome === "denied" ? hints(acl, query) : [],
  };
}

/** The reason as far as the outcome and `sys/capabilities` give it away. */
function withheld(
  { outcome, reason }: Decision,
  granted: readonly string[],
  capability: Capability | undefined,
): Explanation["reason"] {
  if (outcome === "allowed") return reason.type;
  if (reason.type === "missing-capability") return granted[0] === "deny" ? "not-granted" : reason.type;
  return capability !== undefined && granted.includes(capability) ? "restricted" : "not-granted";
}

function sentence(query: AclQuery, decision: Decision, told: Explanation["reason"], mayRead: boolean): string {
  const what = `${query.operation} on ${JSON.stringify(query.path)}`;
  if (told === "not-granted") return `${what} is denied: no rule that counts there grants it`;
  if (told === "restricted") return `${what} is granted only with other parameters, or for a wrapped answer`;
  const rule = mayRead ? placesOf(decision.rules) : "the rule that counts";
  return describe(what, rule, decision.reason);
}

function describe(what: string, rule: string, reason: DecisionReason): string {
  switch (reason.type) {
    case "root":
      return `${what} is allowed: the root policy allows everything`;
    case "help":
      return `${what} is allowed: help is for everybody`;
    case "granted":
      return `${what} is allowed: ${rule} grants it`;
    case "no-rule":
      return `${what} is denied: no rule matches the path`;
    case "explicit-deny":
      return `${what} is denied: ${rule} denies it, whatever else is granted on that pattern`;
    case "missing-capability":
      return `${what} is denied: ${rule} lacks ${reason.capability}`;
    case "wrapping": {
      const least = reason.minTtlSeconds === 0 ? "" : ` for at least ${reason.minTtlSeconds}s`;
      const most = reason.maxTtlSeconds === 0 ? "" : ` for at most ${reason.maxTtlSeconds}s`;
      return `${what} is denied: ${rule} asks for the answer to be wrapped${least}${most}`;
    }
    case "parameters-unread":
      return `${what} depends on its parameters, which ${rule} restricts`;
    case "parameter-missing":
      return `${what} is denied: ${rule} requires the parameter ${JSON.stringify(reason.parameter)}`;
    case "parameter-denied":
      return `${what} is denied: ${rule} denies the parameter ${JSON.stringify(reason.parameter)}, or this value of it`;
    case "parameter-not-allowed":
      return `${what} is denied: ${rule} does not allow the parameter ${JSON.stringify(reason.parameter)}, or this value of it`;
  }
}

/** `policy "app", line 3 (path "secret/*")`, and so on. */
function placesOf(rules: readonly RuleOrigin[]): string {
  return rules
    .map(
      ({ policy, pattern, at }) =>
        `policy ${JSON.stringify(policy)}, line ${at.line} (path ${JSON.stringify(pattern)})`,
    )
    .join(" with ");
}

const BECAUSE: Readonly<Record<Precedence, string>> = {
  exact: "an exact path wins over a pattern",
  "later-wildcard": "its first + or its * comes earlier",
  "no-glob": "it ends in *, and the other does not",
  "fewer-plus": "it has more + segments",
  longer: "it is shorter",
  alphabet: "it comes first in the alphabet",
};

function overruled(acl: CompiledAcl, query: AclQuery): Explanation["overruled"] {
  const deciding = acl.deciding(query);
  const [winner] = deciding;
  if (winner === undefined) return [];
  return acl.matching(query).flatMap((rule) => {
    if (deciding.includes(rule)) return [];
    const because = reasonOf(winner, rule);
    return rule.origins.map((origin) => ({ ...origin, because }));
  });
}

function reasonOf(winner: MergedRule, loser: MergedRule): string {
  // An exact rule without the slash stands behind the one with it, and a pattern likewise.
  if (loser.pattern.kind === "exact") return "the path with its slash at the end comes first";
  return BECAUSE[precedenceOf(winner.pattern, loser.pattern)];
}

/**
 * An exact rule with what is granted there already, since it would be the only one that counts. None where a deny is
 * written: more rules do not help, and a way around it is no advice.
 */
function suggestion(
  acl: CompiledAcl,
  query: AclQuery,
  reason: Explanation["reason"],
  capability: Capability | undefined,
): string | undefined {
  if (capability === undefined) return undefined;
  if (reason !== "no-rule" && reason !== "not-granted" && reason !== "missing-capability") return undefined;
  const path = query.path.replace(/^\/+/, "");
  const listed = query.operation === "list" || query.operation === "scan";
  // What is not listed and ends in a slash has to be granted without it as well.
  const patterns = path.endsWith("/") && !listed ? [path.slice(0, -1), path] : [path];
  if (!patterns.every(meansItself)) return undefined;
  return patterns
    .map((pattern) => {
      const sudo = query.sudo === true ? ["sudo"] : [];
      const granted = acl.capabilities(pattern).filter((name) => name !== "deny");
      const wanted = [...new Set([...granted, capability, ...sudo])].sort();
      const list = wanted.map((name) => JSON.stringify(name)).join(", ");
      return `path ${JSON.stringify(pattern)} {\n  capabilities = [${list}]\n}\n`;
    })
    .join("\n");
}

/** Whether a rule with this path would match the path alone. */
function meansItself(path: string): boolean {
  const template = parseTemplate(path);
  return path !== "" && !/[*+]/.test(path) && template.ok && template.parts.every((part) => typeof part === "string");
}

const KV_PARTS: ReadonlySet<string> = new Set(["data", "metadata", "delete", "undelete", "destroy", "subkeys"]);

/** The mistakes that most denials come from. */
function hints(acl: CompiledAcl, query: AclQuery): readonly string[] {
  const found: string[] = [];
  const [mount, part, ...rest] = query.path.split("/");
  if (mount !== undefined && part !== undefined && KV_PARTS.has(part) && rest.length > 0) {
    const without = [mount, ...rest].join("/");
    if (acl.check({ ...query, path: without }).outcome === "allowed") {
      found.push(
        `it is granted on ${JSON.stringify(without)}: rules for KV version 2 name ${mount}/${part}/…, as the API does`,
      );
    }
  }
  const below = { ...query, path: `${query.path}/x` };
  const wider = acl.deciding(below).some(({ pattern }) => pattern.key === `${query.path}/*`);
  if (wider && acl.check(below).outcome === "allowed") {
    found.push("it is granted below the path: a rule that ends in /* does not match the path before the slash");
  }
  return found;
}
