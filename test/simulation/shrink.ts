/**
 * Makes a failing choice sequence as calm as it can: shorter, then with zeros in long and ever shorter stretches, then, by
 * fast-check, number by number. Deterministic, and bounded by the number of runs that it may make.
 */
import fc from "fast-check";

/** Gives the calmest sequence found for which `fails` still holds, as it must for `sequence`. */
export function shrink(
  sequence: readonly number[],
  fails: (candidate: readonly number[]) => boolean,
  maxRuns: number,
): readonly number[] {
  const search = new Search(sequence, fails, maxRuns);
  search.shorten();
  search.zero();
  search.drop();
  search.shorten();
  search.lower();
  return search.best;
}

class Search {
  best: readonly number[];
  readonly #fails: (candidate: readonly number[]) => boolean;
  #runsLeft: number;

  constructor(sequence: readonly number[], fails: (candidate: readonly number[]) => boolean, maxRuns: number) {
    this.best = sequence;
    this.#fails = fails;
    this.#runsLeft = maxRuns;
  }

  /** Beyond its end a sequence is all zeros. */
  shorten(): void {
    for (let cut = this.best.length >> 1; cut >= 1; cut >>= 1)
      while (cut <= this.best.length && this.#take(this.best.slice(0, this.best.length - cut)));
  }

  zero(): void {
    this.#stretches((at, length) => this.best.map((value, i) => (i >= at && i < at + length ? 0 : value)));
  }

  drop(): void {
    this.#stretches((at, length) => [...this.best.slice(0, at), ...this.best.slice(at + length)]);
  }

  lower(): void {
    // What fast-check tries from here on it derives from the one example; it stops where it finds nothing calmer.
    const arbitrary = fc.array(fc.nat());
    fc.check(
      fc.property(arbitrary, (candidate) => !this.#take(candidate)),
      { examples: [[[...this.best]]], numRuns: 1, endOnFailure: false, seed: 1 },
    );
  }

  #stretches(without: (at: number, length: number) => readonly number[]): void {
    for (let length = this.best.length >> 1; length >= 1; length >>= 1)
      for (let at = 0; at < this.best.length; at += length) {
        if (this.best.slice(at, at + length).every((value) => value === 0)) continue;
        this.#take(without(at, length));
      }
  }

  // Whether it fails, too; then it is the best.
  #take(candidate: readonly number[]): boolean {
    if (this.#runsLeft <= 0) return false;
    this.#runsLeft--;
    if (!this.#fails(candidate)) return false;
    this.best = candidate;
    return true;
  }
}
