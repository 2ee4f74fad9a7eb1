/** Virtual time: what is to happen, ordered by when, then by when it was asked for. Nothing else moves a simulation. */

interface Planned {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A binary heap. One unit of time is a millisecond of the simulated world, or whatever its owner calls so. */
export class VirtualTime {
  now = 0;
  /** Things that have happened: each is one call of what somebody planned. */
  events = 0;
  #order = 0;
  readonly #heap: Planned[] = [];

  /** Plans `run` for `delay` from now. */
  after(delay: number, run: () => void): void {
    this.at(this.now + Math.max(0, delay), run);
  }

  /** Plans `run` for `time`, which is not over. What is planned for the same time happens in the order of the calls. */
  at(time: number, run: () => void): void {
    const heap = this.#heap;
    const planned: Planned = { at: time, order: this.#order++, run };
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

  /** Lets the next thing happen. */
  step(): void {
    const next = this.#heap[0];
    if (next === undefined) return;
    this.#pop();
    this.now = next.at;
    this.events++;
    next.run();
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
