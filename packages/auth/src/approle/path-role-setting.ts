/** `role/:role_name/policies`, `…/secret-id-ttl` and so on: one setting of a role, to be allowed by itself. */
import {
  definePath,
  LogicalError,
  type LogicalResponse,
  type PathDefinition,
  type RequestContext,
} from "@strongroom/logical";
import { DEFAULT_TOKEN_SETTINGS } from "../common/token-settings.ts";
import { type RoleEntry, readRole, writeRole } from "./role-entry.ts";
import {
  changedRole,
  checkRole,
  ROLE_FIELDS,
  ROLE_NAME,
  type RoleFieldSchemas,
  roleBody,
  roleName,
} from "./role-fields.ts";

type SettingField = Exclude<keyof typeof ROLE_FIELDS, "role_name">;

interface Setting {
  /** Below the role. */
  readonly name: string;
  /** As the role itself calls it. */
  readonly field: SettingField;
  /** What the role takes for it too. */
  readonly oldField?: SettingField;
  /** The role with the setting as a new role has it. */
  readonly reset: (role: RoleEntry) => RoleEntry;
}

const token =
  (settings: Partial<RoleEntry["token"]>) =>
  (role: RoleEntry): RoleEntry => ({ ...role, token: { ...role.token, ...settings } });

const SETTINGS: readonly Setting[] = [
  {
    name: "policies",
    field: "token_policies",
    oldField: "policies",
    reset: token({ policies: DEFAULT_TOKEN_SETTINGS.policies }),
  },
  { name: "bind-secret-id", field: "bind_secret_id", reset: (role) => ({ ...role, bindSecretId: true }) },
  { name: "secret-id-num-uses", field: "secret_id_num_uses", reset: (role) => ({ ...role, secretIdNumUses: 0 }) },
  { name: "secret-id-ttl", field: "secret_id_ttl", reset: (role) => ({ ...role, secretIdTtlSeconds: 0 }) },
  {
    name: "secret-id-bound-cidrs",
    field: "secret_id_bound_cidrs",
    reset: (role) => ({ ...role, secretIdBoundCidrs: [] }),
  },
  { name: "bound-cidr-list", field: "bound_cidr_list", reset: (role) => ({ ...role, secretIdBoundCidrs: [] }) },
  { name: "period", field: "token_period", oldField: "period", reset: token({ periodSeconds: 0 }) },
  { name: "token-num-uses", field: "token_num_uses", reset: token({ numUses: 0 }) },
  { name: "token-ttl", field: "token_ttl", reset: token({ ttlSeconds: 0 }) },
  { name: "token-max-ttl", field: "token_max_ttl", reset: token({ maxTtlSeconds: 0 }) },
  { name: "token-bound-cidrs", field: "token_bound_cidrs", reset: token({ boundCidrs: [] }) },
];

/** What a role shows under its new name alone. */
const OLD_NAMES: ReadonlyMap<string, string> = new Map([["bound_cidr_list", "secret_id_bound_cidrs"]]);

export const rolesSettings: readonly PathDefinition[] = SETTINGS.map(settingPath);

/** It takes its own field and no other: who may set one may not set all. What is not declared is never given. */
function settingPath({ name, field, oldField, reset }: Setting): PathDefinition {
  const own = oldField === undefined ? [field] : [field, oldField];
  const declared = Object.fromEntries([...own, "role_name" as const].map((each) => [each, ROLE_FIELDS[each]]));
  const change = (context: RequestContext, given: string, to: (role: RoleEntry) => RoleEntry): LogicalResponse => {
    const before = readRole(context.storage, given);
    if (before === undefined) return { kind: "not-found" };
    const role = to(before);
    checkRole(role);
    writeRole(context.storage, given, role, before);
    return { kind: "empty" };
  };
  return definePath({
    pattern: `role/:role_name/${name}`,
    fields: declared as RoleFieldSchemas,
    operations: {
      read: {
        summary: "Show it.",
        handler: (context, _request, fields) => {
          const role = readRole(context.storage, roleName(fields));
          if (role === undefined) return { kind: "not-found" };
          return { kind: "data", data: { [field]: roleBody(role)[OLD_NAMES.get(field) ?? field] ?? null } };
        },
      },
      update: {
        summary: "Set it.",
        handler: (context, _request, fields) => {
          if (!own.some((each) => fields.has(each))) throw new LogicalError("invalid_request", `missing ${field}`);
          return change(context, roleName(fields), (role) => changedRole(role, fields));
        },
      },
      delete: {
        summary: "Set it to what a new role has.",
        handler: (context, _request, fields) => change(context, roleName(fields), reset),
      },
    },
    synopsis: `The setting ${field} of a role.`,
    description: ROLE_FIELDS[field].description,
  });
}

export const pathLocalSecretIds: PathDefinition = definePath({
  pattern: "role/:role_name/local-secret-ids",
  fields: { role_name: ROLE_NAME },
  operations: {
    read: {
      summary: "Whether secret ids are kept in one cluster of several; always false.",
      handler: (context, _request, fields) => {
        if (readRole(context.storage, roleName(fields)) === undefined) return { kind: "not-found" };
        return { kind: "data", data: { local_secret_ids: false } };
      },
    },
  },
  synopsis: "For clients that ask.",
  description: "There is one cluster.",
});
