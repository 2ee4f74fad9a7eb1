/**
 * Which policies a new token gets. Without sudo never more than its parent has; by a role what that allows. `default` comes on
 * its own where the parent has it, with sudo, or by a role; where it is not wanted it does not come at all.
 */
import { LogicalError } from "@strongroom/logical";
import { asciiLowerCase } from "../policy/ascii.ts";
import { ROOT_POLICY } from "../policy/index.ts";
import { cleanPolicies, DEFAULT_POLICY } from "./policy-names.ts";
import type { TokenEntry } from "./token-entry.ts";
import type { TokenRole } from "./token-role.ts";

export interface PolicyWish {
  readonly policies: readonly string[];
  readonly noDefaultPolicy: boolean;
}

/** Throws `LogicalError`. */
export function grantPolicies(
  wish: PolicyWish,
  { parent, role, sudo }: { readonly parent: TokenEntry; readonly role: TokenRole | undefined; readonly sudo: boolean },
): readonly string[] {
  const policies = role !== undefined && restricts(role) ? byRole(wish, role, parent) : byParent(wish, parent, sudo);
  if (policies.includes(ROOT_POLICY) && !parent.policies.includes(ROOT_POLICY)) {
    throw new LogicalError("invalid_request", "root tokens may not be created without parent token being root");
  }
  return wish.noDefaultPolicy ? policies.filter((name) => name !== DEFAULT_POLICY) : policies;
}

function byParent({ policies }: PolicyWish, parent: TokenEntry, sudo: boolean): readonly string[] {
  const asked = cleanPolicies(policies, false);
  if (asked.length === 0) return parent.policies;
  if (sudo) return cleanPolicies(asked, true);
  const held = new Set(parent.policies);
  if (!held.has(ROOT_POLICY) && asked.some((name) => !held.has(name))) {
    throw new LogicalError("invalid_request", "child policies must be subset of parent");
  }
  return cleanPolicies(asked, held.has(DEFAULT_POLICY));
}

function restricts(role: TokenRole): boolean {
  const lists = [role.allowedPolicies, role.disallowedPolicies, role.allowedPoliciesGlob, role.disallowedPoliciesGlob];
  return lists.some((list) => list.length > 0);
}

function byRole(wish: PolicyWish, role: TokenRole, parent: TokenEntry): readonly string[] {
  const forbidden = matcher(role.disallowedPolicies, role.disallowedPoliciesGlob);
  const addDefault = !wish.noDefaultPolicy && !role.noDefaultPolicy && !forbidden(DEFAULT_POLICY);
  const bounded = role.allowedPolicies.length > 0 || role.allowedPoliciesGlob.length > 0;
  const unasked = bounded ? role.allowedPolicies : parent.policies;
  const policies = cleanPolicies(wish.policies.length > 0 ? wish.policies : unasked, addDefault);
  if (bounded) {
    const allowed = matcher(role.allowedPolicies, role.allowedPoliciesGlob);
    const outside = policies.filter((name) => !allowed(name) && !(addDefault && name === DEFAULT_POLICY));
    if (outside.length > 0) {
      throw new LogicalError(
        "invalid_request",
        `token policies (${quoted(policies)}) must be subset of the role's allowed policies (${quoted(role.allowedPolicies)}) ` +
          `or glob policies (${quoted(role.allowedPoliciesGlob)})`,
      );
    }
  }
  const refused = policies.find((name) => forbidden(name));
  if (refused !== undefined) {
    throw new LogicalError("invalid_request", `token policy "${refused}" is disallowed by this role`);
  }
  return policies;
}

function quoted(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(" ")}]`;
}

/** Both as clean as the names that they are held against. */
function matcher(names: readonly string[], globs: readonly string[]): (name: string) => boolean {
  const exact = new Set(names.map((name) => asciiLowerCase(name.trim())));
  const patterns = globs.map((glob) => asciiLowerCase(glob.trim()).split("*"));
  return (name) => exact.has(name) || patterns.some((parts) => matchesGlob(parts, name));
}

/** `parts` stand between the stars. Without backtracking: each part is taken at its first place. */
function matchesGlob(parts: readonly string[], name: string): boolean {
  const [first = "", ...rest] = parts;
  if (rest.length === 0) return name === first;
  const last = rest.pop() ?? "";
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
