/**
 * Tokens by the HMAC of their id: `token ‖ hash` holds the sealed entry, `accessor ‖ hash` names the token's hash. A write
 * guards the row of the token that it was made with, so a token that is revoked a moment ago cannot finish one.
 */
import { accessorRowKey, type Barrier, tokenRowKey } from "@strongroom/barrier";
import { fromUtf8, utf8 } from "@strongroom/runtime";
import { type Invalidation, KEY_KIND, mapKey, type Revision, type Row, type Transaction } from "@strongroom/storage";
import { StateCache } from "../state-cache.ts";
import { decodeTokenEntry, encodeTokenEntry, type TokenEntry } from "./token-entry.ts";
import { childKey, TOKEN_HASH_BYTES } from "./token-keys.ts";

const TOKEN_PURPOSE = "token";
const ACCESSOR_PURPOSE = "accessor";
const CACHED_TOKENS = 10_000;
const NOTHING = new Uint8Array(0);

/** `write` guards what is read. */
export type Mode = "read" | "write";

interface CachedToken {
  readonly entry: TokenEntry;
  readonly revision: Revision;
}

export class TokenStore {
  readonly #barrier: Barrier;
  readonly #cache = new StateCache<CachedToken>(CACHED_TOKENS);

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  /** What a token, or an accessor, is stored under. Throws `SealedError`. */
  hash(id: Uint8Array): Uint8Array {
    return this.#barrier.hashTokenId(id);
  }

  /** The entry as it is stored, whatever has become of the token since. */
  lookup(tx: Transaction, hash: Uint8Array, mode: Mode): TokenEntry | undefined {
    const rowKey = tokenRowKey(hash);
    const id = mapKey(rowKey);
    const cached = this.#cache.get(id, tx.appliedIndex);
    // What this transaction wrote itself is in no cache.
    if (cached !== undefined && !tx.dirty) {
      if (mode === "write") tx.guard(rowKey, cached.revision);
      return cached.entry;
    }
    const row = mode === "read" ? tx.peek(rowKey) : tx.get(rowKey);
    if (row === undefined) return undefined;
    const entry = this.#open(rowKey, row);
    if (!tx.dirty) this.#cache.fill(id, tx.appliedIndex, { entry, revision: row.revision });
    return entry;
  }

  /** As `lookup`, of a token that may be used: neither closing nor over. */
  live(tx: Transaction, hash: Uint8Array, mode: Mode, nowMs: number): TokenEntry | undefined {
    const entry = this.lookup(tx, hash, mode);
    return entry === undefined || entry.closing || hasExpired(entry, nowMs) ? undefined : entry;
  }

  /** Of a token that is stored already. */
  put(tx: Transaction, hash: Uint8Array, entry: TokenEntry): void {
    this.#seal(tx, tokenRowKey(hash), TOKEN_PURPOSE, encodeTokenEntry(entry));
  }

  /** A new token with its accessor, as a child of its parent if it has one. */
  create(tx: Transaction, hash: Uint8Array, entry: TokenEntry): void {
    this.put(tx, hash, entry);
    const accessor = utf8(entry.accessor);
    const named = new Uint8Array(TOKEN_HASH_BYTES + accessor.length);
    named.set(hash);
    named.set(accessor, TOKEN_HASH_BYTES);
    this.#seal(tx, accessorRowKey(this.hash(accessor)), ACCESSOR_PURPOSE, named);
    if (entry.parentHash !== undefined) tx.put(childKey(entry.parentHash, hash), 0, NOTHING);
  }

  /** The token's rows that nothing else is about; what belongs to it was deleted before. */
  remove(tx: Transaction, hash: Uint8Array, entry: TokenEntry): void {
    tx.delete(tokenRowKey(hash));
    tx.delete(accessorRowKey(this.hash(utf8(entry.accessor))));
    if (entry.parentHash !== undefined) tx.delete(childKey(entry.parentHash, hash));
  }

  /** The hash of the token that an accessor names. */
  byAccessor(tx: Transaction, accessor: string, mode: Mode): Uint8Array | undefined {
    const rowKey = accessorRowKey(this.hash(utf8(accessor)));
    const row = mode === "read" ? tx.peek(rowKey) : tx.get(rowKey);
    return row === undefined ? undefined : this.openAccessor(rowKey, row).hash;
  }

  /** `accessor` is empty where an older program wrote the row: it stands in the token's entry. */
  openAccessor(rowKey: Uint8Array, row: Row): { readonly hash: Uint8Array; readonly accessor: string } {
    const named = this.#barrier.openValue(rowKey, ACCESSOR_PURPOSE, row);
    return { hash: named.slice(0, TOKEN_HASH_BYTES), accessor: fromUtf8(named.subarray(TOKEN_HASH_BYTES)) };
  }

  onInvalidation(event: Invalidation): void {
    if (event.type === "all") {
      this.#cache.clear(event.index);
      return;
    }
    for (const key of event.keys) {
      if (key[0] === KEY_KIND.token) this.#cache.invalidate(key, event.index);
    }
  }

  #open(rowKey: Uint8Array, row: Row): TokenEntry {
    return decodeTokenEntry(this.#barrier.openValue(rowKey, TOKEN_PURPOSE, row));
  }

  /** Not through `barrier.rows`: what a request has listed does not keep its token's uses from being counted. */
  #seal(tx: Transaction, rowKey: Uint8Array, purpose: string, plaintext: Uint8Array): void {
    const { term, value } = this.#barrier.sealValue(rowKey, purpose, plaintext);
    tx.put(rowKey, term, value);
  }
}

/** By the log's time; from the very moment of its end on. */
export function hasExpired(entry: Pick<TokenEntry, "expireTimeMs">, nowMs: number): boolean {
  return entry.expireTimeMs !== 0 && nowMs >= entry.expireTimeMs;
}
