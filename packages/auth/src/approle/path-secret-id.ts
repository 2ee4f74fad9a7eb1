/** `role/:role_name/secret-id` and `custom-secret-id`: makes secret ids, and lists their accessors. */
import {
  definePath,
  type FieldSchemas,
  type Fields,
  LogicalError,
  type LogicalResponse,
  listResponse,
  Networks,
  type PathDefinition,
  parseJson,
  type RequestContext,
  STORED_JSON_LIMITS,
} from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { networks } from "../common/token-settings.ts";
import { type RoleEntry, readRole } from "./role-entry.ts";
import { noRole, ROLE_NAME, roleName } from "./role-fields.ts";
import { hashSecretId, listAccessors, readSecretId, type SecretIdEntry, writeSecretId } from "./secret-id-entry.ts";
import { randomUuid } from "./uuid.ts";

const FIELDS = {
  role_name: ROLE_NAME,
  metadata: { type: "string", description: "A JSON object of strings, to be the metadata of the tokens." },
  cidr_list: { type: "comma-string-slice", description: "Where it may be used from; within the role's." },
  token_bound_cidrs: {
    type: "comma-string-slice",
    description: "Where its tokens may be used from; within the role's.",
  },
  num_uses: { type: "int", description: "How often it may be used; not more often than the role says." },
  ttl: { type: "duration", description: "How long it lives; not longer than the role says." },
} as const satisfies FieldSchemas;

const CUSTOM_FIELDS = {
  ...FIELDS,
  secret_id: { type: "string", description: "The secret id." },
} as const satisfies FieldSchemas;

const MAX_METADATA = 64;
const MAX_SECRET_ID = 4096;

export const pathSecretId: PathDefinition = definePath({
  pattern: "role/:role_name/secret-id",
  fields: FIELDS,
  operations: {
    update: {
      summary: "Make a secret id.",
      handler: (context, _request, fields) => create(context, fields, randomUuid(context.entropy)),
    },
    list: {
      summary: "List the accessors of the role's secret ids.",
      handler: async (context, _request, fields) => {
        const role = readRole(context.storage, roleName(fields));
        return role === undefined ? { kind: "not-found" } : listResponse(await listAccessors(context.storage, role));
      },
    },
  },
  synopsis: "Secret ids.",
  description: "A secret id is shown once and stored as an HMAC.",
});

export const pathCustomSecretId: PathDefinition = definePath({
  pattern: "role/:role_name/custom-secret-id",
  fields: CUSTOM_FIELDS,
  operations: {
    update: {
      summary: "Make a secret id of your own.",
      handler: (context, _request, fields) => {
        const secretId = fields.get("secret_id") ?? "";
        if (secretId === "" || secretId.length > MAX_SECRET_ID) {
          throw new LogicalError("invalid_request", "missing secret_id");
        }
        return create(context, fields, secretId);
      },
    },
  },
  synopsis: "Secret ids that are brought along.",
  description: "It is as good as whoever made it drew it.",
});

function create(context: RequestContext, fields: Fields<typeof FIELDS>, secretId: string): LogicalResponse {
  const { storage, nowMs, entropy } = context;
  const name = roleName(fields);
  const role = readRole(storage, name);
  if (role === undefined) throw noRole(name);
  if (!role.bindSecretId)
    throw new LogicalError("invalid_request", "bind_secret_id is not set on the role", { fromState: true });
  const hash = hashSecretId(storage, role, secretId);
  if (readSecretId(storage, role, hash) !== undefined) {
    throw new LogicalError("invalid_request", "SecretID is already registered", { fromState: true });
  }
  const ttlSeconds = within(fields.get("ttl"), role.secretIdTtlSeconds, "ttl");
  const numUses = within(fields.get("num_uses"), role.secretIdNumUses, "num_uses");
  const creationMs = Math.floor(nowMs);
  const entry: SecretIdEntry = {
    accessor: randomUuid(entropy),
    creationMs,
    lastUpdatedMs: creationMs,
    expirationMs: ttlSeconds === 0 ? 0 : creationMs + ttlSeconds * 1000,
    ttlSeconds,
    numUses,
    metadata: metadataOf(fields.get("metadata")),
    cidrList: blocksWithin(fields.get("cidr_list"), role.secretIdBoundCidrs, "cidr_list"),
    tokenBoundCidrs: blocksWithin(fields.get("token_bound_cidrs"), role.token.boundCidrs, "token_bound_cidrs"),
  };
  writeSecretId(storage, role, hash, entry);
  return {
    kind: "data",
    data: {
      secret_id: secretId,
      secret_id_accessor: entry.accessor,
      secret_id_num_uses: numUses,
      secret_id_ttl: ttlSeconds,
    },
    wrappedAccessor: entry.accessor,
  };
}

/** What is asked for, within what the role allows, where 0 is any. Throws `LogicalError`. */
function within(asked: number | undefined, limit: RoleEntry["secretIdNumUses"], name: string): number {
  if (asked === undefined) return limit;
  if (asked < 0) throw new LogicalError("invalid_field", `${name} cannot be negative`);
  if (limit !== 0 && (asked === 0 || asked > limit)) {
    throw new LogicalError("invalid_field", `${name} cannot be greater than the role's`);
  }
  return asked;
}

/** Throws `LogicalError` for a block that reaches beyond the role's. */
function blocksWithin(asked: readonly string[] | undefined, limit: readonly string[], name: string): readonly string[] {
  const given = networks(name, asked) ?? [];
  const bound = Networks.parse(limit);
  const beyond = given.find((block) => limit.length > 0 && bound?.covers(block) !== true);
  if (beyond !== undefined) throw new LogicalError("invalid_field", `${name} reaches beyond the role's own blocks`);
  return given;
}

/** Throws `LogicalError`. */
function metadataOf(text: string | undefined): { readonly [key: string]: string } {
  if (text === undefined || text === "") return {};
  const members = parseJson(utf8(text), STORED_JSON_LIMITS).object()?.members() ?? [];
  const metadata: [string, string][] = [];
  for (const { key, value } of members) {
    const string = value.asString();
    if (string === undefined) throw new LogicalError("invalid_field", "metadata must be a JSON object of strings");
    metadata.push([key, string]);
  }
  if (metadata.length > MAX_METADATA)
    throw new LogicalError("invalid_field", `metadata has at most ${MAX_METADATA} members`);
  return Object.fromEntries(metadata);
}
