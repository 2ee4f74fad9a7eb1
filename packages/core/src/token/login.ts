/** From what an auth method grants to a token: who logs in gets exactly that, within the bounds of the mount. */
import { LogicalError, type MountInfo, Networks, type TokenGrant, type TokenType } from "@strongroom/logical";
import type { Transaction } from "@strongroom/storage";
import { ROOT_POLICY } from "../policy/index.ts";
import type { AuthInfo } from "../request.ts";
import { calculateTtl } from "../ttl.ts";
import { cleanPolicies } from "./policy-names.ts";
import type { TokenIssuer } from "./token-issuer.ts";

export interface LoginContext {
  readonly mount: MountInfo;
  /** The whole request path. */
  readonly path: string;
  readonly nowMs: number;
  /** The socket's peer. */
  readonly remoteAddress: string;
}

/** Throws `LogicalError` for a grant that no token may have. */
export function issueLogin(
  tx: Transaction,
  issuer: TokenIssuer,
  grant: TokenGrant,
  { mount, path, nowMs, remoteAddress }: LoginContext,
): { readonly auth: AuthInfo; readonly warnings: readonly string[] } {
  const policies = cleanPolicies(grant.policies, !grant.noDefaultPolicy);
  if (policies.includes(ROOT_POLICY)) {
    throw new LogicalError("invalid_request", "auth methods cannot create root tokens");
  }
  const networks = Networks.parse(grant.boundCidrs);
  if (networks === undefined || !networks.admit(remoteAddress)) {
    throw new LogicalError("permission_denied", "permission denied", { fromState: true });
  }
  const type = typeOf(mount.config.tokenType ?? "default-service", grant.tokenType);
  if (type === "batch" && (grant.numUses !== 0 || grant.periodSeconds !== 0)) {
    throw new LogicalError("invalid_request", "batch tokens have neither a period nor a number of uses");
  }
  const { ttlSeconds, warnings } = calculateTtl({
    incrementSeconds: 0,
    ttlSeconds: grant.ttlSeconds,
    maxTtlSeconds: grant.maxTtlSeconds,
    explicitMaxTtlSeconds: grant.explicitMaxTtlSeconds,
    periodSeconds: grant.periodSeconds,
    mount: mount.config,
    issueTimeMs: nowMs,
    nowMs,
  });
  const auth = issuer.issue(
    tx,
    {
      type,
      policies,
      path,
      displayName: displayNameOf(mount.path, grant.displayName),
      meta: Object.fromEntries(grant.metadata),
      numUses: grant.numUses,
      parentHash: undefined,
      ttlSeconds,
      explicitMaxTtlSeconds: grant.explicitMaxTtlSeconds,
      periodSeconds: grant.periodSeconds,
      renewable: grant.renewable && type === "service",
      boundCidrs: grant.boundCidrs,
      role: "",
      entityId: "",
      origin: mount.uuid,
      noDefaultPolicy: grant.noDefaultPolicy,
      mountUuid: mount.uuid,
      internal: grant.internal,
    },
    nowMs,
  );
  return { auth, warnings };
}

/** A mount may force one type; else the role says which, and the mount where that says nothing. */
function typeOf(mounted: Exclude<TokenType, "default">, granted: TokenType): "service" | "batch" {
  const forced = mounted === "service" || mounted === "batch";
  const type = forced || granted === "default" ? mounted : granted;
  return type === "batch" || type === "default-batch" ? "batch" : "service";
}

/** `userpass-alice`: the mount below `auth/`, then the name. */
function displayNameOf(mountPath: string, name: string): string {
  const source = mountPath.replace(/^auth\//, "").replaceAll("/", "-");
  return `${source}${name}`.replace(/-$/, "");
}
