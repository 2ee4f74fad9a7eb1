/**
 * A parsed document as slices of the bytes that came in: nothing is copied or converted until asked for, so a number keeps
 * its digits, an object its order, and `__proto__` is a key like any other. Reading never recurses.
 */
import { assert } from "@strongroom/runtime";
import { decodeString } from "./string.ts";
import {
  KIND_ARRAY,
  KIND_ESCAPED_STRING,
  KIND_FALSE,
  KIND_NULL,
  KIND_NUMBER,
  KIND_OBJECT,
  KIND_STRING,
  KIND_TRUE,
  type Tape,
} from "./tape.ts";

export type JsonKind = "null" | "boolean" | "number" | "string" | "array" | "object";

const KINDS: readonly JsonKind[] = ["null", "boolean", "boolean", "number", "string", "string", "array", "object"];

export interface JsonMember {
  /** Decoded. */
  readonly key: string;
  /** The key's token as it came in, quotes included. */
  readonly keyBytes: Uint8Array;
  readonly value: JsonNode;
}

/** One value of a document. Made by `parseJson`; cheap, and remade at each access. */
export class JsonNode {
  readonly #bytes: Uint8Array;
  readonly #tape: Tape;
  readonly #entry: number;

  constructor(bytes: Uint8Array, tape: Tape, entry: number) {
    this.#bytes = bytes;
    this.#tape = tape;
    this.#entry = entry;
  }

  get kind(): JsonKind {
    return KINDS[this.#tape.kind(this.#entry)] as JsonKind;
  }

  /** In bytes, from the document's start. */
  get start(): number {
    return this.#tape.start(this.#entry);
  }

  get end(): number {
    return this.#tape.end(this.#entry);
  }

  /** The value's own text, a view of the document. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(this.start, this.end);
  }

  isObject(): this is JsonNode & { readonly kind: "object" } {
    return this.#tape.kind(this.#entry) === KIND_OBJECT;
  }

  isNull(): boolean {
    return this.#tape.kind(this.#entry) === KIND_NULL;
  }

  /** An object's members in the order of the text. */
  members(): JsonMember[] {
    assert(this.isObject(), "only an object has members");
    const members: JsonMember[] = [];
    const end = this.#tape.next(this.#entry);
    for (let key = this.#entry + 1; key < end; key = this.#tape.next(key + 1)) {
      members.push({
        key: this.#tape.keyText(key),
        keyBytes: this.#bytes.subarray(this.#tape.start(key), this.#tape.end(key)),
        value: new JsonNode(this.#bytes, this.#tape, key + 1),
      });
    }
    return members;
  }

  /** An object's value under the decoded `key`. */
  get(key: string): JsonNode | undefined {
    assert(this.isObject(), "only an object has members");
    const end = this.#tape.next(this.#entry);
    for (let entry = this.#entry + 1; entry < end; entry = this.#tape.next(entry + 1)) {
      if (this.#tape.keyText(entry) === key) return new JsonNode(this.#bytes, this.#tape, entry + 1);
    }
    return undefined;
  }

  /** An array's elements. */
  elements(): JsonNode[] {
    assert(this.#tape.kind(this.#entry) === KIND_ARRAY, "only an array has elements");
    const elements: JsonNode[] = [];
    const end = this.#tape.next(this.#entry);
    for (let entry = this.#entry + 1; entry < end; entry = this.#tape.next(entry)) {
      elements.push(new JsonNode(this.#bytes, this.#tape, entry));
    }
    return elements;
  }

  /** A string's text; `undefined` for any other kind. */
  asString(): string | undefined {
    const kind = this.#tape.kind(this.#entry);
    if (kind !== KIND_STRING && kind !== KIND_ESCAPED_STRING) return undefined;
    return decodeString(this.#bytes, this.start, this.end, kind === KIND_ESCAPED_STRING);
  }

  asBoolean(): boolean | undefined {
    const kind = this.#tape.kind(this.#entry);
    return kind === KIND_TRUE ? true : kind === KIND_FALSE ? false : undefined;
  }

  /** A number written as a safe integer, without point, exponent or minus zero; `undefined` for all else. */
  asInteger(): number | undefined {
    return parseInteger(this.asNumberText());
  }

  /** A number's own digits. */
  asNumberText(): string | undefined {
    if (this.#tape.kind(this.#entry) !== KIND_NUMBER) return undefined;
    let text = "";
    for (let i = this.start; i < this.end; i++) text += String.fromCharCode(this.#bytes[i] as number);
    return text;
  }
}

export class JsonDocument {
  readonly bytes: Uint8Array;
  readonly root: JsonNode;

  constructor(bytes: Uint8Array, tape: Tape) {
    this.bytes = bytes;
    this.root = new JsonNode(bytes, tape, 0);
  }

  /** The root when it is an object: what nearly every body must be. */
  object(): (JsonNode & { readonly kind: "object" }) | undefined {
    return this.root.isObject() ? this.root : undefined;
  }
}

/** `text` as a safe integer in plain decimal: no sign but minus, no leading zeros, no blanks; else `undefined`. */
export function parseInteger(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 17 || !/^(?:0|-?[1-9][0-9]*)$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
