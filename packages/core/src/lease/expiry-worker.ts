/**
 * Ends leases whose time is over by the log's clock, on the leader. Work is found in the index of what falls due, a few thousand
 * rows at a look, and goes into one lane a mount: an engine that hangs holds up its own leases and nobody else's. Nothing is
 * loaded at the start and nothing is kept between looks but where to look on.
 */

import type { Timers } from "@strongroom/runtime";
import { type Invalidation, keyAfter, LeadershipLostError } from "@strongroom/storage";
import type { BackgroundTask } from "../background/background-work.ts";
import type { LeaderStore } from "../background/leader-store.ts";
import { dueTimeOf, dueUntil, mountUuidOf } from "./lease-keys.ts";
import type { LeaseMetrics } from "./lease-metrics.ts";
import { type DueLease, LEASES_PER_COMMAND, type LeaseRevoker } from "./lease-revoker.ts";
import type { LeaseRows } from "./lease-rows.ts";

const ROWS_PER_PAGE = 512;
const ROWS_PER_LOOK = 2048;
/** What a lane holds in memory, and how many lanes there are. */
const LEASES_PER_LANE = 1024;
const MAX_LANES = 32;
/** While lanes work, others may fall due. */
const LOOK_AGAIN_MS = 1000;

export interface ExpiryWorkerParts {
  readonly rows: LeaseRows;
  readonly revoker: LeaseRevoker;
  readonly metrics: LeaseMetrics;
  readonly timers: Timers;
  /** The log's time. */
  readonly nowMs: () => number;
  /** Told when leases of a mount were worked off. */
  readonly onWorked: (mountUuid: string) => void;
}

export class ExpiryWorker implements BackgroundTask {
  readonly name = "lease-expiry";
  readonly everyMs = 1000;
  readonly #parts: ExpiryWorkerParts;
  /** Behind it the next look begins; undefined: at the start. */
  #place: Uint8Array | undefined;

  constructor(parts: ExpiryWorkerParts) {
    this.#parts = parts;
  }

  /** A lease was put among those that are due now: somebody revoked it. */
  wakesOn(event: Invalidation): boolean {
    if (event.type === "all") return true;
    const nowMs = this.#parts.nowMs();
    return event.keys.some((key) => {
      const dueMs = dueTimeOf(key);
      return dueMs !== undefined && dueMs <= nowMs;
    });
  }

  /** Until nothing is due that no lane has given up for now. */
  async run(store: LeaderStore): Promise<void> {
    const lanes = new Map<string, Promise<void>>();
    const failed = new Set<string>();
    let failure: unknown;
    let queued = 0;
    const { metrics } = this.#parts;
    const start = (mountUuid: string, leases: readonly DueLease[]): void => {
      queued += leases.length;
      const lane = this.#work(store, leases)
        .then(() => this.#parts.onWorked(mountUuid))
        .catch((thrown: unknown) => {
          failure ??= thrown;
          failed.add(mountUuid);
        })
        .finally(() => {
          lanes.delete(mountUuid);
          queued -= leases.length;
          metrics.queueLength.set(queued);
        });
      lanes.set(mountUuid, lane);
    };
    while (!store.signal.aborted && !(failure instanceof LeadershipLostError)) {
      const skipped = new Set([...lanes.keys(), ...failed]);
      const { found, saw } = await this.#look(store, skipped, MAX_LANES - lanes.size);
      for (const [mountUuid, leases] of found) start(mountUuid, leases);
      metrics.queueLength.set(queued);
      if (lanes.size > 0) await this.#anyOf(lanes.values());
      else if (saw === "all") break;
    }
    await Promise.all(lanes.values());
    if (failure !== undefined) throw failure;
  }

  async #work(store: LeaderStore, leases: readonly DueLease[]): Promise<void> {
    for (let i = 0; i < leases.length && !store.signal.aborted; i += LEASES_PER_COMMAND) {
      await this.#parts.revoker.revoke(store, leases.slice(i, i + LEASES_PER_COMMAND));
    }
  }

  /** Leases that are due, by mount, but for those of `skipped`; of at most `mounts` mounts. */
  async #look(
    store: LeaderStore,
    skipped: ReadonlySet<string>,
    mounts: number,
  ): Promise<{ readonly found: ReadonlyMap<string, readonly DueLease[]>; readonly saw: "all" | "part" }> {
    const found = new Map<string, DueLease[]>();
    const { lt, ...range } = dueUntil(store.nowMs());
    const fromStart = this.#place === undefined;
    let gte = this.#place ?? range.gte;
    this.#place = undefined;
    for (let looked = 0; looked < ROWS_PER_LOOK; looked += ROWS_PER_PAGE) {
      const page = await store.localRows({ gte, lt }, ROWS_PER_PAGE);
      const last = page.at(-1);
      if (last === undefined) return { found, saw: fromStart ? "all" : "part" };
      for (const row of page) {
        const mountUuid = mountUuidOf(row.key);
        if (skipped.has(mountUuid)) continue;
        const lane = found.get(mountUuid) ?? (found.size < mounts ? [] : undefined);
        if (lane === undefined || lane.length >= LEASES_PER_LANE) continue;
        lane.push({ key: row.key, ref: this.#parts.rows.refOf(row) });
        found.set(mountUuid, lane);
      }
      gte = keyAfter(last.key);
    }
    // All of it belonged to lanes that are at work: behind them others may wait.
    if (found.size === 0) this.#place = gte;
    return { found, saw: "part" };
  }

  async #anyOf(lanes: Iterable<Promise<void>>): Promise<void> {
    let cancel = (): void => {};
    const pause = new Promise<void>((resolve) => {
      cancel = this.#parts.timers.after(LOOK_AGAIN_MS, resolve);
    });
    await Promise.race([...lanes, pause]);
    cancel();
  }
}
