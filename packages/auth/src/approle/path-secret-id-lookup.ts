/** `role/:role_name/secret-id/lookup|destroy` and the same by accessor: what is known of a secret id, and its end. */
import {
  definePath,
  type FieldSchemas,
  formatTimestamp,
  type JsonValue,
  LogicalError,
  type LogicalResponse,
  type PathDefinition,
  type RequestContext,
} from "@strongroom/logical";
import { type RoleEntry, readRole } from "./role-entry.ts";
import { noRole, ROLE_NAME, roleName } from "./role-fields.ts";
import {
  deleteSecretId,
  hashByAccessor,
  hashSecretId,
  isExpired,
  readSecretId,
  type SecretIdEntry,
} from "./secret-id-entry.ts";

const BY_ID = {
  role_name: ROLE_NAME,
  secret_id: { type: "string", description: "The secret id.", default: "" },
} as const satisfies FieldSchemas;

const BY_ACCESSOR = {
  role_name: ROLE_NAME,
  secret_id_accessor: { type: "string", description: "Its accessor.", default: "" },
} as const satisfies FieldSchemas;

interface Found {
  readonly role: RoleEntry;
  readonly hash: string;
  readonly entry: SecretIdEntry;
}

export const secretIdPaths: readonly PathDefinition[] = [
  definePath({
    pattern: "role/:role_name/secret-id/lookup",
    fields: BY_ID,
    operations: {
      update: {
        summary: "Look a secret id up.",
        handler: (context, _request, fields) => {
          const found = byId(context, roleName(fields), fields.get("secret_id"));
          return found === undefined ? { kind: "empty" } : { kind: "data", data: secretIdBody(found.entry) };
        },
      },
    },
    synopsis: "What is known of a secret id.",
    description: "The id goes in the body, never in the path.",
  }),
  definePath({
    pattern: "role/:role_name/secret-id/destroy",
    fields: BY_ID,
    operations: {
      update: {
        summary: "End a secret id.",
        handler: (context, _request, fields) => end(context, byId(context, roleName(fields), fields.get("secret_id"))),
      },
      delete: {
        summary: "End a secret id.",
        handler: (context, _request, fields) => end(context, byId(context, roleName(fields), fields.get("secret_id"))),
      },
    },
    synopsis: "The end of a secret id.",
    description: "Tokens that were got with it live on.",
  }),
  definePath({
    pattern: "role/:role_name/secret-id-accessor/lookup",
    fields: BY_ACCESSOR,
    operations: {
      update: {
        summary: "Look a secret id up by its accessor.",
        handler: (context, _request, fields) => {
          const found = byAccessor(context, roleName(fields), fields.get("secret_id_accessor"));
          return found === undefined ? { kind: "not-found" } : { kind: "data", data: secretIdBody(found.entry) };
        },
      },
    },
    synopsis: "What is known of a secret id.",
    description: "By its accessor, which does not give it away.",
  }),
  definePath({
    pattern: "role/:role_name/secret-id-accessor/destroy",
    fields: BY_ACCESSOR,
    operations: {
      update: { summary: "End a secret id.", handler: (c, _request, fields) => endByAccessor(c, fields) },
      delete: { summary: "End a secret id.", handler: (c, _request, fields) => endByAccessor(c, fields) },
    },
    synopsis: "The end of a secret id.",
    description: "By its accessor.",
  }),
];

function endByAccessor(
  context: RequestContext,
  fields: { get(name: "role_name" | "secret_id_accessor"): string | undefined },
): LogicalResponse {
  const found = byAccessor(context, roleName(fields), fields.get("secret_id_accessor") ?? "");
  if (found === undefined) {
    throw new LogicalError("invalid_request", "invalid secret id accessor", { fromState: true });
  }
  return end(context, found);
}

function end({ storage }: RequestContext, found: Found | undefined): LogicalResponse {
  if (found !== undefined) deleteSecretId(storage, found.role, found.hash, found.entry);
  return { kind: "empty" };
}

function byId(context: RequestContext, name: string, secretId: string): Found | undefined {
  if (secretId === "") throw new LogicalError("invalid_request", "missing secret_id");
  const role = requireRole(context, name);
  return live(context, role, hashSecretId(context.storage, role, secretId));
}

function byAccessor(context: RequestContext, name: string, accessor: string): Found | undefined {
  if (accessor === "") throw new LogicalError("invalid_request", "missing secret_id_accessor");
  const role = requireRole(context, name);
  const hash = hashByAccessor(context.storage, role, accessor);
  return hash === undefined ? undefined : live(context, role, hash);
}

function live({ storage, nowMs }: RequestContext, role: RoleEntry, hash: string): Found | undefined {
  const entry = readSecretId(storage, role, hash);
  return entry === undefined || isExpired(entry, nowMs) ? undefined : { role, hash, entry };
}

function requireRole({ storage }: RequestContext, name: string): RoleEntry {
  const role = readRole(storage, name);
  if (role === undefined) throw noRole(name);
  return role;
}

function secretIdBody(entry: SecretIdEntry): { readonly [key: string]: JsonValue } {
  return {
    cidr_list: entry.cidrList,
    creation_time: formatTimestamp(entry.creationMs),
    expiration_time: entry.expirationMs === 0 ? "0001-01-01T00:00:00Z" : formatTimestamp(entry.expirationMs),
    last_updated_time: formatTimestamp(entry.lastUpdatedMs),
    metadata: entry.metadata,
    secret_id_accessor: entry.accessor,
    secret_id_num_uses: entry.numUses,
    secret_id_ttl: entry.ttlSeconds,
    token_bound_cidrs: entry.tokenBoundCidrs,
  };
}
