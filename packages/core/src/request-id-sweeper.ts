/**
 * Deletes request ids that nobody may use any more. Runs in one worker of each node and acts only on the node that leads, in
 * bounded commands bound to its Raft term; keys begin with the id's minute, so what is old is one range at the front.
 */
import type { Barrier } from "@strongroom/barrier";
import { asError, type Cancel, type Logger, type Timers } from "@strongroom/runtime";
import {
  type KeyRange,
  keyAfter,
  LeadershipLostError,
  type ReplicatedStore,
  runTransaction,
} from "@strongroom/storage";
import { raiseFence } from "./request-id.ts";
import { bucketOf, minuteOfKey, olderThan } from "./request-id-key.ts";

/** Twice as long as an id may be used. */
const ROW_LIFE_MINUTES = 20;
const ROWS_PER_COMMAND = 512;
const INTERVAL_MS = 30_000;
const COMMAND_DEADLINE_MS = 10_000;

export interface RequestIdSweeperParts {
  readonly store: ReplicatedStore;
  readonly barrier: Barrier;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class RequestIdSweeper {
  readonly #parts: RequestIdSweeperParts;
  readonly #abort = new AbortController();
  #cancel: Cancel | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: RequestIdSweeperParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#cancel ??= this.#parts.timers.every(INTERVAL_MS, () => void this.sweep());
  }

  /** Deletes what is old now, if this node leads and is open. Failures are logged: the next sweep goes on. */
  sweep(): Promise<void> {
    this.#running ??= this.#sweepAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Ends a sweep under way at its next command. Idempotent. */
  async close(): Promise<void> {
    this.#cancel?.();
    this.#abort.abort();
    await this.#running;
  }

  async #sweepAll(): Promise<void> {
    const { store, barrier, logger } = this.#parts;
    if (this.#abort.signal.aborted || !store.isLeaderNode() || barrier.sealed) return;
    const term = store.raftTerm();
    let range = olderThan(ROW_LIFE_MINUTES, store.logTimeMs());
    try {
      while (range !== undefined) range = await this.#sweepNext(range, term);
    } catch (thrown) {
      // Another node leads and sweeps, or nobody may: neither is news.
      if (thrown instanceof LeadershipLostError || this.#abort.signal.aborted || barrier.sealed) return;
      logger.warn("old request ids are left; they are deleted later", { error: asError(thrown) });
    }
  }

  /** One command's worth; what is left of the range. */
  async #sweepNext(range: KeyRange, term: number): Promise<KeyRange | undefined> {
    const { store, barrier } = this.#parts;
    const keys = await this.#firstKeys(range);
    const last = keys.at(-1);
    if (last === undefined) return undefined;
    const buckets = new Set(keys.map((key) => bucketOf(minuteOfKey(key))));
    await runTransaction(
      store,
      (tx) => {
        tx.guardRaftTerm(term);
        for (const bucket of buckets) raiseFence(tx, barrier, bucket);
        for (const key of keys) tx.delete(key);
      },
      { mode: "write", deadlineMs: store.clock.monotonicMs() + COMMAND_DEADLINE_MS, signal: this.#abort.signal },
    );
    return { gte: keyAfter(last), lt: range.lt };
  }

  /** From this node's own state, old as it may be: what it shows in the range can only have been deleted since. */
  async #firstKeys(range: KeyRange): Promise<readonly Uint8Array[]> {
    const snapshot = this.#parts.store.localSnapshot();
    try {
      const iterator = snapshot.iterate(range);
      try {
        return (await iterator.next(ROWS_PER_COMMAND)).map(({ key }) => key);
      } finally {
        await iterator.close();
      }
    } finally {
      snapshot.release();
    }
  }
}
