/** `role/:role_name`: makes, shows and removes roles; `role/:role_name/role-id` shows and sets a role's id. */
import {
  definePath,
  LogicalError,
  type LogicalResponse,
  listResponse,
  type PathDefinition,
  type RequestContext,
} from "@strongroom/logical";
import { toHex } from "@strongroom/runtime";
import { unlock } from "../common/lockout.ts";
import { DEFAULT_TOKEN_SETTINGS } from "../common/token-settings.ts";
import { deleteRole, findRole, type RoleEntry, readRole, writeRole } from "./role-entry.ts";
import {
  changedRole,
  checkRole,
  noRole,
  ROLE_FIELDS,
  ROLE_NAME,
  type RoleFields,
  roleBody,
  roleName,
} from "./role-fields.ts";
import { randomUuid } from "./uuid.ts";

export const pathRole: PathDefinition = definePath({
  pattern: "role/:role_name",
  fields: ROLE_FIELDS,
  operations: {
    read: {
      summary: "Show a role.",
      handler: (context, _request, fields): LogicalResponse => {
        const role = readRole(context.storage, roleName(fields));
        return role === undefined ? { kind: "not-found" } : { kind: "data", data: roleBody(role) };
      },
    },
    create: { summary: "Make a role.", handler: (context, _request, fields) => write(context, fields) },
    update: {
      summary: "Change a role; what is not given stays.",
      handler: (context, _request, fields) => write(context, fields),
    },
    delete: {
      summary: "Remove a role with its secret ids. Its tokens live on until they end, and are not renewed.",
      handler: (context, _request, fields) => {
        const name = roleName(fields);
        const role = readRole(context.storage, name);
        if (role === undefined) return { kind: "empty" };
        deleteRole(context.storage, name, role);
        unlock(context.storage, name);
        return { kind: "empty" };
      },
    },
  },
  existence: (context, _request, fields) => readRole(context.storage, roleName(fields)) !== undefined,
  synopsis: "Roles.",
  description: "A machine logs in with a role's id and one of its secret ids, and gets a token with these settings.",
});

export const pathRoleList: PathDefinition = definePath({
  pattern: "role",
  fields: {},
  operations: {
    list: {
      summary: "List roles.",
      handler: async (context) => listResponse(await context.storage.list("role/")),
    },
  },
  synopsis: "List roles.",
  description: "By name.",
});

export const pathRoleId: PathDefinition = definePath({
  pattern: "role/:role_name/role-id",
  fields: { role_name: ROLE_NAME, role_id: { type: "string", description: "The role's id." } },
  operations: {
    read: {
      summary: "Show the role's id.",
      handler: (context, _request, fields): LogicalResponse => {
        const role = readRole(context.storage, roleName(fields));
        return role === undefined ? { kind: "not-found" } : { kind: "data", data: { role_id: role.roleId } };
      },
    },
    update: {
      summary: "Set the role's id.",
      handler: (context, _request, fields) => {
        const name = roleName(fields);
        const before = readRole(context.storage, name);
        if (before === undefined) throw noRole(name);
        const role = { ...before, roleId: fields.get("role_id") ?? "" };
        checkRole(role);
        store(context, name, role, before);
        return { kind: "empty" };
      },
    },
  },
  synopsis: "A role's id.",
  description: "It is no secret, and names the role at a login.",
});

function write(context: RequestContext, fields: RoleFields): LogicalResponse {
  const name = roleName(fields);
  const before = readRole(context.storage, name);
  store(context, name, changedRole(before ?? newRole(context), fields), before);
  return { kind: "empty" };
}

function newRole({ entropy }: RequestContext): RoleEntry {
  return {
    number: toHex(entropy.bytes(16)),
    roleId: randomUuid(entropy),
    bindSecretId: true,
    secretIdBoundCidrs: [],
    secretIdNumUses: 0,
    secretIdTtlSeconds: 0,
    token: DEFAULT_TOKEN_SETTINGS,
  };
}

/** Throws `LogicalError` for an id that another role has. */
function store(context: RequestContext, name: string, role: RoleEntry, before: RoleEntry | undefined): void {
  const holder = findRole(context.storage, role.roleId);
  if (holder !== undefined && holder.name !== name) {
    throw new LogicalError("invalid_request", "the role_id is already in use by another role", { fromState: true });
  }
  writeRole(context.storage, name, role, before);
}
