/** A secret's custom metadata: a small map of strings, kept in the client's own bytes. */
import { type JsonNode, LogicalError, mergePatch, parseJson, STORED_JSON_LIMITS } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";

const MAX_KEYS = 64;
const MAX_KEY_BYTES = 128;
const MAX_VALUE_BYTES = 512;

/** Go's unicode.IsPrint. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;

/** What to keep of a whole new map: a copy of its bytes, nothing of an empty one. Throws `LogicalError`. */
export function replaceCustomMetadata(given: JsonNode): Uint8Array {
  if (!given.isObject()) throw invalid("it must be an object whose values are strings");
  const members = given.members();
  if (members.length > MAX_KEYS) {
    throw invalid(`payload must contain at most ${MAX_KEYS} keys, provided ${members.length}`);
  }
  for (const { key, value } of members) {
    const text = value.asString();
    const name = JSON.stringify(key.length > MAX_KEY_BYTES ? `${key.slice(0, MAX_KEY_BYTES)}…` : key);
    if (text === undefined) throw invalid(`value for key ${name} must be a string`);
    checkLength(`key ${name}`, utf8(key).length, "key", MAX_KEY_BYTES);
    checkLength(`value for key ${name}`, utf8(text).length, "value", MAX_VALUE_BYTES);
    if (!PRINTABLE.test(key)) throw invalid(`key ${name} contains unprintable characters`);
    if (!PRINTABLE.test(text)) throw invalid(`value for key ${name} contains unprintable characters`);
  }
  return members.length === 0 ? new Uint8Array(0) : given.bytes().slice();
}

/** The same after a merge patch, whose nulls remove keys. */
export function patchCustomMetadata(kept: Uint8Array, patch: JsonNode): Uint8Array {
  if (!patch.isObject()) throw invalid("it must be an object whose values are strings");
  const target = kept.length === 0 ? undefined : parseJson(kept, STORED_JSON_LIMITS).root;
  return replaceCustomMetadata(parseJson(mergePatch(target, patch), STORED_JSON_LIMITS).root);
}

function checkLength(what: string, length: number, word: string, limit: number): void {
  if (length > 0 && length <= limit) return;
  throw invalid(`length of ${what} is ${length} but must be 0 < len(${word}) <= ${limit}`);
}

function invalid(reason: string): LogicalError {
  return new LogicalError("invalid_request", `custom_metadata validation failed: ${reason}`);
}
