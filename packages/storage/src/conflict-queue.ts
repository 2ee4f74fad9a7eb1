/**
 * Fairness after a conflict: who lost a race for a row waits in line for it, so that under contention each attempt but a
 * newcomer's first has the row to itself. A line is this worker's own; between workers the guards decide.
 */
import { assert, type Cancel, type Clock, type Timers } from "@strongroom/runtime";
import { NotCommittedError } from "./errors.ts";
import { mapKey } from "./keys.ts";
import type { WaitOptions } from "./store.ts";

/** The right to try next for one row. */
export interface Place {
  readonly id: string;
  /** The highest index at which an earlier holder of this line is known to have written. */
  readonly writtenIndex: number;
  /** Lets the next one try; `writtenIndex` is given if the holder committed. Idempotent. */
  leave(writtenIndex?: number): void;
}

interface Line {
  writtenIndex: number;
  readonly waiting: Set<(place: Place) => void>;
}

export class ConflictQueue {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #lines = new Map<string, Line>();

  constructor(world: { readonly clock: Clock; readonly timers: Timers }) {
    this.#clock = world.clock;
    this.#timers = world.timers;
  }

  /** Lines that somebody holds. */
  get size(): number {
    return this.#lines.size;
  }

  /** Waits for the turn at `key`. Throws `NotCommittedError` at the deadline, the signal's reason when it is aborted. */
  enter(key: Uint8Array, options: WaitOptions): Promise<Place> {
    const id = mapKey(key);
    const line = this.#lines.get(id);
    if (line !== undefined) return this.#wait(line, options);
    const opened: Line = { writtenIndex: 0, waiting: new Set() };
    this.#lines.set(id, opened);
    return Promise.resolve(this.#place(id, opened));
  }

  #wait(line: Line, { deadlineMs, signal }: WaitOptions): Promise<Place> {
    return new Promise((resolve, reject) => {
      let cancel: Cancel = () => {};
      const done = (): void => {
        cancel();
        line.waiting.delete(take);
        signal?.removeEventListener("abort", abort);
      };
      const take = (place: Place): void => {
        done();
        resolve(place);
      };
      const abort = (): void => {
        done();
        reject(signal?.reason);
      };
      if (signal?.aborted === true) {
        abort();
        return;
      }
      cancel = this.#timers.after(Math.max(0, deadlineMs - this.#clock.monotonicMs()), () => {
        done();
        reject(new NotCommittedError("too many requests changed the same row until the deadline; try again"));
      });
      signal?.addEventListener("abort", abort);
      line.waiting.add(take);
    });
  }

  #place(id: string, line: Line): Place {
    let held = true;
    return {
      id,
      writtenIndex: line.writtenIndex,
      leave: (writtenIndex = 0) => {
        if (!held) return;
        held = false;
        line.writtenIndex = Math.max(line.writtenIndex, writtenIndex);
        this.#passOn(id, line);
      },
    };
  }

  #passOn(id: string, line: Line): void {
    assert(this.#lines.get(id) === line, "a line stays until its last holder leaves");
    const [next] = line.waiting;
    if (next === undefined) this.#lines.delete(id);
    else next(this.#place(id, line));
  }
}
