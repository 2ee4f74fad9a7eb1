/** A role's settings as they are declared, changed and shown. */
import { type Fields, type JsonValue, LogicalError } from "@strongroom/logical";
import { nameOf } from "../common/names.ts";
import {
  changedSettings,
  type FieldOf,
  networks,
  settingsBody,
  TOKEN_FIELDS,
  type TokenFieldSchemas,
} from "../common/token-settings.ts";
import type { RoleEntry } from "./role-entry.ts";

export const ROLE_NAME = { type: "string", description: "The role's name; upper and lower case are one." } as const;

export type RoleFieldSchemas = TokenFieldSchemas & {
  readonly role_name: FieldOf<"string">;
  readonly role_id: FieldOf<"string">;
  readonly bind_secret_id: FieldOf<"bool">;
  readonly secret_id_bound_cidrs: FieldOf<"comma-string-slice">;
  readonly bound_cidr_list: FieldOf<"comma-string-slice">;
  readonly secret_id_num_uses: FieldOf<"int">;
  readonly secret_id_ttl: FieldOf<"duration">;
  readonly local_secret_ids: FieldOf<"bool">;
};

export const ROLE_FIELDS: RoleFieldSchemas = {
  role_name: ROLE_NAME,
  role_id: { type: "string", description: "The role's id; drawn unless given." },
  bind_secret_id: { type: "bool", description: "A login takes a secret id." },
  secret_id_bound_cidrs: { type: "comma-string-slice", description: "Where secret ids may be used from." },
  bound_cidr_list: { type: "comma-string-slice", description: "Older name of secret_id_bound_cidrs." },
  secret_id_num_uses: { type: "int", description: "How often a secret id may be used; 0 for any number." },
  secret_id_ttl: { type: "duration", description: "How long a secret id lives; 0 for ever." },
  local_secret_ids: { type: "bool", description: "Refused unless false: there is one cluster." },
  ...TOKEN_FIELDS,
};

export type RoleFields = Fields<RoleFieldSchemas>;

export function roleName(fields: { get(name: "role_name"): string | undefined }): string {
  return nameOf(fields.get("role_name"), "role name");
}

/** `before` with what the request gives. Throws `LogicalError`. */
export function changedRole(before: RoleEntry, fields: RoleFields): RoleEntry {
  if (fields.get("local_secret_ids") === true) {
    throw new LogicalError("invalid_field", "local_secret_ids is not supported: there is one cluster");
  }
  const cidrs = fields.get("secret_id_bound_cidrs") ?? fields.get("bound_cidr_list");
  const role: RoleEntry = {
    ...before,
    roleId: fields.get("role_id") ?? before.roleId,
    bindSecretId: fields.get("bind_secret_id") ?? before.bindSecretId,
    secretIdBoundCidrs: networks("secret_id_bound_cidrs", cidrs) ?? before.secretIdBoundCidrs,
    secretIdNumUses: fields.get("secret_id_num_uses") ?? before.secretIdNumUses,
    secretIdTtlSeconds: fields.get("secret_id_ttl") ?? before.secretIdTtlSeconds,
    token: changedSettings(before.token, fields),
  };
  checkRole(role);
  return role;
}

/** 404, as of a path that is none. */
export function noRole(name: string): LogicalError {
  return new LogicalError("unsupported_path", `role ${JSON.stringify(name)} does not exist`, { fromState: true });
}

/** Throws `LogicalError`. */
export function checkRole(role: RoleEntry): void {
  if (role.roleId === "") throw new LogicalError("invalid_request", "missing role_id");
  if (role.roleId.length > 4096) throw new LogicalError("invalid_field", "role_id has at most 4096 characters");
  if (role.secretIdNumUses < 0) throw new LogicalError("invalid_field", "secret_id_num_uses cannot be negative");
  if (!role.bindSecretId && role.secretIdBoundCidrs.length === 0 && role.token.boundCidrs.length === 0) {
    throw new LogicalError("invalid_request", "at least one constraint should be enabled on the role");
  }
}

export function roleBody(role: RoleEntry): { readonly [key: string]: JsonValue } {
  return {
    bind_secret_id: role.bindSecretId,
    local_secret_ids: false,
    secret_id_bound_cidrs: role.secretIdBoundCidrs.length === 0 ? null : role.secretIdBoundCidrs,
    secret_id_num_uses: role.secretIdNumUses,
    secret_id_ttl: role.secretIdTtlSeconds,
    ...settingsBody(role.token),
  };
}
