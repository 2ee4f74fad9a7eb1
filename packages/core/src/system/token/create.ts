/** `auth/token/create`, `create-orphan` and `create/:role_name`: a token makes another. */
import { definePath, type FieldSchemas, type Fields, LogicalError, type RequestContext } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { decideToken, type TokenWish } from "../../token/create-token.ts";
import type { TokenRole } from "../../token/token-role.ts";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";
import { durationField } from "./duration-field.ts";

const FIELDS = {
  id: { type: "string", description: "The token itself; without it one is drawn. Needs sudo.", default: "" },
  role_name: { type: "string", description: "Ignored: the role stands in the path." },
  policies: { type: "comma-string-slice", description: "Policies; without any, those of the parent." },
  meta: { type: "kv-pairs", description: "For people and logs." },
  no_parent: { type: "bool", description: "Does not end with the token that makes it. Needs sudo.", default: false },
  no_default_policy: { type: "bool", description: 'Leaves the policy "default" out.', default: false },
  renewable: { type: "bool", description: "Whether it can be renewed.", default: true },
  ttl: { type: "json", description: "How long it lives, as 90 or 1h." },
  lease: { type: "json", description: "Old name of ttl." },
  type: { type: "string", description: "service or batch.", default: "" },
  explicit_max_ttl: { type: "json", description: "How long it lives at most, whatever is renewed." },
  display_name: { type: "string", description: "For people and logs.", default: "" },
  num_uses: { type: "int", description: "Requests that it is good for; 0: any number.", default: 0 },
  period: { type: "json", description: "Each renewal is for so long, and there is no end to them. Needs sudo." },
  entity_alias: { type: "string", description: "Refused unless empty: there are no identities yet.", default: "" },
} as const satisfies FieldSchemas;

export function tokenCreatePath(services: SystemServices): SystemPath {
  return pathOf(services, "create", false);
}

export function tokenCreateOrphanPath(services: SystemServices): SystemPath {
  return pathOf(services, "create-orphan", true);
}

export function tokenCreateByRolePath(services: SystemServices): SystemPath {
  const { role_name: _ignored, ...fields } = FIELDS;
  const path = definePath({
    pattern: "create/:role_name",
    fields: { ...fields, role_name: { type: "string", description: "The token role." } },
    operations: {
      update: {
        summary: "Make a token by a role.",
        handler: (context, _request, given) => {
          const name = given.get("role_name") ?? "";
          const role = services.roles.get(SystemContext.of(context).transaction, name);
          if (role === undefined) {
            throw new LogicalError("invalid_request", `unknown role ${name}`, { fromState: true });
          }
          return create(services, context, given, { orphan: false, role: { name, role } });
        },
      },
    },
    synopsis: "Make a token by a role.",
    description: "The role says which policies may be asked for, and bounds what else the token may be.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

function pathOf(services: SystemServices, pattern: string, orphan: boolean): SystemPath {
  const path = definePath({
    pattern,
    fields: FIELDS,
    operations: {
      update: {
        summary: orphan ? "Make a token that has no parent." : "Make a token.",
        handler: (context, _request, fields) => create(services, context, fields, { orphan, role: undefined }),
      },
    },
    synopsis: orphan ? "Make a token that has no parent." : "Make a token.",
    description: "It ends with the token that makes it, unless it has no parent, and never has more policies.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

type CreateFields = Omit<typeof FIELDS, "role_name">;

function create(
  { tokens, policies, mounts }: SystemServices,
  context: RequestContext,
  fields: Fields<CreateFields & FieldSchemas>,
  by: { readonly orphan: boolean; readonly role: { readonly name: string; readonly role: TokenRole } | undefined },
): { readonly kind: "empty"; readonly warnings?: readonly string[] } {
  const own = SystemContext.of(context);
  const { transaction, bearer, sudo, nowMs, request } = own;
  // With the times that the mount was tuned to.
  const mount = mounts.table(transaction, "write").token.info;
  const wish = wishOf(fields);
  const decided = decideToken(wish, { ...by, bearer, sudo, mount, nowMs, path: request.path });
  if (wish.id !== "" && tokens.store.lookup(transaction, tokens.store.hash(utf8(wish.id)), "write") !== undefined) {
    throw new LogicalError("invalid_request", "cannot create a token with a duplicate ID", { fromState: true });
  }
  own.answerAuth(tokens.issuer.issue(transaction, decided.token, nowMs));
  const missing = decided.token.policies.filter(
    (name) => name !== "root" && policies.get(transaction, name) === undefined,
  );
  const warnings = [...decided.warnings, ...missing.map((name) => `Policy ${JSON.stringify(name)} does not exist`)];
  return warnings.length === 0 ? { kind: "empty" } : { kind: "empty", warnings };
}

function wishOf(fields: Fields<CreateFields & FieldSchemas>): TokenWish {
  if (fields.get("entity_alias") !== "") {
    throw new LogicalError("invalid_request", "entity_alias is not supported: there are no identities");
  }
  const numUses = fields.get("num_uses");
  if (numUses < 0) throw new LogicalError("invalid_request", "number of uses cannot be negative");
  return {
    id: fields.get("id"),
    policies: fields.get("policies") ?? [],
    meta: fields.get("meta") ?? new Map(),
    noParent: fields.get("no_parent"),
    noDefaultPolicy: fields.get("no_default_policy"),
    renewable: fields.get("renewable"),
    ttlSeconds: durationField("ttl", fields.get("ttl")) || durationField("lease", fields.get("lease")),
    explicitMaxTtlSeconds: durationField("explicit_max_ttl", fields.get("explicit_max_ttl")),
    periodSeconds: durationField("period", fields.get("period")),
    type: fields.get("type"),
    displayName: fields.get("display_name"),
    numUses,
  };
}
