/**
 * The data of a request or a response as it may stand in a record: every string that is a value becomes its HMAC; keys,
 * numbers, booleans and null stay. A client's JSON was checked when it came in, so one pass over its bytes finds the
 * strings; nothing is parsed a second time, and a value is hashed from where it lies.
 */
import { encodeJson, type JsonValue, RawJson } from "@strongroom/logical";
import { assert } from "@strongroom/runtime";
import type { AuditSalt } from "../salt.ts";
import { onOneLine, quote } from "./quote.ts";

/** More strings than this in one record, or more text, are replaced by one HMAC over all of it. */
const MAX_LEAVES = 2048;
const MAX_CHARACTERS = 256 * 1024;
/** Deeper than any answer of ours; a client's nesting lies in `RawJson`. */
const MAX_DEPTH = 100;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NO_KEYS: ReadonlySet<string> = new Set();

/** `data` as JSON with HMACs, or an `{"elided":true,"hmac":…}` where it would be too long. */
export function hashedData(
  data: JsonValue | undefined,
  salt: AuditSalt,
  clearKeys: ReadonlySet<string> = NO_KEYS,
): string {
  if (data === undefined) return "null";
  try {
    return new LeafHasher(salt, clearKeys).value(data, "", 0);
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    const whole = data instanceof RawJson ? data.bytes : encodeJson(data);
    return `{"elided":true,"hmac":"${salt.hash(whole)}"}`;
  }
}

class TooMuch extends Error {}

class LeafHasher {
  readonly #salt: AuditSalt;
  readonly #clearKeys: ReadonlySet<string>;
  #leaves = 0;
  #characters = 0;

  constructor(salt: AuditSalt, clearKeys: ReadonlySet<string>) {
    this.#salt = salt;
    this.#clearKeys = clearKeys;
  }

  /** An own value. `key` is the nearest member that it stands under. */
  value(value: JsonValue, key: string, depth: number): string {
    assert(depth < MAX_DEPTH, "a reply is nested too deeply");
    if (value === null) return "null";
    if (typeof value === "string") return this.#own(value, key);
    if (typeof value === "boolean" || typeof value === "number") return String(value);
    if (value instanceof RawJson) return this.#raw(value.bytes, key);
    if (isArray(value)) return `[${value.map((one) => this.value(one, key, depth + 1)).join(",")}]`;
    let text = "";
    for (const [name, one] of value instanceof Map ? value : Object.entries(value)) {
      const member = `${text === "" ? "" : ","}${quote(name)}:${this.value(one, name, depth + 1)}`;
      text += member;
      this.#grow(name.length);
    }
    return `{${text}}`;
  }

  /** Times that the server wrote stay legible. One that a client wrote may be anything, a date of birth for instance. */
  #own(text: string, key: string): string {
    if (this.#clearKeys.has(key) || isTimestamp(text)) {
      this.#grow(text.length);
      return quote(text);
    }
    return this.#hash(text);
  }

  #hash(message: string | Uint8Array): string {
    this.#leaves++;
    if (this.#leaves > MAX_LEAVES) throw new TooMuch();
    return `"${this.#salt.hash(message)}"`;
  }

  #grow(characters: number): void {
    this.#characters += characters;
    if (this.#characters > MAX_CHARACTERS) throw new TooMuch();
  }

  /** `bytes` are valid JSON: the scanner has accepted them, now or when they were stored. */
  #raw(bytes: Uint8Array, outerKey: string): string {
    const json = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const objects: boolean[] = [];
    const keys: string[] = [];
    let key = outerKey;
    let inObject = false;
    let keyNext = false;
    let text = "";
    let from = 0;
    let at = 0;
    while (at < json.length) {
      switch (json[at] as number) {
        case QUOTE: {
          const end = endOfString(json, at);
          if (keyNext) {
            if (this.#clearKeys.size > 0) key = decoded(json, at, end).toString();
          } else if (!this.#clearKeys.has(key)) {
            text += between(json, from, at) + this.#hash(decoded(json, at, end));
            this.#grow(at - from);
            from = end;
          }
          at = end;
          continue;
        }
        case 0x7b: // {
        case 0x5b: // [
          objects.push(inObject);
          keys.push(key);
          inObject = json[at] === 0x7b;
          keyNext = inObject;
          break;
        case 0x7d: // }
        case 0x5d: // ]
          inObject = objects.pop() ?? false;
          key = keys.pop() ?? outerKey;
          keyNext = false;
          break;
        case 0x2c: // ,
          keyNext = inObject;
          break;
        case 0x3a: // :
          keyNext = false;
          break;
        case 0x20:
        case 0x09:
        case 0x0a:
        case 0x0d:
          // A line break would end the record.
          text += between(json, from, at);
          this.#grow(at - from);
          from = at + 1;
          break;
      }
      at++;
    }
    this.#grow(json.length - from);
    return text + between(json, from, json.length);
  }
}

/** A client's own text: names of members, numbers, what is shown. */
function between(json: Buffer, from: number, to: number): string {
  return from === to ? "" : onOneLine(json.toString("utf8", from, to));
}

/** The position after the closing quote of the string that begins at `start`. */
function endOfString(json: Buffer, start: number): number {
  const near = Math.min(json.length, start + 64);
  for (let at = start + 1; at < near; at++) {
    if (json[at] === BACKSLASH) break;
    if (json[at] === QUOTE) return at + 1;
  }
  let end = start;
  for (;;) {
    end = json.indexOf(QUOTE, end + 1);
    assert(end >= 0, "stored JSON has an unfinished string");
    let slashes = 0;
    while (json[end - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
}

/** What the token from `start` to `end`, quotes included, says: its own bytes, or the text that its escapes make. */
function decoded(json: Buffer, start: number, end: number): Buffer | string {
  const slash = json.subarray(start, end).indexOf(BACKSLASH);
  return slash < 0 ? json.subarray(start + 1, end - 1) : (JSON.parse(json.toString("utf8", start, end)) as string);
}

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

function isTimestamp(text: string): boolean {
  return text.length >= 20 && text.length <= 35 && text[4] === "-" && TIMESTAMP.test(text);
}

function isArray(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
