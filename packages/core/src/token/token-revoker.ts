/**
 * Revocation. A token is first marked `closing`, from when on it is refused everywhere, and is put on the list of those to be
 * deleted; the sweep deletes. Of a tree each token is marked before its children are listed, level by level: who makes a child
 * guards the parent's row, so from the mark's commit on no child is born that the list of a later state does not show. Whoever
 * asked marks all; dies it half-way, the sweep marks the rest before it deletes.
 */
import type { KeyedRow, KeyRange, Transaction } from "@strongroom/storage";
import { keyAfter } from "@strongroom/storage";
import type { TokenEntry } from "./token-entry.ts";
import { childHashOf, childKey, childrenRange, closingKey } from "./token-keys.ts";
import type { TokenStore } from "./token-store.ts";

/** What becomes of a closing token's children: they close too, or live on without a parent. */
export type Closing = "tree" | "orphan";

const MODE_BYTE: Readonly<Record<Closing, number>> = { tree: 1, orphan: 2 };
const CHILDREN_PER_COMMAND = 256;

/** Commands and reads of their own: the leader's, or a request's until its deadline. */
export interface Commands {
  write<T>(body: (tx: Transaction) => Promise<T> | T): Promise<T>;
  /** The first rows of a range in a state at least as new as the call. */
  rows(range: KeyRange, count: number): Promise<readonly KeyedRow[]>;
}

export class TokenRevoker {
  readonly #tokens: TokenStore;

  constructor(tokens: TokenStore) {
    this.#tokens = tokens;
  }

  /** Refused from this transaction's commit on. `entry` is what `hash` has in it, guarded. */
  mark(tx: Transaction, hash: Uint8Array, entry: TokenEntry, closing: Closing): void {
    this.#tokens.put(tx, hash, { ...entry, closing: true });
    tx.put(closingKey(hash), 0, Uint8Array.of(MODE_BYTE[closing]));
  }

  /** What becomes of the children of a token that is marked. */
  closingOf(tx: Transaction, hash: Uint8Array): Closing {
    const row = tx.peek(closingKey(hash));
    return row === undefined ? "tree" : closingOf(row.value);
  }

  /** Marks all that descends from tokens that are marked already. Resolves when the last one is. */
  async markDescendants(commands: Commands, hashes: readonly Uint8Array[]): Promise<void> {
    let level = hashes;
    while (level.length > 0) {
      const next: Uint8Array[] = [];
      for (const hash of level)
        next.push(...(await this.#eachChild(commands, hash, (tx, child) => this.#mark(tx, child))));
      level = next;
    }
  }

  /** Lets the children of a token that is marked live on as orphans. */
  async orphanChildren(commands: Commands, parentHash: Uint8Array): Promise<void> {
    await this.#eachChild(commands, parentHash, (tx, hash) => {
      tx.delete(childKey(parentHash, hash));
      const entry = this.#tokens.lookup(tx, hash, "write");
      if (entry === undefined) return false;
      this.#tokens.put(tx, hash, { ...entry, orphan: true, parentHash: undefined });
      return true;
    });
  }

  /** Whether the child is one that others may descend from. */
  #mark(tx: Transaction, hash: Uint8Array): boolean {
    const entry = this.#tokens.lookup(tx, hash, "write");
    if (entry === undefined) return false;
    if (!entry.closing) this.mark(tx, hash, entry, "tree");
    return true;
  }

  /** Runs `act` for each child, many in a command; the children for which it said yes. */
  async #eachChild(
    commands: Commands,
    parentHash: Uint8Array,
    act: (tx: Transaction, hash: Uint8Array) => boolean,
  ): Promise<readonly Uint8Array[]> {
    const range = childrenRange(parentHash);
    const taken: Uint8Array[] = [];
    for (let gte = range.gte; ; ) {
      const rows = await commands.rows({ gte, lt: range.lt }, CHILDREN_PER_COMMAND);
      const last = rows.at(-1);
      if (last === undefined) return taken;
      const hashes = rows.map(({ key }) => childHashOf(key));
      taken.push(...(await commands.write((tx) => hashes.filter((hash) => act(tx, hash)))));
      gte = keyAfter(last.key);
    }
  }
}

/** Of a row under a closing token's key. */
export function closingOf(value: Uint8Array): Closing {
  return value[0] === MODE_BYTE.orphan ? "orphan" : "tree";
}
