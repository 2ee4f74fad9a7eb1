/** What a backend grants becomes state, in the command of the request: a login's token, a secret's lease. */
import { type AuthResponse, type DataResponse, LogicalError } from "@strongroom/logical";
import { present } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import type { CoreResult, LeaseInfo } from "../request.ts";
import { issueLogin } from "../token/login.ts";
import type { TokenServices } from "../token/token-services.ts";
import { calculateTtl } from "../ttl.ts";
import { RunAgain, type Visit } from "./exchange.ts";

/** Throws `LogicalError` for a grant that no token may have. */
export function loginResult(tx: Transaction, visit: Visit, response: AuthResponse, tokens: TokenServices): CoreResult {
  const { exchange, nowMs } = visit;
  const { path, remoteAddress } = exchange.request;
  const { mount } = present(visit.target, "a response comes from somewhere");
  const login = issueLogin(tx, tokens.issuer, response.grant, { mount, path, nowMs, remoteAddress });
  const warnings = [...(response.warnings ?? []), ...login.warnings];
  const warned = warnings.length === 0 ? undefined : { warnings };
  return { kind: "data", status: 200, data: null, mountType: mount.type, auth: login.auth, ...warned };
}

/** Throws `LogicalError` where the lease would be over with the answer. */
export function leaseOf(
  tx: Transaction,
  visit: Visit,
  { lease, ttlSeconds }: DataResponse,
  tokens: TokenServices,
): { readonly lease?: LeaseInfo; readonly warnings: readonly string[] } {
  const { exchange, bearer, mode, nowMs } = visit;
  if (lease === undefined) {
    if (ttlSeconds === undefined) return { warnings: [] };
    return { lease: { leaseId: "", renewable: false, ttlSeconds }, warnings: [] };
  }
  const { mount } = present(visit.target, "a response comes from somewhere");
  // A credential is read, and its lease is written.
  if (mode === "read") throw new RunAgain("write");
  const { entry, hash, useLimited } = present(bearer, "a secret is leased to a token");
  if (useLimited && entry.numUses === 0) {
    throw new LogicalError(
      "invalid_request",
      "Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.",
    );
  }
  const granted = calculateTtl({
    incrementSeconds: 0,
    ttlSeconds: lease.ttlSeconds,
    maxTtlSeconds: lease.maxTtlSeconds,
    explicitMaxTtlSeconds: 0,
    periodSeconds: 0,
    mount: mount.config,
    issueTimeMs: nowMs,
    nowMs,
  });
  const issueTimeMs = Math.floor(nowMs);
  // Nobody could end the lease of a batch token with it: it ends when the token does.
  const latestMs = entry.type === "batch" && entry.expireTimeMs !== 0 ? entry.expireTimeMs : Number.POSITIVE_INFINITY;
  const expireTimeMs = Math.min(issueTimeMs + granted.ttlSeconds * 1000, latestMs);
  const leaseId = tokens.leases.register(tx, {
    kind: "secret",
    path: exchange.request.path,
    mountUuid: mount.uuid,
    tokenHash: entry.type === "batch" ? entry.parentHash : hash,
    issueTimeMs,
    expireTimeMs,
    renewable: lease.renewable && entry.type !== "batch",
    internal: lease.internal,
    ttlSeconds: lease.ttlSeconds,
    maxTtlSeconds: lease.maxTtlSeconds,
  });
  const leaseSeconds = Math.floor((expireTimeMs - issueTimeMs) / 1000);
  const renewable = lease.renewable && entry.type !== "batch";
  return { lease: { leaseId, renewable, ttlSeconds: leaseSeconds }, warnings: granted.warnings };
}
