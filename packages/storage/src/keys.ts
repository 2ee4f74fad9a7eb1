/**
 * Keys of the replicated store. The first byte is the kind; what follows is the owner's affair and, for all that carries
 * a name, a keyed hash. The order of keys is LevelDB's: unsigned bytes, shorter first.
 */
import { assert, compareBytes } from "@strongroom/runtime";
import { LIMITS } from "./limits.ts";

/** Kinds below `FIRST_REPLICATED_KIND` are private to a replica: no command may name such a key. */
export const KEY_KIND = {
  replica: 0x00,
  proposer: 0x01,
  sealRecord: 0x10,
  keyring: 0x11,
  epoch: 0x12,
  cluster: 0x13,
  node: 0x14,
  joinToken: 0x15,
  removedNode: 0x16,
  barrier: 0x20,
  token: 0x21,
  accessor: 0x22,
  requestId: 0x30,
  index: 0x40,
  checkpoint: 0x50,
} as const;

export type KeyKind = (typeof KEY_KIND)[keyof typeof KEY_KIND];

export const FIRST_REPLICATED_KIND = 0x10;

/** Rows of which there is one: the key is the kind byte alone. */
export const SEAL_RECORD_KEY: Uint8Array = Uint8Array.of(KEY_KIND.sealRecord);
export const KEYRING_KEY: Uint8Array = Uint8Array.of(KEY_KIND.keyring);
/** Bumped by every change of mounts, policies or the keyring, so that requests need not guard those rows one by one. */
export const EPOCH_KEY: Uint8Array = Uint8Array.of(KEY_KIND.epoch);
export const CLUSTER_KEY: Uint8Array = Uint8Array.of(KEY_KIND.cluster);

/** Why a command may not name `key`; `undefined` if it may. */
export function replicatedKeyProblem(key: Uint8Array): string | undefined {
  if (key.length === 0) return "a key is empty";
  if (key.length > LIMITS.keyBytes) return "a key exceeds the greatest length";
  return (key[0] as number) < FIRST_REPLICATED_KIND ? "a key is private to the replica" : undefined;
}

/** All keys `k` with `gte <= k < lt`. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** Unsigned lexicographic order: negative, zero or positive. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, b);
}

/** The kind byte, then the parts. */
export function makeKey(kind: KeyKind, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 1;
  for (const part of parts) length += part.length;
  const key = new Uint8Array(length);
  key[0] = kind;
  let offset = 1;
  for (const part of parts) {
    key.set(part, offset);
    offset += part.length;
  }
  return key;
}

/** Every key that begins with `prefix`, `prefix` itself included. A prefix of 0xff bytes only has no end and is refused. */
export function prefixRange(prefix: Uint8Array): KeyRange {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === 0xff) end--;
  assert(end > 0, "a range needs a prefix that is not all 0xff");
  const lt = prefix.slice(0, end);
  lt[end - 1] = (lt[end - 1] as number) + 1;
  return { gte: prefix, lt };
}

/** The smallest key above `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

/** A key as a string of one character a byte, for `Map`s; strings compare as the keys do. */
export function mapKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
