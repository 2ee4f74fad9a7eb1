/**
 * The text of a policy to its rules. Strict: a key, a capability or a template that nobody knows is an error with its place,
 * because a rule that is read in part grants or withholds something that nobody wrote. So are keys that other servers know
 * and this one would not enforce.
 */
import { parseDuration } from "@strongroom/logical";
import { asciiLowerCase } from "./ascii.ts";
import { PolicyParseError } from "./errors.ts";
import { type HclEntry, HclError, type HclNode, type HclObject, type Position } from "./hcl/index.ts";
import { parseHcl } from "./hcl/parse.ts";
import {
  CAPABILITIES,
  type Capability,
  type ParameterValue,
  type ParameterValues,
  type PathRule,
  type Policy,
} from "./policy.ts";
import { parseTemplate } from "./template.ts";

const MAX_RULES = 10_000;
/** As long as a request's path may be, and twice that. */
const MAX_PATTERN_LENGTH = 8192;

const KNOWN_CAPABILITIES: ReadonlySet<string> = new Set(CAPABILITIES);

/** Vault's shorthand from before there were capabilities. */
const OLD_POLICIES: ReadonlyMap<string, readonly Capability[]> = new Map([
  ["deny", ["deny"]],
  ["read", ["read", "list"]],
  ["write", ["create", "read", "update", "delete", "list"]],
  ["sudo", ["create", "read", "update", "delete", "list", "sudo"]],
]);

/** What other servers restrict a rule by, and this one cannot. */
const NOT_ENFORCED: ReadonlySet<string> = new Set([
  "control_group",
  "expiration",
  "list_scan_response_keys_filter_path",
  "mfa_methods",
  "pagination_limit",
  "subscribe_event_types",
]);

const RULE_KEYS: ReadonlySet<string> = new Set([
  "allowed_parameters",
  "capabilities",
  "comment",
  "denied_parameters",
  "max_wrapping_ttl",
  "min_wrapping_ttl",
  "policy",
  "required_parameters",
]);

/** HCL or JSON. `name` is only what the policy is called; the text's own `name` is ignored. Throws `PolicyParseError`. */
export function parsePolicy(name: string, text: string): Policy {
  const rules: PathRule[] = [];
  for (const entry of hclOf(text).entries) {
    if (entry.key === "name") {
      textOf(entry);
      continue;
    }
    if (entry.key !== "path") {
      throw new PolicyParseError(`unknown key ${quote(entry.key)}: a policy is made of path "…" { … }`, entry.at);
    }
    for (const { key, body, at } of pathEntries(entry)) {
      if (rules.length === MAX_RULES) throw new PolicyParseError(`a policy has at most ${MAX_RULES} rules`, at);
      rules.push(readRule(name, key, body, at));
    }
  }
  return { name, text, rules };
}

function hclOf(text: string): HclObject {
  try {
    return parseHcl(text);
  } catch (error) {
    if (error instanceof HclError) throw new PolicyParseError(error.problem, error.at);
    throw error;
  }
}

/** `path "a" { … }`; in JSON also `{"path": {"a": { … }}}`, with lists of objects anywhere for repeated blocks. */
function* pathEntries({ value, at }: HclEntry): Generator<{ key: string; body: HclObject; at: Position }> {
  for (const paths of objectsOf(value, 'path needs a pattern and a block: path "…" { … }')) {
    if (paths.entries.length === 0) throw new PolicyParseError('path needs a pattern: path "…" { … }', at);
    for (const { key, value: rule, at: ruleAt } of paths.entries) {
      const wanted = `path ${quote(key)} needs a block: path ${quote(key)} { … }`;
      for (const body of objectsOf(rule, wanted)) yield { key, body, at: ruleAt };
    }
  }
}

function objectsOf(node: HclNode, wanted: string): readonly HclObject[] {
  if (node.kind === "object") return [node];
  if (node.kind !== "list") throw new PolicyParseError(wanted, node.at);
  return node.items.map((item) => {
    if (item.kind !== "object") throw new PolicyParseError(wanted, item.at);
    return item;
  });
}

function readRule(policy: string, written: string, body: HclObject, at: Position): PathRule {
  const pattern = written.startsWith("/") ? written.slice(1) : written;
  if (pattern.includes("+*")) {
    throw new PolicyParseError(
      `path ${quote(written)}: +* is no wildcard; * ends a path, and + is one whole segment`,
      at,
    );
  }
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new PolicyParseError(`a path has at most ${MAX_PATTERN_LENGTH} characters`, at);
  }
  const template = parseTemplate(pattern);
  if (!template.ok) throw new PolicyParseError(`path ${quote(written)}: ${template.problem}`, at);
  const members = membersOf(body, `path ${quote(written)}`);
  const minWrappingTtlSeconds = wrappingTtl(members.get("min_wrapping_ttl"));
  const maxWrappingTtlSeconds = wrappingTtl(members.get("max_wrapping_ttl"));
  if (maxWrappingTtlSeconds !== 0 && maxWrappingTtlSeconds < minWrappingTtlSeconds) {
    throw new PolicyParseError("max_wrapping_ttl cannot be less than min_wrapping_ttl", body.at);
  }
  const comment = members.get("comment");
  if (comment !== undefined) textOf(comment);
  return {
    policy,
    pattern,
    at,
    template: template.parts,
    capabilities: readCapabilities(members),
    allowedParameters: readParameters(members.get("allowed_parameters")),
    deniedParameters: readParameters(members.get("denied_parameters")),
    requiredParameters: readRequired(members.get("required_parameters")),
    minWrappingTtlSeconds,
    maxWrappingTtlSeconds,
  };
}

/** A rule's members by key. Throws for unknown and repeated keys. */
function membersOf(body: HclObject, where: string): ReadonlyMap<string, HclEntry> {
  const members = new Map<string, HclEntry>();
  for (const entry of body.entries) {
    const { key, at } = entry;
    if (NOT_ENFORCED.has(key)) {
      throw new PolicyParseError(
        `${where}: ${key} is not enforced by this server; without it the rule means something else`,
        at,
      );
    }
    if (!RULE_KEYS.has(key)) {
      throw new PolicyParseError(`${where}: unknown key ${quote(key)}; a rule knows ${[...RULE_KEYS].join(", ")}`, at);
    }
    if (members.has(key)) throw new PolicyParseError(`${where}: ${key} is given twice`, at);
    members.set(key, entry);
  }
  return members;
}

function readCapabilities(members: ReadonlyMap<string, HclEntry>): ReadonlySet<Capability> {
  const granted = new Set<Capability>();
  const list = members.get("capabilities");
  if (list !== undefined) {
    for (const { value, at } of stringsOf(list)) {
      if (!isCapability(value)) {
        throw new PolicyParseError(`invalid capability ${quote(value)}; there are ${CAPABILITIES.join(", ")}`, at);
      }
      granted.add(value);
    }
  }
  const old = members.get("policy");
  if (old !== undefined) {
    const capabilities = OLD_POLICIES.get(textOf(old));
    if (capabilities === undefined) {
      throw new PolicyParseError(`policy must be one of ${[...OLD_POLICIES.keys()].join(", ")}`, old.value.at);
    }
    for (const capability of capabilities) granted.add(capability);
  }
  return granted.has("deny") ? new Set(["deny"]) : granted;
}

function isCapability(text: string): text is Capability {
  return KNOWN_CAPABILITIES.has(text);
}

function readParameters(entry: HclEntry | undefined): ParameterValues | undefined {
  if (entry === undefined) return undefined;
  const parameters = new Map<string, readonly ParameterValue[]>();
  for (const object of objectsOf(
    entry.value,
    `${entry.key} must be an object: ${entry.key} = { "name" = ["value"] }`,
  )) {
    for (const { key, value, at } of object.entries) {
      const name = asciiLowerCase(key);
      if (parameters.has(name)) throw new PolicyParseError(`${entry.key} names ${quote(name)} twice`, at);
      if (value.kind !== "list") {
        throw new PolicyParseError(`the values of ${quote(key)} must be a list; [] is any value`, value.at);
      }
      parameters.set(name, value.items.map(plainValue));
    }
  }
  return parameters.size === 0 ? undefined : parameters;
}

function plainValue(node: HclNode): ParameterValue {
  switch (node.kind) {
    case "list":
      return node.items.map(plainValue);
    case "object": {
      const members = new Map<string, ParameterValue>();
      for (const { key, value, at } of node.entries) {
        if (members.has(key)) throw new PolicyParseError(`${quote(key)} is given twice`, at);
        members.set(key, plainValue(value));
      }
      return members;
    }
    case "string":
    case "number":
    case "boolean":
      return node.value;
  }
}

function readRequired(entry: HclEntry | undefined): readonly string[] {
  if (entry === undefined) return [];
  return [...new Set(stringsOf(entry).map(({ value }) => asciiLowerCase(value)))];
}

function stringsOf({ key, value }: HclEntry): readonly { readonly value: string; readonly at: Position }[] {
  if (value.kind !== "list") throw new PolicyParseError(`${key} must be a list of strings`, value.at);
  return value.items.map((item) => {
    if (item.kind !== "string") throw new PolicyParseError(`${key} must be a list of strings`, item.at);
    return item;
  });
}

function textOf({ key, value }: HclEntry): string {
  if (value.kind !== "string") throw new PolicyParseError(`${key} must be a string`, value.at);
  return value.value;
}

/** Whole seconds. What is less than one is refused, since 0 means "no limit". */
function wrappingTtl(entry: HclEntry | undefined): number {
  if (entry === undefined) return 0;
  const { key, value } = entry;
  const text = value.kind === "string" ? value.value : value.kind === "number" ? String(value.value) : "?";
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds < 0 || (seconds === 0 && /[1-9]/.test(text))) {
    throw new PolicyParseError(`${key} must be a duration of whole seconds such as "90s" or "1h"`, value.at);
  }
  return seconds;
}

/** For a message: bounded, since the text is a client's. */
function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
