/** Writes a reply: our own values as JSON, stored ones spliced in as the bytes they are. */
import { assert } from "@strongroom/runtime";
import { type JsonValue, RawJson } from "./value.ts";

/** Deeper than any reply of ours: a client's nesting arrives as `RawJson`, never as a tree. */
const MAX_DEPTH = 100;

/**
 * Keys in the order of the object or map, in a buffer of its own, with `around` before and after it as it is. Throws
 * `AssertionError` for a number that JSON cannot say.
 */
export function encodeJson(
  value: JsonValue,
  around: { readonly head: string; readonly tail: string } = BARE,
): Uint8Array {
  const writer = new Writer(around.head);
  writer.write(value, 0);
  return writer.finish(around.tail);
}

const BARE = { head: "", tail: "" } as const;

class Writer {
  readonly #parts: (Uint8Array | string)[] = [];
  #text: string;

  constructor(head: string) {
    this.#text = head;
  }

  write(value: JsonValue, depth: number): void {
    assert(depth < MAX_DEPTH, "a reply is nested too deeply");
    if (value === null) this.#text += "null";
    else if (typeof value === "string") this.#text += quote(value);
    else if (typeof value === "boolean") this.#text += value ? "true" : "false";
    else if (typeof value === "number") this.#number(value);
    else if (value instanceof RawJson) this.#raw(value.bytes);
    else if (isArray(value)) this.#array(value, depth);
    else this.#members(value instanceof Map ? value : Object.entries(value), depth);
  }

  /** One buffer, one copy of each part. */
  finish(tail: string): Uint8Array {
    this.#parts.push(this.#text + tail);
    let length = 0;
    for (const part of this.#parts) length += typeof part === "string" ? Buffer.byteLength(part) : part.length;
    const bytes = new Uint8Array(length);
    const target = Buffer.from(bytes.buffer);
    let at = 0;
    for (const part of this.#parts) {
      if (typeof part === "string") {
        at += target.write(part, at);
      } else {
        bytes.set(part, at);
        at += part.length;
      }
    }
    return bytes;
  }

  #number(value: number): void {
    assert(Number.isFinite(value), "a reply holds a number that is not finite");
    this.#text += String(value);
  }

  #raw(bytes: Uint8Array): void {
    this.#parts.push(this.#text, bytes);
    this.#text = "";
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
      this.#text += `${mark}${quote(key)}:`;
      mark = ",";
      this.write(value, depth + 1);
    }
    this.#text += mark === "{" ? "{}" : "}";
  }
}

/** Text that JSON quotes as it is: nearly every key and time of ours. */
const PLAIN = /^[\w .:/-]*$/;

function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function isArray(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
