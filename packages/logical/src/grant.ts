/**
 * What a backend grants and the core keeps: tokens by logins, leases with secrets. Times are seconds, 0 where the mount's or
 * the system's own shall hold.
 */

export type TokenType = "default" | "service" | "batch" | "default-service" | "default-batch";

/** Kept with a lease and given back to the backend's hooks: plain JSON. */
export type Internal = { readonly [key: string]: InternalValue };
export type InternalValue = null | boolean | number | string | readonly InternalValue[] | Internal;

export interface TokenGrant {
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
  /** Names who logged in among all who log in by this mount: a user, a role's id. */
  readonly aliasName: string;
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  /** 0: unlimited. */
  readonly numUses: number;
  /** Blocks in CIDR notation, or single addresses; empty: from anywhere. */
  readonly boundCidrs: readonly string[];
  /** `default…`: as the mount is tuned, else service. */
  readonly tokenType: TokenType;
  /** Whether the policy "default" is left out. */
  readonly noDefaultPolicy: boolean;
  readonly renewable: boolean;
  /** For `renewLogin`. */
  readonly internal: Internal;
}

export interface LeaseGrant {
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly renewable: boolean;
  /** For `renew` and `revoke`. */
  readonly internal: Internal;
}

/** A lease as the backend that granted it sees it again. */
export interface HeldLease {
  readonly leaseId: string;
  /** Below the mount: the path whose answer it was. */
  readonly path: string;
  readonly issueTimeMs: number;
  readonly expireTimeMs: number;
  /** Asked for by whoever renews; 0: nothing asked. */
  readonly incrementSeconds: number;
  readonly internal: Internal;
}

/** A login as the auth method that granted it sees it again at the token's renewal. */
export interface HeldLogin {
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly issueTimeMs: number;
  readonly incrementSeconds: number;
  readonly internal: Internal;
}
