/** `sys/internal/ui/resultant-acl`: all that the token's policies add up to, for consoles. */
import { definePath, type JsonValue } from "@strongroom/logical";
import type { CompiledAcl } from "../policy/acl.ts";
import { capabilitiesOf, type MergedRule } from "../policy/merged-rule.ts";
import type { ParameterValue, ParameterValues } from "../policy/policy.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function internalUiResultantAclPath({ policies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "internal/ui/resultant-acl",
    fields: {},
    operations: {
      read: {
        summary: "All that the token may do, by path.",
        handler: (context) => {
          const { transaction, token } = SystemContext.of(context);
          return { kind: "data", data: resultantAcl(policies.aclOf(transaction, token, "read")) };
        },
      },
    },
    synopsis: "All that the token may do, by path.",
    description:
      "For consoles, which show what can be used. Prefixes stand without their *, patterns with + as they are.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

function resultantAcl(acl: CompiledAcl): { readonly [key: string]: JsonValue } {
  const paths = (exact: boolean): ReadonlyMap<string, JsonValue> => {
    const rules = acl.rules.filter(({ pattern }) => (pattern.kind === "exact") === exact);
    const named = rules.map((rule) => [pathOf(rule), ruleBody(rule)] as const);
    return new Map(named.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  return { root: acl.root, exact_paths: paths(true), glob_paths: paths(false) };
}

function pathOf({ pattern }: MergedRule): string {
  return pattern.kind === "segments" ? pattern.key : pattern.literal;
}

function ruleBody(rule: MergedRule): JsonValue {
  const { allowed, denied, required } = rule.parameters;
  const { minWrappingTtlSeconds: min, maxWrappingTtlSeconds: max } = rule;
  const capabilities = capabilitiesOf(rule.mask);
  return {
    capabilities: capabilities.length === 0 ? ["deny"] : capabilities,
    ...(min === 0 ? undefined : { min_wrapping_ttl: min }),
    ...(max === 0 ? undefined : { max_wrapping_ttl: max }),
    ...(allowed === undefined ? undefined : { allowed_parameters: parametersBody(allowed) }),
    ...(denied === undefined ? undefined : { denied_parameters: parametersBody(denied) }),
    ...(required.length === 0 ? undefined : { required_parameters: required }),
  };
}

function parametersBody(values: ParameterValues): JsonValue {
  return new Map([...values].map(([name, list]) => [name, list.map(jsonOf)]));
}

function jsonOf(value: ParameterValue): JsonValue {
  if (value instanceof Map) return new Map([...value].map(([key, member]) => [key, jsonOf(member as ParameterValue)]));
  if (Array.isArray(value)) return value.map((item: ParameterValue) => jsonOf(item));
  return value as string | number | boolean;
}
