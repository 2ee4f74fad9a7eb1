/**
 * Makes tokens: rows, accessor, place among the parent's children and lease in the caller's transaction, so that a token is
 * born whole or not at all. The id goes into the answer and nowhere else.
 */
import { type Internal, LogicalError } from "@strongroom/logical";
import type { Entropy } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import type { LeaseStore } from "../lease/lease-store.ts";
import type { AuthInfo } from "../request.ts";
import type { BatchTokens } from "./batch-tokens.ts";
import type { TokenEntry } from "./token-entry.ts";
import { randomAccessor, randomServiceId } from "./token-id.ts";
import type { TokenStore } from "./token-store.ts";

/** All decided: policies are clean, times are within their bounds. */
export interface NewToken
  extends Omit<
    TokenEntry,
    "accessor" | "orphan" | "creationTimeMs" | "issueTimeMs" | "expireTimeMs" | "closing" | "leaseHandle"
  > {
  /** The mount that vouches for it, and the path below which its lease lies there; without it the token's own. */
  readonly mountUuid: string;
  readonly leasePath?: string;
  /** For the auth method's `renewLogin`. */
  readonly internal: Internal;
  /** A service token's, where the client has chosen it; the caller has seen that no other has it. */
  readonly id?: Uint8Array;
}

export interface TokenIssuerParts {
  readonly tokens: TokenStore;
  readonly batch: BatchTokens;
  readonly leases: LeaseStore;
  readonly entropy: Entropy;
}

export class TokenIssuer {
  readonly #parts: TokenIssuerParts;

  constructor(parts: TokenIssuerParts) {
    this.#parts = parts;
  }

  /** `nowMs` is the log's time. Throws `LogicalError` for a batch token that would carry too much. */
  issue(tx: Transaction, { mountUuid, leasePath, internal, id, ...token }: NewToken, nowMs: number): AuthInfo {
    const { tokens, batch, leases, entropy } = this.#parts;
    const creationTimeMs = Math.floor(nowMs);
    const entry: TokenEntry = {
      ...token,
      accessor: token.type === "batch" ? "" : randomAccessor(entropy),
      orphan: token.parentHash === undefined,
      creationTimeMs,
      issueTimeMs: creationTimeMs,
      expireTimeMs: token.ttlSeconds === 0 ? 0 : creationTimeMs + token.ttlSeconds * 1000,
      closing: false,
      leaseHandle: "",
    };
    if (entry.type === "batch") {
      const clientToken = batch.seal(entry);
      if (clientToken === undefined) {
        throw new LogicalError("invalid_request", "a batch token cannot carry so much metadata and so many policies");
      }
      return authInfo(entry, clientToken);
    }
    const clientToken = id ?? randomServiceId(entropy);
    const hash = tokens.hash(clientToken);
    const leaseHandle =
      entry.expireTimeMs === 0
        ? ""
        : leases.register(tx, {
            kind: "token",
            path: leasePath ?? entry.path,
            mountUuid,
            tokenHash: hash,
            issueTimeMs: creationTimeMs,
            expireTimeMs: entry.expireTimeMs,
            renewable: entry.renewable,
            internal,
          });
    tokens.create(tx, hash, { ...entry, leaseHandle });
    return authInfo(entry, clientToken);
  }
}

/** What is answered of a token; `clientToken` is empty where only its accessor was shown. */
export function authInfo(entry: TokenEntry, clientToken: Uint8Array): AuthInfo {
  return {
    clientToken,
    accessor: entry.accessor,
    displayName: entry.displayName,
    policies: entry.policies,
    tokenPolicies: entry.policies,
    identityPolicies: [],
    metadata: Object.keys(entry.meta).length === 0 ? null : entry.meta,
    leaseDurationSeconds: entry.ttlSeconds,
    renewable: entry.renewable,
    entityId: entry.entityId,
    tokenType: entry.type,
    orphan: entry.orphan,
    numUses: entry.numUses,
  };
}
