import type { Clock } from "../clock.ts";
import type { Cancel, Timers } from "../timers.ts";

interface Alarm {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock and its timers that move only when told. Callbacks due at one instant run in the order they were asked for. */
export class VirtualTime implements Clock, Timers {
  #nowMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  #alarms: Alarm[] = [];

  constructor(wallStartMs: number = Date.UTC(2030, 0, 1)) {
    this.#wallOffsetMs = wallStartMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  /** Sets the wall clock off by `deltaMs`, as an operator or a bad time server would. */
  jumpWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const alarm = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm);
    };
  }

  every(intervalMs: number, callback: () => void): Cancel {
    let cancel: Cancel = () => {};
    const again = () => {
      cancel = this.after(intervalMs, again);
      callback();
    };
    cancel = this.after(intervalMs, again);
    return () => cancel();
  }

  immediate(callback: () => void): Cancel {
    return this.after(0, callback);
  }

  /** Moves on by `durationMs`, running what falls due on the way. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const next = this.#next(endMs);
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.atMs > endMs) continue;
      if (first === undefined || alarm.atMs < first.atMs || (alarm.atMs === first.atMs && alarm.order < first.order))
        first = alarm;
    }
    if (first !== undefined) this.#alarms = this.#alarms.filter((alarm) => alarm !== first);
    return first;
  }
}
