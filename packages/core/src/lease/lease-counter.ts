/**
 * How many leases there are, counted from the indexes now and then: a number kept up to date would be a row that every login
 * writes. A great number is counted seldom.
 */
import type { BackgroundTask } from "../background/background-work.ts";
import type { LeaderStore } from "../background/leader-store.ts";
import { dueRange, irrevocableRange } from "./lease-keys.ts";
import type { LeaseMetrics } from "./lease-metrics.ts";

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
    const leases = await store.countLocal(dueRange(), MANY);
    this.#rest = leases > MANY ? REST : 0;
    this.#metrics.leases.set(leases);
    this.#metrics.irrevocable.set(await store.countLocal(irrevocableRange(), MANY));
  }

  /** Only the leader says a number, so that the numbers of all nodes can be added. */
  standBy(): void {
    this.#rest = 0;
    this.#metrics.leases.set(0);
    this.#metrics.irrevocable.set(0);
  }
}
