/**
 * What runs by itself, in one worker of the node that leads: sweeps, expiry, revocation. A task is asked to run at intervals
 * and when a change that it waits for is applied; it looks for work in the replicated state, so whoever leads next finds what
 * is left, and its commits are bound to the Raft term. Nothing of it is kept in memory that a failover could lose.
 */
import type { Barrier } from "@strongroom/barrier";
import {
  asError,
  assert,
  type Cancel,
  type Counter,
  type Histogram,
  type Logger,
  type Metrics,
} from "@strongroom/runtime";
import { type Invalidation, LeadershipLostError, type ReplicatedStore } from "@strongroom/storage";
import { LeaderStore } from "./leader-store.ts";

/** Upper bounds in milliseconds. */
const DURATION_BOUNDS = [1, 10, 100, 1000, 10_000, 60_000];

export interface BackgroundTask {
  /** Stable: it labels metrics and stands in logs. */
  readonly name: string;
  /** How often to look for work that no change announces. */
  readonly everyMs: number;
  /** Whether what was applied is a reason to look at once. Must be cheap: it is asked for every entry. */
  readonly wakesOn?: (event: Invalidation) => boolean;
  /** One pass; never two of a task at a time. Ends soon after `store.signal` is aborted. What it throws is logged. */
  run(store: LeaderStore): Promise<void>;
  /** Instead of `run`, on a node that does not lead or is sealed. */
  standBy?(): void;
}

export interface BackgroundWorkParts {
  readonly store: ReplicatedStore;
  readonly barrier: Pick<Barrier, "sealed">;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Entry {
  readonly task: BackgroundTask;
  readonly durations: Histogram;
  readonly failures: Counter;
  running: Promise<void> | undefined;
  /** Whether it was asked for while it ran. */
  again: boolean;
}

export class BackgroundWork {
  readonly #parts: BackgroundWorkParts;
  readonly #entries = new Map<string, Entry>();
  readonly #abort = new AbortController();
  readonly #cancels: Cancel[] = [];
  #started = false;

  constructor(parts: BackgroundWorkParts) {
    this.#parts = parts;
  }

  /** Before `start`. */
  register(task: BackgroundTask): void {
    assert(!this.#started && !this.#entries.has(task.name), `the background task ${task.name} is registered once`);
    const { metrics } = this.#parts;
    const labels = { task: task.name };
    this.#entries.set(task.name, {
      task,
      durations: metrics.histogram(
        "strongroom_background_run",
        "Time that a pass of background work took on the leader, in milliseconds.",
        DURATION_BOUNDS,
        labels,
      ),
      failures: metrics.counter("strongroom_background_failures", "Passes of background work that failed.", labels),
      running: undefined,
      again: false,
    });
  }

  /** To be called in one worker of each node: which of these nodes works is asked before each pass. Idempotent. */
  start(): void {
    if (this.#started || this.#abort.signal.aborted) return;
    this.#started = true;
    const { store } = this.#parts;
    for (const entry of this.#entries.values()) {
      this.#cancels.push(store.timers.every(entry.task.everyMs, () => void this.#ask(entry)));
    }
    this.#cancels.push(
      store.onInvalidation((event) => {
        for (const entry of this.#entries.values()) if (entry.task.wakesOn?.(event) === true) void this.#ask(entry);
      }),
    );
  }

  /** Runs a task until it was run wholly after this call, if this node leads and is open. Never rejects. */
  run(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    assert(entry !== undefined, `${name} is a background task`);
    return this.#ask(entry);
  }

  /** Asks for nothing more, aborts what runs and waits for it. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort();
    for (const cancel of this.#cancels.splice(0)) cancel();
    for (const { running } of this.#entries.values()) await running;
  }

  #ask(entry: Entry): Promise<void> {
    if (entry.running !== undefined) {
      entry.again = true;
      return entry.running;
    }
    entry.running = this.#passes(entry).finally(() => {
      entry.running = undefined;
    });
    return entry.running;
  }

  async #passes(entry: Entry): Promise<void> {
    do {
      entry.again = false;
      await this.#pass(entry);
    } while (entry.again);
  }

  async #pass({ task, durations, failures }: Entry): Promise<void> {
    const { store, barrier, logger } = this.#parts;
    const { signal } = this.#abort;
    if (signal.aborted) return;
    if (!store.isLeaderNode() || barrier.sealed) {
      task.standBy?.();
      return;
    }
    const startMs = store.clock.monotonicMs();
    try {
      await task.run(new LeaderStore(store, signal));
    } catch (thrown) {
      // Another node leads and goes on, or nobody may: neither is news.
      if (thrown instanceof LeadershipLostError || signal.aborted || barrier.sealed) return;
      failures.add();
      logger.warn("background work failed; it is tried again", { task: task.name, error: asError(thrown) });
    } finally {
      durations.observe(store.clock.monotonicMs() - startMs);
    }
  }
}
