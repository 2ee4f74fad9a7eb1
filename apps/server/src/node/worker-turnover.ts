/**
 * Sealing a node ends its workers and starts new ones, which takes a moment. Until the old ones are gone nothing opens the
 * barrier: a node that was opened under them would lose the requests of their last moment, and the shares that they hold.
 * All threads of a server see it, in memory that they share.
 */
import { assert } from "@strongroom/runtime";

const BEGUN = 0;
const ENDED = 1;

export class WorkerTurnover {
  readonly buffer: SharedArrayBuffer;
  readonly #counts: Int32Array;

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#counts = new Int32Array(buffer);
  }

  static create(): WorkerTurnover {
    return new WorkerTurnover(new SharedArrayBuffer(8));
  }

  static attach(buffer: SharedArrayBuffer): WorkerTurnover {
    return new WorkerTurnover(buffer);
  }

  /** Right before the keys are wiped, and in the same turn. */
  begin(): void {
    Atomics.add(this.#counts, BEGUN, 1);
  }

  /** Once for each `begin`, when the workers of that time are gone. */
  end(): void {
    const ended = Atomics.add(this.#counts, ENDED, 1) + 1;
    assert(ended <= Atomics.load(this.#counts, BEGUN), "a turnover ends once");
  }

  get underWay(): boolean {
    return Atomics.load(this.#counts, ENDED) !== Atomics.load(this.#counts, BEGUN);
  }

  /** How many were begun since the process started. A worker that finds another number than at its start is about to end. */
  get number(): number {
    return Atomics.load(this.#counts, BEGUN);
  }
}
