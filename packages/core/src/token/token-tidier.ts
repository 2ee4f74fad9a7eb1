/**
 * Looks through the tokens' indexes for what points nowhere: accessors and children of tokens that are gone. Commands write
 * rows and indexes together, so nothing should be found; what is, is deleted and logged. Asked for by a row, so that whoever
 * leads does it, and whoever leads next if that one dies.
 */
import { equalBytes, type Logger } from "@strongroom/runtime";
import { type Invalidation, type KeyedRow, type KeyRange, keyAfter, type Transaction } from "@strongroom/storage";
import type { BackgroundTask } from "../background/background-work.ts";
import type { LeaderStore } from "../background/leader-store.ts";
import { ACCESSOR_RANGE, CHILDREN_RANGE, childHashOf, TIDY_KEY } from "./token-keys.ts";
import type { TokenStore } from "./token-store.ts";

const ROWS_PER_PASS = 256;

export class TokenTidier implements BackgroundTask {
  readonly name = "token-tidy";
  readonly everyMs = 60_000;
  readonly #tokens: TokenStore;
  readonly #logger: Logger;

  constructor(parts: { readonly tokens: TokenStore; readonly logger: Logger }) {
    this.#tokens = parts.tokens;
    this.#logger = parts.logger;
  }

  /** In the command of who asks. */
  static ask(tx: Transaction): void {
    tx.put(TIDY_KEY, 0, new Uint8Array(0));
  }

  wakesOn(event: Invalidation): boolean {
    return event.type === "all" || event.keys.some((key) => equalBytes(key, TIDY_KEY));
  }

  async run(store: LeaderStore): Promise<void> {
    const asked = await store.read((tx) => tx.peek(TIDY_KEY) !== undefined);
    if (!asked) return;
    const accessors = await this.#sweep(
      store,
      ACCESSOR_RANGE,
      ({ key, row }) => this.#tokens.openAccessor(key, row).hash,
    );
    const children = await this.#sweep(store, CHILDREN_RANGE, ({ key }) => childHashOf(key));
    await store.write((tx) => {
      if (tx.get(TIDY_KEY) !== undefined) tx.delete(TIDY_KEY);
    });
    this.#logger.info("the tokens' indexes are tidy", { accessors, children });
  }

  /** Deletes the rows of `range` that lead to no token; how many they were. */
  async #sweep(store: LeaderStore, range: KeyRange, tokenOf: (row: KeyedRow) => Uint8Array): Promise<number> {
    let deleted = 0;
    for (let gte = range.gte; ; ) {
      const rows = await store.rows({ gte, lt: range.lt }, ROWS_PER_PASS);
      const last = rows.at(-1);
      if (last === undefined) return deleted;
      deleted += await store.write((tx) => {
        const stray = rows.filter(({ key, row }) => {
          const leads = this.#tokens.lookup(tx, tokenOf({ key, row }), "write") !== undefined;
          return !leads && tx.get(key) !== undefined;
        });
        for (const { key } of stray) tx.delete(key);
        return stray.length;
      });
      gte = keyAfter(last.key);
    }
  }
}
