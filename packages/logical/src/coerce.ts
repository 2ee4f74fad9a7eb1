/** From what a client sent to a declared field's value. Strict: what is not plainly of the type is refused with a sentence. */
import { parseDuration } from "./duration.ts";
import { LogicalError } from "./errors.ts";
import type { FieldType, FieldTypes } from "./field.ts";
import { JsonNode, parseInteger } from "./json/document.ts";

/** A path's capture, a query parameter's values, or a member of the body. */
export type FieldInput = string | readonly string[] | JsonNode;

/** Throws `LogicalError` invalid_field, whose text names the field and never its value. */
export function coerceField(type: FieldType, name: string, input: FieldInput): FieldTypes[FieldType] {
  const value = convert(type, input);
  if (value === undefined) {
    throw new LogicalError("invalid_field", `error converting input for field "${name}": expected ${EXPECTED[type]}`);
  }
  return value;
}

const EXPECTED: Readonly<Record<FieldType, string>> = {
  string: "a string",
  int: "an integer",
  bool: "true or false",
  duration: 'a duration, as 90, "90s" or "1h30m"',
  "signed-duration": 'a duration, as 90, "90s" or "-1h"',
  "comma-string-slice": "a list of strings, or one string with commas",
  "comma-int-slice": "a list of integers, or one string with commas",
  "kv-pairs": 'an object of strings, or a list of "key=value"',
  object: "a JSON object",
  json: "a JSON value",
};

function convert(type: FieldType, input: FieldInput): FieldTypes[FieldType] | undefined {
  switch (type) {
    case "string":
      return scalarText(input);
    case "int":
      return parseInteger(scalarText(input));
    case "bool":
      return toBoolean(input);
    case "duration": {
      const seconds = toDuration(input);
      return seconds !== undefined && seconds >= 0 ? seconds : undefined;
    }
    case "signed-duration":
      return toDuration(input);
    case "comma-string-slice":
      return texts(input);
    case "comma-int-slice":
      return allDefined(texts(input)?.map(parseInteger));
    case "kv-pairs":
      return toPairs(input);
    case "object":
      return input instanceof JsonNode && input.isObject() ? input : undefined;
    case "json":
      return input instanceof JsonNode ? input : undefined;
  }
}

/** A string's text or a number's digits. */
function scalarText(input: FieldInput): string | undefined {
  if (typeof input === "string") return input;
  if (input instanceof JsonNode) return input.asString() ?? input.asNumberText();
  return input.length === 1 ? input[0] : undefined;
}

function toBoolean(input: FieldInput): boolean | undefined {
  const plain = input instanceof JsonNode ? input.asBoolean() : undefined;
  if (plain !== undefined) return plain;
  const text = scalarText(input);
  if (text === undefined) return undefined;
  return TRUE.has(text) ? true : FALSE.has(text) ? false : undefined;
}

/** Go's strconv.ParseBool. */
const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "false", "FALSE", "False"]);

function toDuration(input: FieldInput): number | undefined {
  const text = scalarText(input);
  return text === undefined ? undefined : parseDuration(text);
}

/** As many as a JSON array may have: a text of nothing but commas is no way around that. */
const MAX_ITEMS = 10_000;

/** The items of a list, or of one text with commas; "" is the empty list. */
function texts(input: FieldInput): readonly string[] | undefined {
  if (input instanceof JsonNode && input.kind === "array") return allDefined(input.elements().map(scalarText));
  if (typeof input !== "string" && !(input instanceof JsonNode) && input.length > 1) return input;
  const text = scalarText(input);
  if (text === undefined) return undefined;
  if (text.trim() === "") return [];
  const items = text.split(",", MAX_ITEMS + 1);
  return items.length > MAX_ITEMS ? undefined : items.map((item) => item.trim());
}

function toPairs(input: FieldInput): ReadonlyMap<string, string> | undefined {
  const pairs = new Map<string, string>();
  if (input instanceof JsonNode && input.isObject()) {
    for (const { key, value } of input.members()) {
      const text = scalarText(value);
      if (text === undefined) return undefined;
      pairs.set(key, text);
    }
    return pairs;
  }
  const items = texts(input);
  if (items === undefined) return undefined;
  for (const item of items) {
    const equals = item.indexOf("=");
    if (equals < 1) return undefined;
    pairs.set(item.slice(0, equals), item.slice(equals + 1));
  }
  return pairs;
}

function allDefined<T>(items: readonly (T | undefined)[] | undefined): readonly T[] | undefined {
  if (items === undefined) return undefined;
  return items.every((item): item is T => item !== undefined) ? items : undefined;
}
