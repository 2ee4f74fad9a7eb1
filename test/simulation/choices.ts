/**
 * All that is left to chance in a simulation, as one sequence of small numbers drawn on demand. Zero is always the benign
 * choice: no fault, the smallest delay, the first node. In bulk the numbers come from a seed; to make a failure readable they
 * come from a list that a shrinker shortens and zeroes, and beyond its end all is benign.
 */
import type { Random } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";

/** A chance is drawn in parts of so many. */
const PARTS = 10_000;

export class Choices implements Random {
  readonly #random: SeededRandom | undefined;
  readonly #given: readonly number[];
  readonly #recorded: number[] | undefined;
  #drawn = 0;

  private constructor(parts: { random?: SeededRandom; given?: readonly number[]; recorded?: number[] }) {
    this.#random = parts.random;
    this.#given = parts.given ?? [];
    this.#recorded = parts.recorded;
  }

  /** As `seed` decides; `recorded`, if given, receives what was drawn. */
  static seeded(seed: number, recorded?: number[]): Choices {
    const random = new SeededRandom(seed);
    return new Choices(recorded === undefined ? { random } : { random, recorded });
  }

  /** As written down. */
  static given(sequence: readonly number[]): Choices {
    return new Choices({ given: sequence });
  }

  /** How many numbers were drawn so far. */
  get drawn(): number {
    return this.#drawn;
  }

  below(bound: number): number {
    if (bound <= 1) return 0;
    const at = this.#drawn++;
    if (this.#random !== undefined) {
      const value = this.#random.below(bound);
      this.#recorded?.push(value);
      return value;
    }
    const value = this.#given[at] ?? 0;
    return value < bound ? value : value % bound;
  }

  /** True in `percent` of a hundred draws, and never where zero was drawn. */
  chance(percent: number): boolean {
    return percent > 0 && this.below(PARTS) >= PARTS - percent * (PARTS / 100);
  }

  /** `low`, or up to `high` with it. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** In `percent` of a hundred draws a number from 1 to `bound`, else 0. */
  some(percent: number, bound: number): number {
    return this.chance(percent) ? 1 + this.below(bound) : 0;
  }

  /** The first, or another; `items` is not empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}
