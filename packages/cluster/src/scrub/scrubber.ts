/**
 * Runs `scrubPass` in the background: some time after the start, and then daily. It takes a small share of one core, in slices
 * of a fraction of a millisecond, so that the replica's loop never waits for it. The table's image lasts as long as a pass,
 * and with it what is deleted meanwhile.
 */
import { asError, type Cancel, type Clock, type Timers } from "@strongroom/runtime";
import { type Table, TableOpenError } from "@strongroom/storage";
import { type ScrubResult, scrubPass } from "./scrub-pass.ts";

export interface ScrubberOptions {
  /** From the start to the first pass. */
  readonly delayMs: number;
  /** From the end of a pass to the next. */
  readonly intervalMs: number;
  /** Of one core, between 0 and 1. */
  readonly share: number;
}

export const DEFAULT_SCRUB: ScrubberOptions = { delayMs: 60_000, intervalMs: 24 * 3_600_000, share: 0.05 };

export interface ScrubberParts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** What is to be looked at now. */
  readonly table: () => Pick<Table, "image">;
  readonly onResult: (result: ScrubResult) => void;
  /** The disk had no room to look; it is tried again. */
  readonly onPutOff: (error: TableOpenError) => void;
  /** A row could not be read at all. */
  readonly onError: (error: Error) => void;
}

/** The pass was told to end. */
class Stopped extends Error {}

interface Pass {
  stopped: boolean;
  wake: () => void;
  readonly ended: Promise<void>;
}

export class Scrubber {
  readonly #options: ScrubberOptions;
  readonly #parts: ScrubberParts;
  #cancel: Cancel = () => {};
  #pass: Pass | undefined;

  constructor(options: ScrubberOptions, parts: ScrubberParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Plans the first pass, and plans it anew after `stop`. */
  start(): void {
    this.#plan(this.#options.delayMs);
  }

  /** Resolves when no table is in use any more. Idempotent. */
  async stop(): Promise<void> {
    this.#cancel();
    const pass = this.#pass;
    if (pass === undefined) return;
    pass.stopped = true;
    pass.wake();
    await pass.ended;
  }

  #plan(delayMs: number): void {
    this.#cancel();
    this.#cancel = this.#parts.timers.after(delayMs, () => this.#begin());
  }

  #begin(): void {
    const ended = Promise.withResolvers<void>();
    const pass: Pass = { stopped: false, wake: () => {}, ended: ended.promise };
    this.#pass = pass;
    const { delayMs, intervalMs } = this.#options;
    void this.#run(pass).then((looked) => {
      this.#pass = undefined;
      ended.resolve();
      if (!pass.stopped) this.#plan(looked ? intervalMs : delayMs);
    });
  }

  /** Whether all was looked at that there is. Never rejects. */
  async #run(pass: Pass): Promise<boolean> {
    const { clock, table, onResult, onPutOff, onError } = this.#parts;
    let sliceAtMs = clock.monotonicMs();
    const pause = async () => {
      const spentMs = clock.monotonicMs() - sliceAtMs;
      await this.#sleep(pass, Math.max(1, spentMs * (1 / this.#options.share - 1)));
      if (pass.stopped) throw new Stopped();
      sliceAtMs = clock.monotonicMs();
    };
    try {
      const image = await table().image();
      try {
        const result = await scrubPass(image, pause);
        if (result !== undefined) onResult(result);
        return result !== undefined;
      } finally {
        await image.close();
      }
    } catch (error) {
      if (error instanceof TableOpenError) {
        onPutOff(error);
        return false;
      }
      if (!(error instanceof Stopped)) onError(asError(error));
      return true;
    }
  }

  #sleep(pass: Pass, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.timers.after(ms, resolve);
      pass.wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
