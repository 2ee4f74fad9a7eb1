/**
 * Deletes request ids that nobody may use any more, in bounded commands; keys begin with the id's minute, so what is old is
 * one range at the front.
 */
import type { Barrier } from "@strongroom/barrier";
import { type KeyRange, keyAfter } from "@strongroom/storage";
import type { BackgroundTask } from "./background/background-work.ts";
import type { LeaderStore } from "./background/leader-store.ts";
import { raiseFence } from "./request-id.ts";
import { bucketOf, minuteOfKey, olderThan } from "./request-id-key.ts";

/** Twice as long as an id may be used. */
const ROW_LIFE_MINUTES = 20;
const ROWS_PER_COMMAND = 512;

export class RequestIdSweeper implements BackgroundTask {
  readonly name = "request-id-sweep";
  readonly everyMs = 30_000;
  readonly #barrier: Barrier;

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  /** Deletes what is old now. */
  async run(store: LeaderStore): Promise<void> {
    let range = olderThan(ROW_LIFE_MINUTES, store.nowMs());
    while (range !== undefined) range = await this.#sweepNext(store, range);
  }

  /** One command's worth; what is left of the range. */
  async #sweepNext(store: LeaderStore, range: KeyRange): Promise<KeyRange | undefined> {
    // What an old state shows in the range can only have been deleted since.
    const keys = (await store.localRows(range, ROWS_PER_COMMAND)).map(({ key }) => key);
    const last = keys.at(-1);
    if (last === undefined) return undefined;
    const buckets = new Set(keys.map((key) => bucketOf(minuteOfKey(key))));
    await store.write((tx) => {
      for (const bucket of buckets) raiseFence(tx, this.#barrier, bucket);
      for (const key of keys) tx.delete(key);
    });
    return { gte: keyAfter(last), lt: range.lt };
  }
}
