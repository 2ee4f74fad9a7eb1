/**
 * Deletes the rows of mounts that are gone. Taking a mount away only moves it to the table's closing list, in one command
 * with the epoch; every write to it that was on its way fails at its guard, so from that entry on the mount's rows can only
 * become fewer. The sweep reads them from a state that is proven to show that entry, deletes them in bounded commands, and
 * takes the mount off the list when a pass finds nothing. One that dies half-way leaves nothing that the next does not finish.
 */

import { scopeKey } from "@strongroom/barrier";
import type { Logger } from "@strongroom/runtime";
import { type Invalidation, prefixRange } from "@strongroom/storage";
import type { BackgroundTask } from "./background/background-work.ts";
import type { LeaderStore } from "./background/leader-store.ts";
import { type Mounts, scopeOf } from "./mounts.ts";
import { changesEpoch } from "./system-scope.ts";

const ROWS_PER_COMMAND = 512;

export class MountSweeper implements BackgroundTask {
  readonly name = "mount-sweep";
  readonly everyMs = 60_000;
  readonly #mounts: Mounts;
  readonly #logger: Logger;

  constructor(parts: { readonly mounts: Mounts; readonly logger: Logger }) {
    this.#mounts = parts.mounts;
    this.#logger = parts.logger;
  }

  wakesOn(event: Invalidation): boolean {
    return changesEpoch(event);
  }

  /** Sweeps all that is closing at this moment. */
  async run(store: LeaderStore): Promise<void> {
    const closing = await store.read((tx) => this.#mounts.table(tx, "read").state.closing);
    for (const { uuid } of closing) await this.#sweepMount(store, uuid);
  }

  async #sweepMount(store: LeaderStore, uuid: string): Promise<void> {
    const range = prefixRange(scopeKey(scopeOf(uuid)));
    let deleted = 0;
    for (;;) {
      const rows = await store.rows(range, ROWS_PER_COMMAND);
      if (rows.length === 0) break;
      await store.write((tx) => {
        for (const { key } of rows) tx.delete(key);
      });
      deleted += rows.length;
    }
    await store.write((tx) => {
      const { state } = this.#mounts.table(tx, "write");
      if (state.closing.every((entry) => entry.uuid !== uuid)) return;
      this.#mounts.change(tx, (current) => ({
        ...current,
        closing: current.closing.filter((entry) => entry.uuid !== uuid),
      }));
    });
    this.#logger.info("a removed mount is swept", { mount: uuid, rows: deleted });
  }
}
