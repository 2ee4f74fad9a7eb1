/** From what the request path knows to what a record holds. */
import type { AuditAuth, AuditMount, AuditResponse, AuditWrap } from "@strongroom/audit";
import { isAuthMount, type MountEntry } from "../mount-entry.ts";
import type { AuthInfo, CoreResult, WrapInfo } from "../request.ts";
import type { TokenEntry } from "../token/token-entry.ts";

const mounts = new WeakMap<MountEntry, AuditMount>();

/** One object an entry, so that its text is made once. */
export function auditMount(entry: MountEntry, version: string): AuditMount {
  let mount = mounts.get(entry);
  if (mount === undefined) {
    mount = {
      point: entry.path,
      type: entry.type,
      accessor: entry.accessor,
      runningVersion: `v${version}+builtin`,
      class: isAuthMount(entry) ? "auth" : "secret",
      clearRequestKeys: new Set(entry.auditNonHmacRequestKeys),
      clearResponseKeys: new Set(entry.auditNonHmacResponseKeys),
    };
    mounts.set(entry, mount);
  }
  return mount;
}

/** A token that a request came with. */
export function auditAuth(entry: TokenEntry, token: Uint8Array | undefined): AuditAuth {
  return {
    ...(token === undefined ? undefined : { clientToken: token }),
    accessor: entry.accessor,
    displayName: entry.displayName,
    policies: entry.policies,
    tokenPolicies: entry.policies,
    noDefaultPolicy: entry.noDefaultPolicy,
    metadata: new Map(Object.entries(entry.meta)),
    numUses: entry.numUses,
    remainingUses: Math.max(0, entry.numUses - 1),
    entityId: entry.entityId,
    tokenType: entry.type,
    tokenTtlSeconds: entry.ttlSeconds,
    tokenIssueTimeMs: entry.issueTimeMs === 0 ? entry.creationTimeMs : entry.issueTimeMs,
  };
}

/** `result` as it was before it was wrapped. */
export function auditResponse(result: CoreResult, wrap: WrapInfo | undefined): AuditResponse | undefined {
  const wrapped = wrap === undefined ? undefined : { wrap: auditWrap(wrap) };
  switch (result.kind) {
    case "data": {
      const { data, auth, lease, warnings, headers } = result;
      return {
        ...(data === null ? undefined : { data }),
        ...(auth === undefined ? undefined : { auth: newAuth(auth) }),
        ...(lease === undefined ? undefined : { leaseId: lease.leaseId }),
        ...(warnings === undefined ? undefined : { warnings }),
        ...(headers === undefined ? undefined : { headers }),
        ...wrapped,
      };
    }
    case "plain":
      return { data: result.body, ...wrapped };
    case "raw":
      return { raw: result, ...wrapped };
    case "stream":
      // What it is made of passes by without being kept.
      return { data: { http_content_type: result.contentType, http_status_code: 200 } };
    case "empty":
    case "not-found":
      return wrapped;
  }
}

function newAuth(auth: AuthInfo): AuditAuth {
  return {
    clientToken: auth.clientToken,
    accessor: auth.accessor,
    ...(auth.displayName === undefined ? undefined : { displayName: auth.displayName }),
    policies: auth.policies,
    tokenPolicies: auth.tokenPolicies,
    identityPolicies: auth.identityPolicies,
    metadata: new Map(Object.entries(auth.metadata ?? {})),
    numUses: auth.numUses,
    entityId: auth.entityId,
    tokenType: auth.tokenType,
    tokenTtlSeconds: auth.leaseDurationSeconds,
  };
}

function auditWrap(wrap: WrapInfo): AuditWrap {
  const { wrappedAccessor, ...rest } = wrap;
  return wrappedAccessor === undefined ? rest : { ...rest, wrappedAccessor };
}
