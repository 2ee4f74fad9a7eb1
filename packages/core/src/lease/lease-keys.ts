/**
 * Keys of the lease indexes, `40 ‖ index ‖ …`; docs/formats/leases.md. What has to be done next about a lease stands in the
 * index of what falls due, whose order is time; so whoever looks finds the next work first, and holds none of it in memory.
 */
import { assert, ByteReader, ByteWriter, toHex } from "@strongroom/runtime";
import { KEY_KIND, type KeyRange, makeKey, prefixRange } from "@strongroom/storage";

const INDEX = { due: 1, token: 2, irrevocable: 3, task: 4 } as const;

const U48_BYTES = 6;
const ID_BYTES = 16;
const HASH_BYTES = 32;
const DUE_KEY_BYTES = 2 + U48_BYTES + 2 * ID_BYTES;

/** Which lease, as keys name it: its mount, and the last hash of its hidden name. */
export interface LeaseKeyParts {
  readonly mountId: Uint8Array;
  readonly leaseHash: Uint8Array;
}

/** `dueMs`: when the lease expires, or is to be tried again. */
export function dueKey(dueMs: number, { mountId, leaseHash }: LeaseKeyParts): Uint8Array {
  const time = new ByteWriter(U48_BYTES).u48(Math.max(0, Math.ceil(dueMs))).finish();
  return makeKey(KEY_KIND.index, Uint8Array.of(INDEX.due), time, mountId, leaseHash);
}

/** All that is due at `nowMs`. */
export function dueUntil(nowMs: number): KeyRange {
  const { gte } = dueRange();
  return { gte, lt: dueKey(Math.floor(nowMs) + 1, { mountId: new Uint8Array(0), leaseHash: new Uint8Array(0) }) };
}

/** All that will ever be due. */
export function dueRange(): KeyRange {
  return prefixRange(makeKey(KEY_KIND.index, Uint8Array.of(INDEX.due)));
}

/** The time of a key of that index; undefined for any other key. */
export function dueTimeOf(key: Uint8Array): number | undefined {
  if (key.length !== DUE_KEY_BYTES || key[0] !== KEY_KIND.index || key[1] !== INDEX.due) return undefined;
  return new ByteReader(key, 2).u48();
}

export function tokenKey(tokenHash: Uint8Array, { mountId, leaseHash }: LeaseKeyParts): Uint8Array {
  assert(tokenHash.length === HASH_BYTES, "a token's hash has 32 bytes");
  return makeKey(KEY_KIND.index, Uint8Array.of(INDEX.token), tokenHash, mountId, leaseHash);
}

/** The secret leases of one token. */
export function tokenRange(tokenHash: Uint8Array): KeyRange {
  assert(tokenHash.length === HASH_BYTES, "a token's hash has 32 bytes");
  return prefixRange(makeKey(KEY_KIND.index, Uint8Array.of(INDEX.token), tokenHash));
}

export function irrevocableKey({ mountId, leaseHash }: LeaseKeyParts): Uint8Array {
  return makeKey(KEY_KIND.index, Uint8Array.of(INDEX.irrevocable), mountId, leaseHash);
}

export function irrevocableRange(): KeyRange {
  return prefixRange(makeKey(KEY_KIND.index, Uint8Array.of(INDEX.irrevocable)));
}

/** A row of work that was asked for and is not done: such as revoking all that lies under a prefix. */
export function taskKey(taskId: Uint8Array): Uint8Array {
  return makeKey(KEY_KIND.index, Uint8Array.of(INDEX.task), taskId);
}

export function taskRange(): KeyRange {
  return prefixRange(makeKey(KEY_KIND.index, Uint8Array.of(INDEX.task)));
}

export function isTaskKey(key: Uint8Array): boolean {
  return key[0] === KEY_KIND.index && key[1] === INDEX.task;
}

/** The mount of a key of any index but tasks: the uuid in its text form. */
export function mountUuidOf(key: Uint8Array): string {
  const hex = toHex(key.subarray(key.length - 2 * ID_BYTES, key.length - ID_BYTES));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
