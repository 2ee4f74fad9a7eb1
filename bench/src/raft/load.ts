/** Keeps so many entries in flight, and times each. */
import { performance } from "node:perf_hooks";

export interface LoadFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the whole process, all threads, for one entry. */
  readonly cpuUs: number;
}

export interface Measured<T> {
  readonly figures: LoadFigures;
  readonly before: T;
  readonly after: T;
  /** Entries that were done while it was measured. */
  readonly entries: number;
}

/** What was done in `seconds`, after `warmUpSeconds`; `probe` is read at both ends. */
export class LoadClock {
  #done = 0;
  #latenciesMs: number[] = [];

  /** An entry that was handed in at `startMs` is committed. */
  done(startMs: number): void {
    this.#done++;
    this.#latenciesMs.push(performance.now() - startMs);
  }

  async measure<T>(
    { seconds, warmUpSeconds }: { readonly seconds: number; readonly warmUpSeconds: number },
    probe: () => T,
  ): Promise<Measured<T>> {
    await new Promise((resolve) => setTimeout(resolve, warmUpSeconds * 1000));
    const [before, startMs, cpu] = [probe(), performance.now(), process.cpuUsage()];
    this.#done = 0;
    this.#latenciesMs = [];
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const entries = this.#done;
    const sorted = this.#latenciesMs.sort((a, b) => a - b);
    const { user, system } = process.cpuUsage(cpu);
    const figures = {
      perSecond: (entries * 1000) / (performance.now() - startMs),
      p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? 0,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      cpuUs: (user + system) / Math.max(1, entries),
    };
    return { figures, before, after: probe(), entries };
  }
}
