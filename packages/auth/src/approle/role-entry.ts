/**
 * A role as stored. Its secret ids hang on its number, which is drawn with the role: a role that is removed and made again
 * under its name has none of the old ones.
 */
import type { LogicalStorage } from "@strongroom/logical";
import { readSharedRow, writeRow } from "../common/rows.ts";
import type { TokenSettings } from "../common/token-settings.ts";

export interface RoleEntry {
  /** 32 hexadecimal digits, drawn with the role. */
  readonly number: string;
  readonly roleId: string;
  readonly bindSecretId: boolean;
  readonly secretIdBoundCidrs: readonly string[];
  /** 0: any number. */
  readonly secretIdNumUses: number;
  /** 0: for ever. */
  readonly secretIdTtlSeconds: number;
  readonly token: TokenSettings;
}

export function readRole(storage: Pick<LogicalStorage, "decoded">, name: string): RoleEntry | undefined {
  return readSharedRow<RoleEntry>(storage, `role/${name}`);
}

/** Keeps the way from the role's id to its name. */
export function writeRole(storage: LogicalStorage, name: string, role: RoleEntry, before: RoleEntry | undefined): void {
  if (before !== undefined && before.roleId !== role.roleId) storage.delete(roleIdPath(before.roleId));
  writeRow(storage, `role/${name}`, role);
  writeRow(storage, roleIdPath(role.roleId), { name });
}

export function deleteRole(storage: LogicalStorage, name: string, role: RoleEntry): void {
  storage.delete(`role/${name}`);
  storage.delete(roleIdPath(role.roleId));
}

/** The role whose id this is. */
export function findRole(
  storage: Pick<LogicalStorage, "decoded">,
  roleId: string,
): { readonly name: string; readonly role: RoleEntry } | undefined {
  const found = readSharedRow<{ readonly name: string }>(storage, roleIdPath(roleId));
  const role = found === undefined ? undefined : readRole(storage, found.name);
  return found === undefined || role === undefined || role.roleId !== roleId ? undefined : { name: found.name, role };
}

/** Ids may hold anything; in paths they are hexadecimal. */
function roleIdPath(roleId: string): string {
  return `role-id/${Buffer.from(roleId).toString("hex")}`;
}
