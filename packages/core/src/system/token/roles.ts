/** `auth/token/roles`: what tokens that are made by a role's name may be. */
import {
  definePath,
  type FieldSchemas,
  type Fields,
  type JsonValue,
  LogicalError,
  listResponse,
  Networks,
} from "@strongroom/logical";
import { NEW_ROLE, type TokenRole } from "../../token/token-role.ts";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";
import { durationField } from "./duration-field.ts";

const FIELDS = {
  role_name: { type: "string", description: "The role." },
  allowed_policies: { type: "comma-string-slice", description: "Policies that may be asked for; given if none is." },
  disallowed_policies: { type: "comma-string-slice", description: "Policies that may not be asked for." },
  allowed_policies_glob: { type: "comma-string-slice", description: "As allowed_policies, with * in them." },
  disallowed_policies_glob: { type: "comma-string-slice", description: "As disallowed_policies, with * in them." },
  orphan: { type: "bool", description: "Tokens have no parent." },
  renewable: { type: "bool", description: "Whether tokens can be renewed." },
  path_suffix: { type: "string", description: "Put behind the path of tokens." },
  allowed_entity_aliases: { type: "comma-string-slice", description: "Kept; there are no identities yet." },
  token_period: { type: "json", description: "Each renewal is for so long, and there is no end to them." },
  token_explicit_max_ttl: { type: "json", description: "How long tokens live at most, whatever is renewed." },
  token_bound_cidrs: { type: "comma-string-slice", description: "Networks from which alone tokens may be used." },
  token_no_default_policy: { type: "bool", description: 'Leaves the policy "default" out.' },
  token_num_uses: { type: "int", description: "Requests that tokens are good for; 0: any number." },
  token_type: { type: "string", description: "service, batch, default-service or default-batch." },
  period: { type: "json", description: "Old name of token_period." },
  explicit_max_ttl: { type: "json", description: "Old name of token_explicit_max_ttl." },
  bound_cidrs: { type: "comma-string-slice", description: "Old name of token_bound_cidrs." },
} as const satisfies FieldSchemas;

export function tokenRolePath({ roles }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "roles/:role_name",
    fields: FIELDS,
    existence: (context, _request, fields) =>
      roles.get(SystemContext.of(context).transaction, fields.get("role_name") ?? "") !== undefined,
    operations: {
      read: {
        summary: "A token role.",
        handler: (context, _request, fields) => {
          const name = fields.get("role_name") ?? "";
          const role = roles.get(SystemContext.of(context).transaction, name);
          return role === undefined ? { kind: "not-found" } : { kind: "data", data: roleBody(name, role) };
        },
      },
      create: {
        summary: "Make a token role.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          roles.put(transaction, nameOf(fields), changed(NEW_ROLE, fields));
          return { kind: "empty" };
        },
      },
      update: {
        summary: "Change a token role.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const name = nameOf(fields);
          roles.put(transaction, name, changed(roles.get(transaction, name) ?? NEW_ROLE, fields));
          return { kind: "empty" };
        },
      },
      delete: {
        summary: "Delete a token role; tokens that it made cannot be renewed any more.",
        handler: (context, _request, fields) => {
          roles.delete(SystemContext.of(context).transaction, nameOf(fields));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "A token role.",
    description: "A token that may update auth/token/create/:role_name makes tokens as the role says.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

export function tokenRolesPath({ roles }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "roles",
    fields: {},
    operations: {
      list: {
        summary: "All token roles.",
        handler: async (context) => listResponse(await roles.list(SystemContext.of(context).transaction)),
      },
    },
    synopsis: "All token roles.",
    description: "By name.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

const NAME = /^\w(?:[\w.-]{0,254}\w)?$/;
const SUFFIX = /^[\w.-]*$/;
const TYPES = ["service", "batch", "default-service", "default-batch"] as const;

function nameOf(fields: Fields<typeof FIELDS>): string {
  const name = fields.get("role_name") ?? "";
  if (NAME.test(name)) return name;
  throw new LogicalError("invalid_request", "a role's name is made of letters, digits, _, . and -");
}

/** Of what is given; the rest stays. */
function changed(role: TokenRole, fields: Fields<typeof FIELDS>): TokenRole {
  const pathSuffix = fields.get("path_suffix") ?? role.pathSuffix;
  if (!SUFFIX.test(pathSuffix)) {
    throw new LogicalError("invalid_request", "path_suffix is made of letters, digits, _, . and -");
  }
  const numUses = fields.get("token_num_uses") ?? role.numUses;
  if (numUses < 0) throw new LogicalError("invalid_request", "token_num_uses cannot be negative");
  const boundCidrs = fields.get("token_bound_cidrs") ?? fields.get("bound_cidrs") ?? role.boundCidrs;
  if (Networks.parse(boundCidrs) === undefined) {
    throw new LogicalError("invalid_request", "token_bound_cidrs are addresses, or networks as 10.0.0.0/8");
  }
  const next: TokenRole = {
    allowedPolicies: fields.get("allowed_policies") ?? role.allowedPolicies,
    disallowedPolicies: fields.get("disallowed_policies") ?? role.disallowedPolicies,
    allowedPoliciesGlob: fields.get("allowed_policies_glob") ?? role.allowedPoliciesGlob,
    disallowedPoliciesGlob: fields.get("disallowed_policies_glob") ?? role.disallowedPoliciesGlob,
    orphan: fields.get("orphan") ?? role.orphan,
    renewable: fields.get("renewable") ?? role.renewable,
    pathSuffix,
    allowedEntityAliases: fields.get("allowed_entity_aliases") ?? role.allowedEntityAliases,
    periodSeconds: duration(fields, "token_period", "period") ?? role.periodSeconds,
    explicitMaxTtlSeconds: duration(fields, "token_explicit_max_ttl", "explicit_max_ttl") ?? role.explicitMaxTtlSeconds,
    boundCidrs,
    noDefaultPolicy: fields.get("token_no_default_policy") ?? role.noDefaultPolicy,
    numUses,
    tokenType: typeOf(fields.get("token_type")) ?? role.tokenType,
  };
  checkBatch(next);
  return next;
}

/** A batch token has none of these, so that such a role would make none at all. */
function checkBatch(role: TokenRole): void {
  if (role.tokenType !== "batch") return;
  const kinds = [
    ["non-orphan tokens", !role.orphan],
    ["periodic tokens", role.periodSeconds > 0],
    ["renewable tokens", role.renewable],
    ["tokens with an explicit max TTL", role.explicitMaxTtlSeconds > 0],
  ] as const;
  const wrong = kinds.find(([, is]) => is);
  if (wrong === undefined) return;
  throw new LogicalError("invalid_request", `'token_type' cannot be 'batch' when role is set to generate ${wrong[0]}`);
}

function duration(
  fields: Fields<typeof FIELDS>,
  name: "token_period" | "token_explicit_max_ttl",
  oldName: "period" | "explicit_max_ttl",
): number | undefined {
  if (fields.has(name)) return durationField(name, fields.get(name));
  return fields.has(oldName) ? durationField(oldName, fields.get(oldName)) : undefined;
}

function typeOf(asked: string | undefined): TokenRole["tokenType"] | undefined {
  if (asked === undefined || asked === "" || asked === "default") return undefined;
  const type = TYPES.find((known) => known === asked);
  if (type === undefined)
    throw new LogicalError("invalid_request", `invalid 'token_type' value ${JSON.stringify(asked)}`);
  return type;
}

function roleBody(name: string, role: TokenRole): { readonly [key: string]: JsonValue } {
  return {
    allowed_entity_aliases: role.allowedEntityAliases,
    allowed_policies: role.allowedPolicies,
    allowed_policies_glob: role.allowedPoliciesGlob,
    disallowed_policies: role.disallowedPolicies,
    disallowed_policies_glob: role.disallowedPoliciesGlob,
    explicit_max_ttl: role.explicitMaxTtlSeconds,
    name,
    orphan: role.orphan,
    path_suffix: role.pathSuffix,
    period: role.periodSeconds,
    renewable: role.renewable,
    token_bound_cidrs: role.boundCidrs,
    token_explicit_max_ttl: role.explicitMaxTtlSeconds,
    token_no_default_policy: role.noDefaultPolicy,
    token_num_uses: role.numUses,
    token_period: role.periodSeconds,
    token_type: role.tokenType,
  };
}
