/**
 * Revokes the leases and then deletes the rows of mounts that are gone. Taking a mount away only moves it to the table's
 * closing list, in one command with the epoch; every write to it that was on its way fails at its guard, so from that entry
 * on its leases and rows can only become fewer. While it has a lease its rows stay, for its engine to undo that lease with;
 * one that cannot be revoked keeps the mount closing until somebody forces it. Rows are read from a state that is proven to
 * show the closing entry and deleted in bounded commands. One that dies half-way leaves nothing that the next does not finish.
 */

import { scopeKey } from "@strongroom/barrier";
import type { Gauge, Logger, Metrics } from "@strongroom/runtime";
import { type Invalidation, prefixRange } from "@strongroom/storage";
import type { BackgroundTask } from "./background/background-work.ts";
import type { LeaderStore } from "./background/leader-store.ts";

import type { LeaseTasks } from "./lease/lease-tasks.ts";
import { type Mounts, scopeOf } from "./mounts.ts";
import { changesEpoch } from "./system-scope.ts";

const ROWS_PER_COMMAND = 512;

export class MountSweeper implements BackgroundTask {
  readonly name = "mount-sweep";
  readonly everyMs = 60_000;
  readonly #mounts: Mounts;
  readonly #leases: Pick<LeaseTasks, "endAll" | "hasLeases">;
  readonly #logger: Logger;
  readonly #closing: Gauge;
  /** By uuid: mounts whose leases are being revoked. */
  readonly #waiting = new Set<string>();

  constructor(parts: {
    readonly mounts: Mounts;
    readonly leases: Pick<LeaseTasks, "endAll" | "hasLeases">;
    readonly logger: Logger;
    readonly metrics: Metrics;
  }) {
    this.#mounts = parts.mounts;
    this.#leases = parts.leases;
    this.#logger = parts.logger;
    this.#closing = parts.metrics.gauge(
      "strongroom_mounts_closing",
      "Mounts that were taken away and have leases or rows left; said by the leader.",
    );
  }

  /** Whether the last pass left this mount for its leases. */
  waitsFor(mountUuid: string): boolean {
    return this.#waiting.has(mountUuid);
  }

  wakesOn(event: Invalidation): boolean {
    return changesEpoch(event);
  }

  /** Sweeps all that is closing at this moment. */
  async run(store: LeaderStore): Promise<void> {
    const closing = await store.read((tx) => this.#mounts.table(tx, "read").state.closing);
    let open = closing.length;
    this.#closing.set(open);
    const left = new Set(closing.map(({ uuid }) => uuid));
    for (const uuid of this.#waiting) if (!left.has(uuid)) this.#waiting.delete(uuid);
    for (const mount of closing) {
      // Said before it is looked at: what is worked off from here on asks for another pass.
      this.#waiting.add(mount.uuid);
      await this.#leases.endAll(store, mount);
      if (await this.#leases.hasLeases(store, mount)) continue;
      await this.#sweepMount(store, mount.uuid);
      this.#waiting.delete(mount.uuid);
      this.#closing.set(--open);
    }
  }

  standBy(): void {
    this.#closing.set(0);
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
