/** The appends that are on their way to one follower and not yet answered: a ring, bounded by count and by bytes. */

import type { Index } from "../entry.ts";
import { fail } from "../errors.ts";

const FIRST_RING = 8;

/** Each element is the last index of a `MsgApp` and the bytes of its payload; indices never fall. */
export class Inflights {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #start = 0;
  #count = 0;
  #bytes = 0;
  #indices: number[] = [];
  #sizes: number[] = [];

  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** No more may be sent until something is answered. The byte limit is passed by the message that reaches it. */
  get full(): boolean {
    return this.#count >= this.#maxCount || this.#bytes >= this.#maxBytes;
  }

  /** Notes a message that ends at `index`. Must not be full. */
  add(index: Index, bytes: number): void {
    if (this.full) fail("cannot add into full inflights");
    if (this.#count === this.#indices.length) this.#grow();
    const at = (this.#start + this.#count) % this.#indices.length;
    this.#indices[at] = index;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Forgets all messages that end at `index` or before it. */
  freeThrough(index: Index): void {
    const length = this.#indices.length;
    while (this.#count > 0 && (this.#indices[this.#start] as number) <= index) {
      this.#bytes -= this.#sizes[this.#start] as number;
      this.#start = (this.#start + 1) % length;
      this.#count--;
    }
    if (this.#count === 0) this.#start = 0;
  }

  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  /** A copy that changes on its own. */
  clone(): Inflights {
    const copy = new Inflights(this.#maxCount, this.#maxBytes);
    copy.#start = this.#start;
    copy.#count = this.#count;
    copy.#bytes = this.#bytes;
    copy.#indices = this.#indices.slice();
    copy.#sizes = this.#sizes.slice();
    return copy;
  }

  // The ring grows by need: most followers are a message or two behind, whatever the limit allows.
  #grow(): void {
    const old = this.#indices.length;
    const length = Math.min(Math.max(FIRST_RING, old * 2), this.#maxCount);
    const indices = Array.from({ length }, () => 0);
    const sizes = Array.from({ length }, () => 0);
    for (let i = 0; i < this.#count; i++) {
      const from = (this.#start + i) % old;
      indices[i] = this.#indices[from] as number;
      sizes[i] = this.#sizes[from] as number;
    }
    this.#indices = indices;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
