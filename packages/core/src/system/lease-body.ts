/** What the lease endpoints have in common: where the id is, how a lease looks, and the wait for its revocation. */
import { formatTimestamp, LogicalError } from "@strongroom/logical";
import type { Transaction } from "@strongroom/storage";
import type { Revocation } from "../lease/await-revocation.ts";
import type { LeaseEntry } from "../lease/lease-entry.ts";
import type { FoundLease } from "../lease/lease-manager.ts";
import type { LeaseRef } from "../lease/lease-rows.ts";
import type { Leases } from "../lease/leases.ts";
import type { JsonMembers } from "../request.ts";
import { secondsLeft } from "../ttl.ts";

const MAX_ID_LENGTH = 8192;

/** From the path or the body. Throws `LogicalError`. */
export function leaseIdOf(inPath: string | undefined, inBody: string | undefined): string {
  const leaseId = (inPath || inBody || "").trim();
  if (leaseId === "") throw new LogicalError("invalid_request", "lease_id must be specified");
  if (leaseId.length > MAX_ID_LENGTH) throw new LogicalError("invalid_request", "invalid lease");
  return leaseId;
}

export function leaseBody({ entry, leaseId }: FoundLease, nowMs: number): JsonMembers {
  const live = entry.state === "live";
  return {
    expire_time: formatTimestamp(entry.expireTimeMs),
    id: leaseId,
    issue_time: formatTimestamp(entry.issueTimeMs),
    last_renewal: entry.lastRenewalMs === 0 ? null : formatTimestamp(entry.lastRenewalMs),
    renewable: live && entry.renewable,
    ...(live ? {} : { revoke_error: entry.error, state: entry.state }),
    ttl: live ? secondsLeft(entry.expireTimeMs, nowMs) : 0,
  };
}

/** How the revocation of one lease stands. */
export function revocationOf(tx: Transaction, { rows }: Leases, ref: LeaseRef): Revocation {
  const entry = rows.get(tx, ref);
  return entry === undefined ? { state: "done" } : revocationState(entry);
}

/** Of a lease that is still there. */
export function revocationState(entry: LeaseEntry): Revocation {
  return entry.error === "" || entry.force ? { state: "pending" } : { state: "failed", error: entry.error };
}
