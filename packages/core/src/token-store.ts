/**
 * Tokens by the HMAC of their id: `token ‖ hash` holds the sealed entry, `accessor ‖ hash` the token's hash. A write guards
 * the row of the token that it was made with, so a token that is revoked a moment ago cannot finish one.
 */
import { accessorRowKey, type Barrier, tokenRowKey } from "@strongroom/barrier";
import { type Entropy, SecretBytes, utf8 } from "@strongroom/runtime";
import { type Invalidation, KEY_KIND, mapKey, type Revision, type Transaction } from "@strongroom/storage";
import { randomBase62 } from "./base62.ts";
import { PermissionDeniedError } from "./errors.ts";
import { StateCache } from "./state-cache.ts";
import { decodeTokenEntry, encodeTokenEntry, PLAIN_TOKEN, type TokenEntry } from "./token/token-entry.ts";

const TOKEN_PURPOSE = "token";
const ACCESSOR_PURPOSE = "accessor";
const CACHED_TOKENS = 10_000;
const ROOT_POLICY = "root";

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

  /** The key of a presented token's row. */
  rowKey(token: Uint8Array): Uint8Array {
    return tokenRowKey(this.#barrier.hashTokenId(token));
  }

  /** The entry of the token whose row is `rowKey`; guarded where the transaction may write. */
  lookup(tx: Transaction, rowKey: Uint8Array, mode: "read" | "write"): TokenEntry | undefined {
    const id = mapKey(rowKey);
    const cached = this.#cache.get(id, tx.appliedIndex);
    if (cached !== undefined) {
      if (mode === "write") tx.guard(rowKey, cached.revision);
      return cached.entry;
    }
    const row = mode === "read" ? tx.peek(rowKey) : tx.get(rowKey);
    if (row === undefined) return undefined;
    const entry = decodeTokenEntry(this.#barrier.openValue(rowKey, TOKEN_PURPOSE, row));
    this.#cache.fill(id, tx.appliedIndex, { entry, revision: row.revision });
    return entry;
  }

  /** As `lookup`. Throws `PermissionDeniedError` for no token and an unknown one alike. */
  authenticate(tx: Transaction, rowKey: Uint8Array | undefined, mode: "read" | "write"): TokenEntry {
    const entry = rowKey === undefined ? undefined : this.lookup(tx, rowKey, mode);
    if (entry === undefined) throw new PermissionDeniedError();
    return entry;
  }

  onInvalidation(event: Invalidation): void {
    if (event.type === "all") {
      this.#cache.clear(event.index);
      return;
    }
    for (const key of event.keys) {
      if (key[0] === KEY_KIND.token) this.#cache.invalidate(mapKey(key), event.index);
    }
  }
}

/** Default deny: until policies exist, only the root policy allows anything, and it allows all. */
export function authorize(token: TokenEntry): void {
  if (token.policies.includes(ROOT_POLICY)) return;
  throw new PermissionDeniedError("1 error occurred:\n\t* permission denied\n\n");
}

/**
 * Puts the rows of a root token into `tx` and gives its id, which is stored nowhere: `given`, or else `hvs.` and 24 random
 * characters.
 */
export function createRootToken(
  tx: Transaction,
  barrier: Barrier,
  {
    entropy,
    nowMs,
    given,
  }: { readonly entropy: Entropy; readonly nowMs: number; readonly given: Uint8Array | undefined },
): SecretBytes {
  const id = given?.slice() ?? randomTokenId(entropy);
  const accessor = randomBase62(entropy, 24);
  const hash = barrier.hashTokenId(id);
  const entry: TokenEntry = {
    ...PLAIN_TOKEN,
    accessor: Buffer.from(accessor).toString("latin1"),
    policies: [ROOT_POLICY],
    creationTimeMs: nowMs,
    issueTimeMs: nowMs,
    displayName: "root",
    path: "auth/token/root",
  };
  barrier.rows(tx, TOKEN_PURPOSE).put(tokenRowKey(hash), encodeTokenEntry(entry));
  barrier.rows(tx, ACCESSOR_PURPOSE).put(accessorRowKey(barrier.hashTokenId(accessor)), hash);
  return new SecretBytes(id);
}

function randomTokenId(entropy: Entropy): Uint8Array {
  const id = new Uint8Array(28);
  id.set(utf8("hvs."));
  id.set(randomBase62(entropy, 24), 4);
  return id;
}
