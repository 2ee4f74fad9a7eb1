/**
 * The tokenizer. Takes a body in chunks, cut anywhere, and checks as the bytes arrive: syntax (RFC 8259), UTF-8, escapes,
 * duplicate keys (RFC 7493 §2.3) and the limits, each before what it limits is allocated. A bomb is refused within its first
 * bytes, not after its last. State lives in fields rather than on the stack, so depth costs nothing.
 */
import { assert, present } from "@strongroom/runtime";
import { JsonDocument } from "./document.ts";
import { JsonError } from "./errors.ts";
import { DEFAULT_JSON_LIMITS, type JsonLimits } from "./limits.ts";
import { firstState, isDigit, mayEnd, type NumberState, nextState } from "./number-state.ts";
import { decodeString } from "./string.ts";
import {
  KIND_ARRAY,
  KIND_ESCAPED_STRING,
  KIND_FALSE,
  KIND_KEY,
  KIND_NULL,
  KIND_NUMBER,
  KIND_OBJECT,
  KIND_STRING,
  KIND_TRUE,
  Tape,
} from "./tape.ts";

type Expect = "value" | "first-element" | "first-key" | "key" | "colon" | "comma" | "end" | "string" | "number";

interface OpenContainer {
  readonly entry: number;
  readonly isObject: boolean;
  count: number;
  /** Of an object, once it has a key. */
  keys: Set<string> | undefined;
}

/** What a client's mere announcement of a body is worth in memory. */
const MAX_ADVANCE = 64 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const LITERALS: ReadonlyMap<number, { readonly kind: number; readonly text: string }> = new Map([
  [0x6e, { kind: KIND_NULL, text: "null" }],
  [0x66, { kind: KIND_FALSE, text: "false" }],
  [0x74, { kind: KIND_TRUE, text: "true" }],
]);

/** Scans a whole body. The document keeps `bytes`, which must not change while it lives. */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = DEFAULT_JSON_LIMITS): JsonDocument {
  const scanner = new JsonScanner(limits);
  scanner.adopt(bytes);
  return scanner.finish();
}

/** The check alone. Throws `JsonError`. */
export function scanJson(bytes: Uint8Array, limits: JsonLimits = DEFAULT_JSON_LIMITS): void {
  parseJson(bytes, limits);
}

/** Feed `push` with chunks, then `finish`. Every refusal is a `JsonError`; after one the scanner is of no more use. */
export class JsonScanner {
  readonly #limits: JsonLimits;
  readonly #tape = new Tape();
  readonly #open: OpenContainer[] = [];
  #bytes: Uint8Array = new Uint8Array(0);
  /** Bytes received. */
  #length = 0;
  /** Bytes understood. What lies between is the head of an escape, a character or a literal: at most twelve bytes. */
  #at = 0;
  #expect: Expect = "value";
  #numberState: NumberState = "minus";
  /** The entry of the string or number being read. */
  #token = 0;
  #tokenIsKey = false;
  #escaped = false;
  #strings = 0;
  #values = 0;

  constructor(limits: JsonLimits = DEFAULT_JSON_LIMITS, expectedBytes = 0) {
    this.#limits = limits;
    this.#bytes = new Uint8Array(Math.min(expectedBytes, limits.maxBytes, MAX_ADVANCE));
  }

  /** The chunk is copied. */
  push(chunk: Uint8Array): void {
    this.#checkBytes(chunk.length);
    if (this.#length + chunk.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length + chunk.length, this.#bytes.length * 2, 1024));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length += chunk.length;
    this.#run();
  }

  /** The whole body at once, not copied; instead of `push`. */
  adopt(bytes: Uint8Array): void {
    this.#checkBytes(bytes.length);
    this.#bytes = bytes;
    this.#length = bytes.length;
    this.#run();
  }

  finish(): JsonDocument {
    if (this.#expect === "number" && mayEnd(this.#numberState)) this.#endValue(this.#token, this.#at);
    if (this.#expect !== "end") throw this.#malformed("the document ends too early", this.#length);
    return new JsonDocument(this.#bytes.subarray(0, this.#length), this.#tape);
  }

  #run(): void {
    for (;;) {
      const before = this.#at;
      if (this.#expect === "string") {
        if (!this.#continueString()) return;
      } else if (this.#expect === "number") {
        if (!this.#continueNumber()) return;
      } else {
        while (this.#at < this.#length && isBlank(this.#bytes[this.#at] as number)) this.#at++;
        if (this.#at === this.#length) return;
        this.#structure(this.#bytes[this.#at] as number);
        // A literal whose end has not arrived.
        if (this.#at === before) return;
      }
    }
  }

  #structure(c: number): void {
    switch (this.#expect) {
      case "value":
        this.#beginValue(c);
        return;
      case "comma":
        this.#separator(c);
        return;
      case "key":
        this.#beginKey(c);
        return;
      case "first-key":
        if (c === CLOSE_BRACE) this.#closeContainer();
        else this.#beginKey(c);
        return;
      case "first-element":
        if (c === CLOSE_BRACKET) this.#closeContainer();
        else this.#beginValue(c);
        return;
      case "colon":
        if (c !== COLON) throw this.#malformed("expected a colon after the key");
        this.#at++;
        this.#expect = "value";
        return;
      case "end":
        throw this.#malformed("unexpected text after the document's end");
      case "string":
      case "number":
        assert(false, "the inside of a token is not structure");
    }
  }

  #separator(c: number): void {
    const { isObject } = this.#innermost();
    if (c === COMMA) {
      this.#at++;
      this.#expect = isObject ? "key" : "value";
    } else if (c === (isObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
      this.#closeContainer();
    } else {
      throw this.#malformed(isObject ? "expected a comma or a closing brace" : "expected a comma or a closing bracket");
    }
  }

  #beginKey(c: number): void {
    if (c !== QUOTE) throw this.#malformed("expected a key in quotes");
    const open = this.#innermost();
    if (open.count === this.#limits.maxObjectEntries) throw this.#complex("too many members in an object");
    open.count++;
    this.#beginString(KIND_KEY, true);
  }

  #beginString(kind: number, isKey: boolean): void {
    if (this.#strings === this.#limits.maxStrings) throw this.#complex("too many strings");
    this.#strings++;
    this.#token = this.#tape.push(kind, this.#at);
    this.#tokenIsKey = isKey;
    this.#escaped = false;
    this.#expect = "string";
    this.#at++;
  }

  #beginValue(c: number): void {
    const literal = LITERALS.get(c);
    if (literal !== undefined && !this.#literalArrived(literal.text)) return;
    this.#countValue();
    if (literal !== undefined) {
      const entry = this.#tape.push(literal.kind, this.#at);
      this.#at += literal.text.length;
      this.#endValue(entry, this.#at);
    } else if (c === QUOTE) {
      this.#beginString(KIND_STRING, false);
    } else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
      this.#openContainer(c === OPEN_BRACE);
    } else {
      this.#beginNumber(c);
    }
  }

  #beginNumber(c: number): void {
    const state = firstState(c);
    if (state === undefined) throw this.#malformed("expected a value");
    this.#token = this.#tape.push(KIND_NUMBER, this.#at);
    this.#numberState = state;
    this.#expect = "number";
    this.#at++;
  }

  #countValue(): void {
    if (this.#values === this.#limits.maxValues) throw this.#complex("too many values");
    this.#values++;
    const open = this.#open.at(-1);
    if (open === undefined || open.isObject) return;
    if (open.count === this.#limits.maxArrayElements) throw this.#complex("too many elements in an array");
    open.count++;
  }

  /** False while the bytes so far are only its head. */
  #literalArrived(text: string): boolean {
    for (let i = 1; i < text.length; i++) {
      if (this.#at + i === this.#length) return false;
      if (this.#bytes[this.#at + i] !== text.charCodeAt(i)) throw this.#malformed("expected a value");
    }
    return true;
  }

  #openContainer(isObject: boolean): void {
    if (this.#open.length === this.#limits.maxDepth) throw this.#complex("nested too deeply");
    const entry = this.#tape.push(isObject ? KIND_OBJECT : KIND_ARRAY, this.#at);
    this.#open.push({ entry, isObject, count: 0, keys: undefined });
    this.#at++;
    this.#expect = isObject ? "first-key" : "first-element";
  }

  #closeContainer(): void {
    const { entry } = this.#innermost();
    this.#open.pop();
    this.#at++;
    this.#endValue(entry, this.#at);
  }

  #innermost(): OpenContainer {
    return present(this.#open.at(-1), "members and elements are expected inside a container only");
  }

  #endValue(entry: number, end: number): void {
    this.#tape.close(entry, end);
    this.#expect = this.#open.length === 0 ? "end" : "comma";
  }

  /** False when the chunk is used up inside the string. */
  #continueString(): boolean {
    const bytes = this.#bytes;
    const length = this.#length;
    let at = this.#at;
    while (at < length) {
      const c = bytes[at] as number;
      if (c === QUOTE) {
        this.#at = at + 1;
        this.#endString();
        return true;
      }
      if (c >= 0x20 && c < 0x80 && c !== BACKSLASH) {
        at++;
        continue;
      }
      this.#at = at;
      const size = c === BACKSLASH ? this.#escapeSize() : this.#characterSize(c);
      if (size === 0) return false;
      at += size;
    }
    this.#at = at;
    return false;
  }

  #endString(): void {
    const entry = this.#token;
    if (!this.#tokenIsKey) {
      if (this.#escaped) this.#tape.setKind(entry, KIND_ESCAPED_STRING);
      this.#endValue(entry, this.#at);
      return;
    }
    const start = this.#tape.start(entry);
    const text = decodeString(this.#bytes, start, this.#at, this.#escaped);
    const open = this.#innermost();
    open.keys ??= new Set();
    if (open.keys.has(text))
      throw new JsonError("duplicate_json_key", `duplicate key in the JSON object at byte ${start}`, start);
    open.keys.add(text);
    this.#tape.closeKey(entry, this.#at, text);
    this.#expect = "colon";
  }

  /** Bytes of the escape at `#at`, a surrogate pair being one; 0 when its end has not arrived. */
  #escapeSize(): number {
    this.#escaped = true;
    const letter = this.#byteAhead(1);
    if (letter === undefined) return 0;
    // " \ / b f n r t
    if (letter !== 0x75) {
      if ('"\\/bfnrt'.includes(String.fromCharCode(letter))) return 2;
      throw this.#malformed("unknown escape in a string");
    }
    const unit = this.#hexAhead(2);
    if (unit === undefined) return 0;
    if (unit < 0xd800 || unit > 0xdfff) return 6;
    if (unit > 0xdbff) throw this.#malformed("lone surrogate in a string");
    for (const [ahead, expected] of [
      [6, BACKSLASH],
      [7, 0x75],
    ] as const) {
      const c = this.#byteAhead(ahead);
      if (c === undefined) return 0;
      if (c !== expected) throw this.#malformed("lone surrogate in a string");
    }
    const low = this.#hexAhead(8);
    if (low === undefined) return 0;
    if (low < 0xdc00 || low > 0xdfff) throw this.#malformed("lone surrogate in a string");
    return 12;
  }

  #hexAhead(ahead: number): number | undefined {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const c = this.#byteAhead(ahead + i);
      if (c === undefined) return undefined;
      const digit = hexDigit(c);
      if (digit === undefined) throw this.#malformed("an escape in a string needs four hexadecimal digits");
      value = value * 16 + digit;
    }
    return value;
  }

  /** Bytes of the UTF-8 character at `#at` (Unicode 16, table 3-7); 0 when its end has not arrived. */
  #characterSize(first: number): number {
    if (first < 0x20) throw this.#malformed("control character in a string");
    const size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (size === 0) throw this.#malformed("invalid UTF-8");
    for (let i = 1; i < size; i++) {
      const c = this.#byteAhead(i);
      if (c === undefined) return 0;
      const low = i > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
      const high = i > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
      if (c < low || c > high) throw this.#malformed("invalid UTF-8");
    }
    return size;
  }

  #byteAhead(ahead: number): number | undefined {
    return this.#at + ahead < this.#length ? this.#bytes[this.#at + ahead] : undefined;
  }

  /** False when the chunk is used up inside the number. */
  #continueNumber(): boolean {
    while (this.#at < this.#length) {
      const next = nextState(this.#numberState, this.#bytes[this.#at] as number);
      if (next === undefined) {
        if (!mayEnd(this.#numberState)) throw this.#malformed("malformed number");
        this.#endValue(this.#token, this.#at);
        return true;
      }
      this.#numberState = next;
      this.#at++;
    }
    return false;
  }

  #checkBytes(more: number): void {
    if (this.#length + more <= this.#limits.maxBytes) return;
    throw new JsonError("body_too_large", `the body is larger than ${this.#limits.maxBytes} bytes`, this.#length);
  }

  #malformed(reason: string, offset: number = this.#at): JsonError {
    return new JsonError("malformed_json", `failed to parse JSON input: ${reason} (byte ${offset})`, offset);
  }

  #complex(reason: string): JsonError {
    return new JsonError(
      "json_too_complex",
      `refused JSON input due to high complexity: ${reason} (byte ${this.#at})`,
      this.#at,
    );
  }
}

function isBlank(c: number): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}

function hexDigit(c: number): number | undefined {
  if (isDigit(c)) return c - ZERO;
  const letter = c | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
}
