/**
 * Deletes tokens that are marked `closing`, with all that belongs to them: leases, cubbyhole, children's entries, rows. It
 * runs where background work does, in bounded commands; what is on the list stays there until nothing else is left, so a
 * sweep that dies half-way is gone on with by whoever leads next. Those that own nothing are deleted many in a command.
 */
import { scopeKey } from "@strongroom/barrier";
import { equalBytes } from "@strongroom/runtime";
import { type Invalidation, KEY_KIND, type KeyRange, prefixRange } from "@strongroom/storage";
import type { BackgroundTask } from "../background/background-work.ts";
import { eachAtMost } from "../background/each-at-most.ts";
import type { LeaderStore } from "../background/leader-store.ts";
import type { LeaseStore, TokenExpiry } from "../lease/lease-store.ts";
import { CLOSING_RANGE, childrenRange, closingHashOf, closingKey, cubbyholeScope } from "./token-keys.ts";
import { type Closing, closingOf, type TokenRevoker } from "./token-revoker.ts";
import type { TokenServices } from "./token-services.ts";
import { hasExpired, type TokenStore } from "./token-store.ts";

const ROWS_PER_COMMAND = 512;
const TOKENS_PER_COMMAND = 64;
const TOKENS_AT_A_TIME = 16;

interface ClosingToken {
  readonly hash: Uint8Array;
  readonly closing: Closing;
}

export class TokenSweeper implements BackgroundTask, TokenExpiry {
  readonly name = "token-sweep";
  readonly everyMs = 60_000;
  readonly #tokens: TokenStore;
  readonly #revoker: TokenRevoker;
  readonly #leases: LeaseStore;

  constructor(parts: Pick<TokenServices, "store" | "revoker" | "leases">) {
    this.#tokens = parts.store;
    this.#revoker = parts.revoker;
    this.#leases = parts.leases;
  }

  wakesOn(event: Invalidation): boolean {
    return event.type === "all" || event.keys.some(isClosingKey);
  }

  async run(store: LeaderStore): Promise<void> {
    for (;;) {
      const rows = await store.rows(CLOSING_RANGE, TOKENS_PER_COMMAND);
      if (rows.length === 0) return;
      const closing = rows.map(({ key, row }) => ({ hash: closingHashOf(key), closing: closingOf(row.value) }));
      await eachAtMost(TOKENS_AT_A_TIME, closing, (token) => this.#empty(store, token));
      await this.#remove(store, closing);
    }
  }

  async expire(store: LeaderStore, tokenHash: Uint8Array): Promise<void> {
    await store.write((tx) => {
      const entry = this.#tokens.lookup(tx, tokenHash, "write");
      if (entry === undefined || entry.closing || !hasExpired(entry, store.nowMs())) return;
      this.#revoker.mark(tx, tokenHash, entry, "tree");
    });
  }

  async revoke(store: LeaderStore, tokenHash: Uint8Array): Promise<void> {
    await store.write((tx) => {
      const entry = this.#tokens.lookup(tx, tokenHash, "write");
      if (entry !== undefined && !entry.closing) this.#revoker.mark(tx, tokenHash, entry, "tree");
    });
  }

  /** All that belongs to the token but its own rows. */
  async #empty(store: LeaderStore, { hash, closing }: ClosingToken): Promise<void> {
    if (closing === "orphan") await this.#revoker.orphanChildren(store, hash);
    else await this.#revoker.markDescendants(store, [hash]);
    await this.#leases.revokeOf(store, hash);
    await deleteRange(store, prefixRange(scopeKey(cubbyholeScope(hash))));
    await deleteRange(store, childrenRange(hash));
  }

  async #remove(store: LeaderStore, closing: readonly ClosingToken[]): Promise<void> {
    await store.write((tx) => {
      for (const { hash } of closing) {
        tx.delete(closingKey(hash));
        const entry = this.#tokens.lookup(tx, hash, "write");
        if (entry === undefined) continue;
        if (entry.leaseHandle !== "") this.#leases.release(tx, entry.leaseHandle);
        this.#tokens.remove(tx, hash, entry);
      }
    });
  }
}

const CLOSING_PREFIX = CLOSING_RANGE.gte;

function isClosingKey(key: Uint8Array): boolean {
  return key[0] === KEY_KIND.index && equalBytes(key.subarray(0, CLOSING_PREFIX.length), CLOSING_PREFIX);
}

async function deleteRange(store: LeaderStore, range: KeyRange): Promise<void> {
  for (;;) {
    const rows = await store.rows(range, ROWS_PER_COMMAND);
    if (rows.length === 0) return;
    await store.write((tx) => {
      for (const { key } of rows) tx.delete(key);
    });
  }
}
