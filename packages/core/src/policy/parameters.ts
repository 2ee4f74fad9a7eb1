/**
 * The second stage of a decision: a rule's required, denied and allowed parameters against what the request brought. Only
 * the top level of a body counts, or the query of a read; names in ASCII lower case, as Vault compares them.
 */
import type { JsonNode } from "@strongroom/logical";
import { asciiLowerCase } from "./ascii.ts";
import type { DecisionReason, RequestParameters } from "./decision.ts";
import type { ParameterValue, ParameterValues } from "./policy.ts";

export interface ParameterRules {
  readonly allowed: ParameterValues | undefined;
  readonly denied: ParameterValues | undefined;
  readonly required: readonly string[];
}

const ANY = "*";

/** The reason for a refusal, or nothing. A request without parameters passes all but required ones. */
export function refuseParameters(
  rules: ParameterRules,
  parameters: RequestParameters | undefined,
): DecisionReason | undefined {
  const given = parameters === undefined ? [] : givenOf(parameters);
  for (const parameter of rules.required) {
    // As it is written, in lower case: an endpoint would not take the name in another case either.
    if (!given.some(({ name }) => name === parameter)) return { type: "parameter-missing", parameter };
  }
  for (const parameter of given) {
    const refusal = refuseOne(rules, asciiLowerCase(parameter.name), parameter.value);
    if (refusal !== undefined) return { type: refusal, parameter: parameter.name };
  }
  return undefined;
}

function refuseOne(
  { allowed, denied }: ParameterRules,
  name: string,
  value: GivenValue,
): "parameter-denied" | "parameter-not-allowed" | undefined {
  if (denied !== undefined) {
    const values = denied.get(name);
    if (denied.has(ANY) || (values !== undefined && isAmong(value, values))) return "parameter-denied";
  }
  if (allowed === undefined) return undefined;
  const values = allowed.get(name);
  // `*` allows what has no line of its own.
  const passes = values === undefined ? allowed.has(ANY) : isAmong(value, values);
  return passes ? undefined : "parameter-not-allowed";
}

type GivenValue = JsonNode | string | readonly string[];

function givenOf(parameters: RequestParameters): readonly { readonly name: string; readonly value: GivenValue }[] {
  if (!(parameters instanceof Map)) {
    return (parameters as JsonNode).members().map(({ key, value }) => ({ name: key, value }));
  }
  return [...(parameters as ReadonlyMap<string, readonly string[]>)].map(([name, values]) => ({
    name,
    value: values.length === 1 ? (values[0] as string) : values,
  }));
}

/** An empty list is any value. */
function isAmong(value: GivenValue, values: readonly ParameterValue[]): boolean {
  return values.length === 0 || values.some((wanted) => matchesValue(wanted, value));
}

function matchesValue(wanted: ParameterValue, given: GivenValue): boolean {
  const text = typeof given === "string" ? given : "asString" in given ? given.asString() : undefined;
  if (typeof wanted === "string" && text !== undefined) return matchesGlob(wanted, text);
  if (typeof given === "string") return false;
  return "asString" in given ? equalsJson(wanted, given) : equalsTexts(wanted, given);
}

/** A `*` at either end stands for anything; elsewhere it is a character. */
function matchesGlob(glob: string, text: string): boolean {
  if (glob === ANY) return true;
  const open = glob.startsWith(ANY);
  const ends = glob.endsWith(ANY);
  const middle = glob.slice(open ? 1 : 0, ends ? -1 : undefined);
  if (open) return ends ? text.includes(middle) : text.endsWith(middle);
  return ends ? text.startsWith(middle) : text === glob;
}

function equalsTexts(wanted: ParameterValue, given: readonly string[]): boolean {
  if (!Array.isArray(wanted) || wanted.length !== given.length) return false;
  return given.every((text, i) => wanted[i] === text);
}

/** Deep equality; a number equals every way of writing it, and never a string. */
function equalsJson(wanted: ParameterValue, given: JsonNode): boolean {
  switch (given.kind) {
    case "null":
      return false;
    case "string":
      return wanted === given.asString();
    case "boolean":
      return wanted === given.asBoolean();
    case "number":
      return wanted === Number(given.asNumberText());
    case "array": {
      const elements = given.elements();
      if (!Array.isArray(wanted) || wanted.length !== elements.length) return false;
      return elements.every((element, i) => equalsJson(wanted[i] as ParameterValue, element));
    }
    case "object": {
      const members = given.members();
      if (!(wanted instanceof Map) || wanted.size !== members.length) return false;
      return members.every(({ key, value }) => {
        const member = (wanted as ReadonlyMap<string, ParameterValue>).get(key);
        return member !== undefined && equalsJson(member, value);
      });
    }
  }
}
