/** Virtual time: what is to happen, ordered by time, then by when it was asked for. Nothing else moves the simulation. */

interface Planned {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A binary heap. Time has no unit but the simulation's own. */
export class RaftScheduler {
  now = 0;
  events = 0;
  #order = 0;
  readonly #heap: Planned[] = [];

  /** Plans `run` for `delay` from now, at least 1. */
  after(delay: number, run: () => void): void {
    const heap = this.#heap;
    const planned: Planned = { at: this.now + Math.max(1, delay), order: this.#order++, run };
    let at = heap.length;
    heap.push(planned);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(planned, heap[parent] as Planned)) break;
      heap[at] = heap[parent] as Planned;
      at = parent;
    }
    heap[at] = planned;
  }

  /** Runs all that is planned up to `time`, and what that plans. */
  runUntil(time: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= time; next = this.#heap[0]) {
      this.#pop();
      this.now = next.at;
      this.events++;
      next.run();
    }
    this.now = time;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Planned;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Planned, heap[child] as Planned)) child++;
      if (!isBefore(heap[child] as Planned, last)) break;
      heap[at] = heap[child] as Planned;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(left: Planned, right: Planned): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
