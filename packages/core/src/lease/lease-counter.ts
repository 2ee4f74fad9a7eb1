/**
 * How many leases there are, counted from the indexes now and then: a number kept up to date would be a row that every login
 * writes. A great number is counted seldom.
 */
import { type KeyRange, keyAfter } from "@strongroom/storage";
import type { BackgroundTask } from "../background/background-work.ts";
import type { LeaderStore } from "../background/leader-store.ts";
import { dueRange, irrevocableRange } from "./lease-keys.ts";
import type { LeaseMetrics } from "./lease-metrics.ts";

const ROWS_PER_PAGE = 1000;
const MANY = 100_000;
/** In turns: so many are left out after one that counted many. */
const REST = 9;

export class LeaseCounter implements BackgroundTask {
  readonly name = "lease-count";
  readonly everyMs = 60_000;
  readonly #metrics: LeaseMetrics;
  #rest = 0;

  constructor(metrics: LeaseMetrics) {
    this.#metrics = metrics;
  }

  async run(store: LeaderStore): Promise<void> {
    if (this.#rest-- > 0) return;
    const leases = await count(store, dueRange());
    this.#rest = leases > MANY ? REST : 0;
    this.#metrics.leases.set(leases);
    this.#metrics.irrevocable.set(await count(store, irrevocableRange()));
  }

  /** Only the leader says a number, so that the numbers of all nodes can be added. */
  standBy(): void {
    this.#rest = 0;
    this.#metrics.leases.set(0);
    this.#metrics.irrevocable.set(0);
  }
}

async function count(store: LeaderStore, { gte, lt }: KeyRange): Promise<number> {
  let counted = 0;
  let from = gte;
  while (!store.signal.aborted) {
    const page = await store.localRows({ gte: from, lt }, ROWS_PER_PAGE);
    const last = page.at(-1);
    if (last === undefined) break;
    counted += page.length;
    from = keyAfter(last.key);
  }
  return counted;
}
