/** Virtual time for simulations: a clock and timers on a heap, so that a hundred thousand alarms are cheap. */
import type { Cancel, Clock, Timers } from "@strongroom/runtime";

interface Alarm {
  readonly atMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

const WALL_START_MS: number = Date.UTC(2030, 0, 1);

export class SimulatedTime implements Clock, Timers {
  #nowMs = 0;
  #order = 0;
  readonly #heap: Alarm[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return WALL_START_MS + this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const alarm: Alarm = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#push(alarm);
    return () => {
      alarm.callback = undefined;
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

  /** Moves to the next alarm and runs it. False if there is none. */
  step(): boolean {
    const alarm = this.#pop();
    if (alarm === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, alarm.atMs);
    alarm.callback?.();
    return true;
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let at = heap.push(alarm) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(alarm, heap[parent] as Alarm)) break;
      heap[at] = heap[parent] as Alarm;
      at = parent;
    }
    heap[at] = alarm;
  }

  #pop(): Alarm | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && before(heap[right] as Alarm, heap[left] as Alarm) ? right : left;
      if (!before(heap[child] as Alarm, last)) break;
      heap[at] = heap[child] as Alarm;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function before(a: Alarm, b: Alarm): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
