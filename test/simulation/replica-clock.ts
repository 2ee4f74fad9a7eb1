/** A machine's two clocks: one that only goes on, a little fast or slow, and one that people and daemons set. */
import type { Instant } from "@strongroom/cluster";
import type { VirtualTime } from "./virtual-time.ts";

/** The true time when a simulation begins. */
export const WALL_START_MS: number = Date.UTC(2030, 0, 1);

export class MachineClock {
  readonly #time: VirtualTime;
  /** How fast the monotonic clock runs; 1 is true. */
  rate = 1;
  /** How far the wall clock is off. */
  wallOffsetMs = 0;
  #frozenMs = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  monotonicMs(): number {
    return (this.#time.now - this.#frozenMs) * this.rate;
  }

  wallMs(): number {
    return WALL_START_MS + this.#time.now + this.wallOffsetMs;
  }

  /** The machine was suspended for so long: its monotonic clock stood still. */
  suspended(ms: number): void {
    this.#frozenMs += ms;
  }

  instant(): Instant {
    return { monotonicMs: this.monotonicMs(), wallMs: this.wallMs() };
  }
}
