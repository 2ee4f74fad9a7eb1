/**
 * A secret id as stored: under an HMAC with the mount's own key over the role's number and the id, which is itself stored
 * nowhere. Its accessor names it to those who administer it.
 */
import { createHmac } from "node:crypto";
import type { LogicalStorage, RequestContext } from "@strongroom/logical";
import { assert, fromHex, toHex } from "@strongroom/runtime";
import { readRow, writeRow } from "../common/rows.ts";
import type { RoleEntry } from "./role-entry.ts";

export interface SecretIdEntry {
  readonly accessor: string;
  readonly creationMs: number;
  readonly lastUpdatedMs: number;
  /** By the log's time; 0: never. */
  readonly expirationMs: number;
  readonly ttlSeconds: number;
  /** Left; 0: any number. */
  readonly numUses: number;
  readonly metadata: { readonly [key: string]: string };
  readonly cidrList: readonly string[];
  readonly tokenBoundCidrs: readonly string[];
}

const KEY_PATH = "hmac-key";
const KEY_BYTES = 32;

/** When the mount is made. */
export function createHmacKey({ storage, entropy }: RequestContext): void {
  writeRow(storage, KEY_PATH, { key: toHex(entropy.bytes(KEY_BYTES)) });
}

/** Names a secret id of a role: 64 hexadecimal digits. */
export function hashSecretId(storage: Pick<LogicalStorage, "get">, role: RoleEntry, secretId: string): string {
  const row = readRow<{ readonly key: string }>(storage, KEY_PATH);
  assert(row !== undefined, "the mount was made with a key");
  return createHmac("sha256", fromHex(row.key)).update(role.number).update("\0").update(secretId).digest("hex");
}

export function readSecretId(
  storage: Pick<LogicalStorage, "get">,
  role: RoleEntry,
  hash: string,
): SecretIdEntry | undefined {
  return readRow<SecretIdEntry>(storage, secretIdPath(role, hash));
}

export function writeSecretId(storage: LogicalStorage, role: RoleEntry, hash: string, entry: SecretIdEntry): void {
  writeRow(storage, secretIdPath(role, hash), entry);
  writeRow(storage, accessorPath(role, entry.accessor), { hash });
}

/** After a use. */
export function rewriteSecretId(storage: LogicalStorage, role: RoleEntry, hash: string, entry: SecretIdEntry): void {
  writeRow(storage, secretIdPath(role, hash), entry);
}

export function deleteSecretId(storage: LogicalStorage, role: RoleEntry, hash: string, entry: SecretIdEntry): void {
  storage.delete(secretIdPath(role, hash));
  storage.delete(accessorPath(role, entry.accessor));
}

/** Of one role: an accessor of another finds nothing. */
export function hashByAccessor(
  storage: Pick<LogicalStorage, "get">,
  role: RoleEntry,
  accessor: string,
): string | undefined {
  if (!ACCESSOR.test(accessor)) return undefined;
  return readRow<{ readonly hash: string }>(storage, accessorPath(role, accessor))?.hash;
}

export function listAccessors(storage: Pick<LogicalStorage, "list">, role: RoleEntry): Promise<string[]> {
  return storage.list(`accessor/${role.number}/`);
}

export function isExpired({ expirationMs }: SecretIdEntry, nowMs: number): boolean {
  return expirationMs !== 0 && nowMs >= expirationMs;
}

const ACCESSOR = /^[0-9a-f-]{36}$/;

function secretIdPath(role: RoleEntry, hash: string): string {
  return `secret-id/${role.number}/${hash}`;
}

function accessorPath(role: RoleEntry, accessor: string): string {
  return `accessor/${role.number}/${accessor}`;
}
