/** Writes a reply: our own values as JSON, stored ones spliced in as the bytes they are. */
import { assert, concatBytes, utf8 } from "@strongroom/runtime";
import { type JsonValue, RawJson } from "./value.ts";

/** Deeper than any reply of ours: a client's nesting arrives as `RawJson`, never as a tree. */
const MAX_DEPTH = 100;

/** Keys in the order of the object or map. Throws `AssertionError` for a number that JSON cannot say. */
export function encodeJson(value: JsonValue): Uint8Array {
  const writer = new Writer();
  writer.write(value, 0);
  return writer.finish();
}

class Writer {
  readonly #parts: Uint8Array[] = [];
  #text = "";

  write(value: JsonValue, depth: number): void {
    assert(depth < MAX_DEPTH, "a reply is nested too deeply");
    if (value === null) this.#text += "null";
    else if (typeof value === "string") this.#text += JSON.stringify(value);
    else if (typeof value === "boolean") this.#text += value ? "true" : "false";
    else if (typeof value === "number") this.#number(value);
    else if (value instanceof RawJson) this.#raw(value.bytes);
    else if (isArray(value)) this.#array(value, depth);
    else this.#members(value instanceof Map ? value : Object.entries(value), depth);
  }

  finish(): Uint8Array {
    if (this.#text !== "") this.#parts.push(utf8(this.#text));
    return this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : concatBytes(this.#parts);
  }

  #number(value: number): void {
    assert(Number.isFinite(value), "a reply holds a number that is not finite");
    this.#text += String(value);
  }

  #raw(bytes: Uint8Array): void {
    if (this.#text !== "") this.#parts.push(utf8(this.#text));
    this.#text = "";
    this.#parts.push(bytes);
  }

  #array(values: readonly JsonValue[], depth: number): void {
    let mark = "[";
    for (const value of values) {
      this.#text += mark;
      mark = ",";
      this.write(value, depth + 1);
    }
    this.#text += mark === "[" ? "[]" : "]";
  }

  #members(members: Iterable<readonly [string, JsonValue]>, depth: number): void {
    let mark = "{";
    for (const [key, value] of members) {
      this.#text += `${mark}${JSON.stringify(key)}:`;
      mark = ",";
      this.write(value, depth + 1);
    }
    this.#text += mark === "{" ? "{}" : "}";
  }
}

function isArray(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
