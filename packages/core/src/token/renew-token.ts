/**
 * Renewal: a token's end moves on, within the bounds that it was made with and those of today. A login's method is asked
 * whether it would grant the login still; a role is read again.
 */
import { LogicalError, type MountInfo, type TokenGrant } from "@strongroom/logical";
import type { Transaction } from "@strongroom/storage";
import type { AuthInfo } from "../request.ts";
import { calculateTtl } from "../ttl.ts";
import { cleanPolicies } from "./policy-names.ts";
import type { TokenEntry } from "./token-entry.ts";
import { authInfo } from "./token-issuer.ts";
import type { TokenServices } from "./token-services.ts";

/** What a renewal hangs on besides the token. */
export interface Renewal {
  /** Asked for by the client; 0: as at first. */
  readonly incrementSeconds: number;
  readonly nowMs: number;
  /** The mount that vouches for the token, with today's times. */
  readonly mount: MountInfo;
  /** What the auth method grants today; undefined for a token that no login made, or whose method does not say. */
  readonly grant: TokenGrant | undefined;
  /** Of the token's role today. */
  readonly periodSeconds: number;
  /** What is answered as the token itself. */
  readonly clientToken: Uint8Array;
}

/** `entry` is what `hash` has in `tx`, guarded. Throws `LogicalError` where it cannot be renewed. */
export function renewToken(
  tx: Transaction,
  { store, leases }: TokenServices,
  { hash, entry }: { readonly hash: Uint8Array; readonly entry: TokenEntry },
  renewal: Renewal,
): { readonly auth: AuthInfo; readonly warnings: readonly string[] } {
  const { incrementSeconds, nowMs, mount, grant } = renewal;
  if (!entry.renewable || entry.expireTimeMs === 0) {
    throw new LogicalError("invalid_request", "lease is not renewable", { fromState: true });
  }
  if (grant !== undefined && !samePolicies(entry, grant)) {
    throw new LogicalError("invalid_request", "policies have changed, not renewing", { fromState: true });
  }
  const { ttlSeconds, warnings } = calculateTtl({
    incrementSeconds,
    ttlSeconds: grant?.ttlSeconds ?? entry.ttlSeconds,
    maxTtlSeconds: grant?.maxTtlSeconds ?? 0,
    explicitMaxTtlSeconds: entry.explicitMaxTtlSeconds,
    periodSeconds: grant?.periodSeconds ?? (renewal.periodSeconds || entry.periodSeconds),
    mount: mount.config,
    issueTimeMs: entry.creationTimeMs,
    nowMs,
  });
  const issueTimeMs = Math.floor(nowMs);
  const expireTimeMs = issueTimeMs + ttlSeconds * 1000;
  const internal = grant === undefined ? undefined : { internal: grant.internal };
  if (entry.leaseHandle !== "") leases.renew(tx, entry.leaseHandle, { expireTimeMs, ...internal });
  const renewed = { ...entry, issueTimeMs, expireTimeMs };
  store.put(tx, hash, renewed);
  return { auth: { ...authInfo(renewed, renewal.clientToken), leaseDurationSeconds: ttlSeconds }, warnings };
}

function samePolicies(entry: TokenEntry, grant: TokenGrant): boolean {
  const today = cleanPolicies(grant.policies, !grant.noDefaultPolicy);
  return today.length === entry.policies.length && today.every((name, i) => name === entry.policies[i]);
}
