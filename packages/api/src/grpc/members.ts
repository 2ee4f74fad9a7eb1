/**
 * Reads the members of an answer. That they are there and what they are is between the server's own parts, so anything else
 * is a bug.
 */
import { type JsonValue, RawJson } from "@strongroom/logical";
import { assert, fromUtf8 } from "@strongroom/runtime";

export type Members = { readonly [name: string]: JsonValue };

export function textMember(members: Members, name: string): string {
  const value = members[name];
  assert(typeof value === "string", `${name} is a text`);
  return value;
}

/** Empty when it is missing. */
export function optionalText(members: Members, name: string): string {
  return members[name] === undefined ? "" : textMember(members, name);
}

export function numberMember(members: Members, name: string): number {
  const value = members[name];
  assert(typeof value === "number", `${name} is a number`);
  return value;
}

export function flagMember(members: Members, name: string): boolean {
  const value = members[name];
  assert(typeof value === "boolean", `${name} is a boolean`);
  return value;
}

/** A JSON object that the server made itself. */
export function objectMember(members: Members, name: string): Members {
  const value = members[name];
  assert(isMembers(value), `${name} is an object`);
  return value;
}

/** Texts by name, whether made here or kept as the bytes that came in; none for null. */
export function textMap(members: Members, name: string): Record<string, string> {
  const value = members[name];
  if (value === null || value === undefined) return {};
  const entries =
    value instanceof RawJson ? Object.entries(JSON.parse(fromUtf8(value.bytes)) as object) : entriesOf(members, name);
  // Not by assignment: "__proto__" is a name like others.
  return Object.fromEntries(
    entries.map(([key, text]: readonly [string, unknown]) => {
      assert(typeof text === "string", `${name} has texts`);
      return [key, text];
    }),
  );
}

/** The entries of an object or map, in order. */
export function entriesOf(members: Members, name: string): readonly (readonly [string, JsonValue])[] {
  const value = members[name];
  if (value instanceof Map) return [...(value as ReadonlyMap<string, JsonValue>)];
  assert(isMembers(value), `${name} is an object`);
  return Object.entries(value);
}

export function isMembers(value: JsonValue | undefined): value is Members {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof RawJson) &&
    !(value instanceof Map)
  );
}
