/**
 * What the request path asks of the leases: one on-disk index ordered by expiry, by token and by path. All calls but
 * `revokeOf` act in the caller's transaction, so that a secret and its lease are one command.
 */
import type { HeldLease, Internal } from "@strongroom/logical";
import type { Transaction } from "@strongroom/storage";
import type { LeaderStore } from "../background/leader-store.ts";

export interface NewLease {
  /** `secret`: what a backend granted; `token`: the end of a token itself. */
  readonly kind: "secret" | "token";
  /** The request path, with the mount's own before it; the lease's id begins with it. */
  readonly path: string;
  readonly mountUuid: string;
  /** The token that it ends with; for `token` the token itself. For a batch token's secret: its parent, or none. */
  readonly tokenHash: Uint8Array | undefined;
  readonly issueTimeMs: number;
  readonly expireTimeMs: number;
  readonly renewable: boolean;
  readonly internal: Internal;
  /** As the backend granted it, for renewals; 0 or missing: the mount's. */
  readonly ttlSeconds?: number;
  readonly maxTtlSeconds?: number;
}

export interface Lease extends NewLease, Omit<HeldLease, "path" | "incrementSeconds"> {}

export interface LeaseStore {
  /** The lease's id, which its path begins: drawn from entropy, or for `kind: "token"` made of the token's hash. */
  register(tx: Transaction, lease: NewLease): string;
  /** Undefined for one that is not there or is being revoked. Guarded. */
  lookup(tx: Transaction, leaseId: string): Lease | undefined;
  /** Moves the lease to another end. */
  renew(tx: Transaction, leaseId: string, to: { readonly expireTimeMs: number; readonly internal?: Internal }): void;
  /** Forgets a lease whose effect is undone, or that had none: what the sweep of a token does with the token's own. */
  release(tx: Transaction, leaseId: string): void;
  /**
   * Ends all secret leases of a token that is marked `closing`, in commands of their own: from then on none can be renewed. Their
   * effects are undone behind the call, as of any lease that is revoked.
   */
  revokeOf(store: LeaderStore, tokenHash: Uint8Array): Promise<void>;
}

/** What the expiry worker asks of the tokens: declared here because leases need it, kept by the token store. */
export interface TokenExpiry {
  /** Marks the token `closing`, with its tree, if it is over by the log's time; its sweep follows. Idempotent. */
  expire(store: LeaderStore, tokenHash: Uint8Array): Promise<void>;
  /** As `expire`, however long it would still live: for one whose lease is revoked. */
  revoke(store: LeaderStore, tokenHash: Uint8Array): Promise<void>;
}
