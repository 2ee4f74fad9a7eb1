/**
 * From a presented token to whom it stands for. Missing, unknown, closing, over, or from a network that it is not bound to:
 * the answer is one and the same.
 */
import { type Caller, Networks } from "@strongroom/logical";
import { present } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import { PermissionDeniedError } from "../errors.ts";
import type { Mounts } from "../mounts.ts";
import type { BatchTokens } from "./batch-tokens.ts";
import type { TokenEntry } from "./token-entry.ts";
import { isBatchId } from "./token-id.ts";
import { hasExpired, type Mode, type TokenStore } from "./token-store.ts";

/** A token as it came with a request; made once a request. */
export interface Presented {
  readonly hash: Uint8Array;
  /** Of a batch token that opens. */
  readonly batch: TokenEntry | undefined;
}

/** A token that was found good. */
export interface Bearer {
  readonly entry: TokenEntry;
  readonly hash: Uint8Array;
  /** Good for a number of requests, of which this is one. */
  readonly useLimited: boolean;
}

interface Circumstances {
  /** The socket's peer. */
  readonly remoteAddress: string;
  /** The log's time. */
  readonly nowMs: number;
}

export class Authenticator {
  readonly #tokens: TokenStore;
  readonly #batch: BatchTokens;
  readonly #mounts: Mounts;

  constructor(parts: { readonly tokens: TokenStore; readonly batch: BatchTokens; readonly mounts: Mounts }) {
    this.#tokens = parts.tokens;
    this.#batch = parts.batch;
    this.#mounts = parts.mounts;
  }

  /** Throws `SealedError`. */
  present(token: Uint8Array): Presented {
    return { hash: this.#tokens.hash(token), batch: isBatchId(token) ? this.#batch.open(token) : undefined };
  }

  /**
   * The bearer in the transaction's state; a transaction that may write guards the row that it hangs on. Throws
   * `PermissionDeniedError`.
   */
  authenticate(
    tx: Transaction,
    presented: Presented | undefined,
    mode: Mode,
    { remoteAddress, nowMs }: Circumstances,
  ): Bearer {
    const entry = presented === undefined ? undefined : this.find(tx, presented, mode, nowMs);
    if (presented === undefined || entry === undefined || !mayComeFrom(entry, remoteAddress)) {
      throw new PermissionDeniedError();
    }
    return { entry, hash: presented.hash, useLimited: entry.numUses > 0 };
  }

  /** As `authenticate`, from wherever it comes; undefined for one that is not good. */
  find(tx: Transaction, presented: Presented, mode: Mode, nowMs: number): TokenEntry | undefined {
    const entry = this.#find(tx, presented, mode, nowMs);
    // An auth method that is taken away takes its tokens along at once, batch tokens too; the sweep follows.
    if (entry === undefined || entry.origin === "") return entry;
    return this.#mounts.table(tx, mode).uuids.has(entry.origin) ? entry : undefined;
  }

  #find(tx: Transaction, { hash, batch }: Presented, mode: Mode, nowMs: number): TokenEntry | undefined {
    if (batch === undefined) return this.#tokens.live(tx, hash, mode, nowMs);
    if (hasExpired(batch, nowMs)) return undefined;
    const { parentHash } = batch;
    if (parentHash !== undefined && this.#tokens.live(tx, parentHash, mode, nowMs) === undefined) return undefined;
    return batch;
  }
}

/** What a backend may know of a bearer. */
export function callerOf({ entry, hash }: Pick<Bearer, "entry" | "hash">): Caller {
  let caller = callers.get(entry);
  if (caller === undefined) {
    caller = newCaller(entry, hash);
    callers.set(entry, caller);
  }
  return caller;
}

function newCaller(entry: TokenEntry, hash: Uint8Array): Caller {
  return {
    accessor: entry.accessor,
    displayName: entry.displayName,
    policies: entry.policies,
    entityId: entry.entityId,
    metadata: new Map(Object.entries(entry.meta)),
    tokenHash: hash,
  };
}

/** By the entry, which the token store's cache keeps as one object. */
const callers = new WeakMap<TokenEntry, Caller>();
const parsed = new WeakMap<TokenEntry, Networks>();

function mayComeFrom(entry: TokenEntry, remoteAddress: string): boolean {
  if (entry.boundCidrs.length === 0) return true;
  let networks = parsed.get(entry);
  if (networks === undefined) {
    networks = present(Networks.parse(entry.boundCidrs), "a token's networks were read before it was made");
    parsed.set(entry, networks);
  }
  return networks.admit(remoteAddress);
}
