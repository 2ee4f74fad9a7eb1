/** The policies that every cluster has without being told, and what may be done with them. */
import { parsePolicy } from "./parse-policy.ts";
import type { Policy } from "./policy.ts";

export const DEFAULT_POLICY = "default";
const RESPONSE_WRAPPING_POLICY = "response-wrapping";

const DEFAULT_TEXT = `# What every token may do unless it was made without this policy: look after itself.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# Ask what it may do, and why not.
path "sys/capabilities-self" {
  capabilities = ["update"]
}

path "sys/policies/explain" {
  capabilities = ["update"]
}

path "sys/internal/ui/resultant-acl" {
  capabilities = ["read"]
}

# Read its own entity.
path "identity/entity/id/{{identity.entity.id}}" {
  capabilities = ["read"]
}

path "identity/entity/name/{{identity.entity.name}}" {
  capabilities = ["read"]
}

# Renew and look up its leases. The first is the path of old clients.
path "sys/renew" {
  capabilities = ["update"]
}

path "sys/leases/renew" {
  capabilities = ["update"]
}

path "sys/leases/lookup" {
  capabilities = ["update"]
}

# Keep secrets of its own, which end with it.
path "cubbyhole/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# Wrap answers and take them out.
path "sys/wrapping/wrap" {
  capabilities = ["update"]
}

path "sys/wrapping/lookup" {
  capabilities = ["update"]
}

path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}

# Hash, and log in to applications by this server.
path "sys/tools/hash" {
  capabilities = ["update"]
}

path "sys/tools/hash/*" {
  capabilities = ["update"]
}

path "identity/oidc/provider/+/authorize" {
  capabilities = ["read", "update"]
}
`;

const RESPONSE_WRAPPING_TEXT = `path "cubbyhole/response" {
  capabilities = ["create", "read"]
}

path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}
`;

/** By name. A stored policy of the name "default" stands in its place; the others cannot be changed. */
export const BUILT_IN_POLICIES: ReadonlyMap<string, Policy> = new Map(
  [
    parsePolicy("root", ""),
    parsePolicy(DEFAULT_POLICY, DEFAULT_TEXT),
    parsePolicy(RESPONSE_WRAPPING_POLICY, RESPONSE_WRAPPING_TEXT),
  ].map((policy) => [policy.name, policy]),
);

/** Neither written nor deleted. */
export function isImmutablePolicy(name: string): boolean {
  return name !== DEFAULT_POLICY && BUILT_IN_POLICIES.has(name);
}
