/**
 * Where what belongs to a token lies, besides its own row: the children that end with it, its place in the list of those that
 * are being deleted, and its cubbyhole. Keys are made of keyed hashes; bytes in docs/formats/tokens.md.
 */
import { MOUNT_ID_BYTES, type Scope } from "@strongroom/barrier";
import { assert } from "@strongroom/runtime";
import { KEY_KIND, type KeyRange, makeKey, prefixRange } from "@strongroom/storage";
import { ROOT_NAMESPACE_ID } from "../system-scope.ts";

export const TOKEN_HASH_BYTES = 32;

/** The second byte of keys of kind `index`. */
const CHILD = Uint8Array.of(0x81);
const CLOSING = Uint8Array.of(0x82);
const TIDY = Uint8Array.of(0x83);

export function childKey(parentHash: Uint8Array, childHash: Uint8Array): Uint8Array {
  return makeKey(KEY_KIND.index, CHILD, parentHash, childHash);
}

export function childrenRange(parentHash: Uint8Array): KeyRange {
  return prefixRange(makeKey(KEY_KIND.index, CHILD, parentHash));
}

/** Of all tokens. */
export const CHILDREN_RANGE: KeyRange = prefixRange(makeKey(KEY_KIND.index, CHILD));

/** Of a key in a range of children. */
export function childHashOf(key: Uint8Array): Uint8Array {
  assert(key.length === 2 + 2 * TOKEN_HASH_BYTES, "a child's key names parent and child");
  return key.slice(2 + TOKEN_HASH_BYTES);
}

export function closingKey(tokenHash: Uint8Array): Uint8Array {
  return makeKey(KEY_KIND.index, CLOSING, tokenHash);
}

export const CLOSING_RANGE: KeyRange = prefixRange(makeKey(KEY_KIND.index, CLOSING));

export function closingHashOf(key: Uint8Array): Uint8Array {
  assert(key.length === 2 + TOKEN_HASH_BYTES, "a closing token's key names the token");
  return key.slice(2);
}

/** There while somebody wants the tokens' indexes to be checked. */
export const TIDY_KEY: Uint8Array = makeKey(KEY_KIND.index, TIDY);

export const ACCESSOR_RANGE: KeyRange = prefixRange(makeKey(KEY_KIND.accessor));

/** The rows of a token's own. A hash that begins as a mount's uuid does has a chance of 2^-122 a pair. */
export function cubbyholeScope(tokenHash: Uint8Array): Scope {
  return { namespaceId: ROOT_NAMESPACE_ID, mountId: tokenHash.slice(0, MOUNT_ID_BYTES) };
}
