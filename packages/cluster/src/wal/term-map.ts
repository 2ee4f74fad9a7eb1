/** Terms of a stretch of log, kept as the indices where they change: a handful, however long the log. */
import { assert } from "@strongroom/runtime";
import type { WalBase } from "./types.ts";

interface Start {
  readonly index: number;
  readonly term: number;
}

/** Knows the term of every index in `[base.index, lastIndex]`. */
export class TermMap {
  /** Ascending in both; the first is the base. */
  #starts: Start[];
  #lastIndex: number;

  constructor(base: WalBase) {
    this.#starts = [base];
    this.#lastIndex = base.index;
  }

  get baseIndex(): number {
    return (this.#starts[0] as Start).index;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get lastTerm(): number {
    return (this.#starts.at(-1) as Start).term;
  }

  at(index: number): number {
    assert(index >= this.baseIndex && index <= this.#lastIndex, "the index lies in the log");
    let at = this.#starts.length - 1;
    while ((this.#starts[at] as Start).index > index) at--;
    return (this.#starts[at] as Start).term;
  }

  /** The next entry; `term` may not fall. */
  push(term: number): void {
    assert(term >= this.lastTerm, "terms do not fall along the log");
    this.#lastIndex++;
    if (term !== this.lastTerm) this.#starts.push({ index: this.#lastIndex, term });
  }

  /** Forgets all indices above `last`, which is not below the base. */
  truncateAfter(last: number): void {
    assert(last >= this.baseIndex, "the base stays");
    while ((this.#starts.at(-1) as Start).index > last) this.#starts.pop();
    this.#lastIndex = Math.min(this.#lastIndex, last);
  }

  /** Forgets all; the log goes on above `base`. */
  reset(base: WalBase): void {
    this.#starts = [base];
    this.#lastIndex = base.index;
  }

  /** Forgets all indices below `index`, which becomes the base. */
  compact(index: number): void {
    if (index <= this.baseIndex) return;
    const term = this.at(index);
    this.#starts = [{ index, term }, ...this.#starts.filter((start) => start.index > index)];
  }
}
