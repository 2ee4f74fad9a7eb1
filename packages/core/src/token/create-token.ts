/** What a token may make of another: the rules of `auth/token/create` and its kin, before anything is written. */
import { LogicalError, type MountInfo, Networks } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { ROOT_POLICY } from "../policy/index.ts";
import { calculateTtl } from "../ttl.ts";
import type { Bearer } from "./authenticator.ts";
import type { NewToken } from "./token-issuer.ts";
import { grantPolicies } from "./token-policies.ts";
import type { TokenRole } from "./token-role.ts";

/** As a client asks for it; times in seconds, 0 for none. */
export interface TokenWish {
  readonly id: string;
  readonly policies: readonly string[];
  readonly meta: ReadonlyMap<string, string>;
  readonly noParent: boolean;
  readonly noDefaultPolicy: boolean;
  readonly renewable: boolean;
  readonly ttlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  readonly type: string;
  readonly displayName: string;
  readonly numUses: number;
}

export interface Maker {
  readonly bearer: Bearer;
  /** On the path that was asked. */
  readonly sudo: boolean;
  /** By `create-orphan`, which has a policy path of its own. */
  readonly orphan: boolean;
  readonly role: { readonly name: string; readonly role: TokenRole } | undefined;
  readonly mount: MountInfo;
  /** The whole request path. */
  readonly path: string;
  readonly nowMs: number;
}

export interface DecidedToken {
  readonly token: NewToken;
  readonly warnings: readonly string[];
}

/** Throws `LogicalError` for what the maker may not make. */
export function decideToken(wish: TokenWish, maker: Maker): DecidedToken {
  const { bearer, sudo, role: named, mount, nowMs } = maker;
  const parent = bearer.entry;
  const role = named?.role;
  if (parent.type === "batch") throw refused("batch tokens cannot create more tokens");
  if (bearer.useLimited) throw refused("restricted use token cannot generate child tokens");
  if (wish.id !== "") checkId(wish.id, sudo);
  if (wish.noParent && !sudo && !maker.orphan) throw refused("root or sudo privileges required to create orphan token");
  if (wish.periodSeconds > 0 && !sudo) throw refused("root or sudo privileges required to create periodic token");
  const type = typeOf(wish.type, role);
  const policies = grantPolicies(wish, { parent, role, sudo });
  const root = policies.includes(ROOT_POLICY);
  const explicitMaxTtlSeconds = leastOf(wish.explicitMaxTtlSeconds, role?.explicitMaxTtlSeconds ?? 0);
  const periodSeconds = leastOf(wish.periodSeconds, role?.periodSeconds ?? 0);
  const numUses = leastOf(wish.numUses, role?.numUses ?? 0);
  if (type === "batch") checkBatch({ explicitMaxTtlSeconds, periodSeconds, numUses, root, id: wish.id });
  const endless = root && wish.ttlSeconds === 0 && explicitMaxTtlSeconds === 0 && periodSeconds === 0;
  if (endless && parent.expireTimeMs !== 0) {
    throw refused("expiring root tokens cannot create non-expiring root tokens");
  }
  const ttl = endless
    ? { ttlSeconds: 0, warnings: [] }
    : calculateTtl({
        incrementSeconds: 0,
        ttlSeconds: wish.ttlSeconds,
        maxTtlSeconds: 0,
        explicitMaxTtlSeconds,
        periodSeconds,
        mount: mount.config,
        issueTimeMs: nowMs,
        nowMs,
      });
  const orphan = maker.orphan || wish.noParent || role?.orphan === true;
  const boundCidrs = role !== undefined && role.boundCidrs.length > 0 ? role.boundCidrs : parent.boundCidrs;
  if (Networks.parse(boundCidrs) === undefined) throw refused("the role's token_bound_cidrs are no networks");
  const token: NewToken = {
    type,
    policies,
    path: role === undefined || role.pathSuffix === "" ? maker.path : `${maker.path}/${role.pathSuffix}`,
    displayName: displayNameOf(wish.displayName),
    meta: Object.fromEntries(wish.meta),
    numUses,
    parentHash: orphan ? undefined : bearer.hash,
    ttlSeconds: ttl.ttlSeconds,
    explicitMaxTtlSeconds,
    periodSeconds,
    renewable: type === "service" && !endless && wish.renewable && role?.renewable !== false,
    boundCidrs: endless ? [] : boundCidrs,
    role: named?.name ?? "",
    entityId: parent.entityId,
    origin: orphan ? "" : parent.origin,
    noDefaultPolicy: wish.noDefaultPolicy,
    mountUuid: mount.uuid,
    internal: {},
    ...(wish.id === "" ? undefined : { id: utf8(wish.id) }),
  };
  return { token, warnings: ttl.warnings };
}

function typeOf(asked: string, role: TokenRole | undefined): "service" | "batch" {
  if (role?.tokenType === "service" || role?.tokenType === "batch") return role.tokenType;
  switch (asked) {
    case "service":
    case "batch":
      return asked;
    case "":
      return role?.tokenType === "default-batch" ? "batch" : "service";
    default:
      throw refused("invalid 'token_type' value");
  }
}

function checkBatch(token: {
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  readonly numUses: number;
  readonly root: boolean;
  readonly id: string;
}): void {
  const forbidden = [
    ["id", token.id !== ""],
    ["explicit_max_ttl", token.explicitMaxTtlSeconds > 0],
    ["num_uses", token.numUses > 0],
    ["period", token.periodSeconds > 0],
  ] as const;
  for (const [name, has] of forbidden) if (has) throw refused(`batch tokens cannot have "${name}" set`);
  if (token.root) throw refused("batch tokens cannot be root tokens");
}

const ID = /^[!#-[\]-~]{1,512}$/;

function checkId(id: string, sudo: boolean): void {
  if (!sudo) throw refused("root or sudo privileges required to specify token id");
  for (const prefix of ["hvs.", "s."]) {
    if (id.startsWith(prefix)) throw refused(`custom token ID cannot have the '${prefix}' prefix`);
  }
  if (id.includes(".")) throw refused("custom token ID cannot have a '.' in the value");
  // What JSON would escape stands in no token.
  if (!ID.test(id)) throw refused("a custom token ID is made of printable ASCII characters without blanks");
}

function displayNameOf(asked: string): string {
  if (asked === "") return "token";
  return `token-${asked.replace(/[^a-zA-Z0-9-]/g, "-")}`.replace(/-$/, "");
}

/** The smaller of two bounds of which 0 is none. */
function leastOf(a: number, b: number): number {
  return a === 0 || b === 0 ? a + b : Math.min(a, b);
}

function refused(message: string): LogicalError {
  return new LogicalError("invalid_request", message);
}
