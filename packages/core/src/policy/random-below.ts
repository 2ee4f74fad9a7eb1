/** Whole numbers from entropy, each equally likely. */
import { assert, type Entropy } from "@strongroom/runtime";

/**
 * From 0 to `bound` - 1; `bound` is at most 65,536. A draw that falls past the greatest multiple of `bound` is thrown away,
 * since it would make the first numbers likelier than the rest.
 */
export function randomBelow(entropy: Entropy, bound: number): number {
  assert(Number.isInteger(bound) && bound > 0 && bound <= 0x10000, "a bound is from 1 to 65,536");
  const unbiased = 0x10000 - (0x10000 % bound);
  for (;;) {
    const bytes = entropy.bytes(2);
    const drawn = (bytes[0] as number) * 256 + (bytes[1] as number);
    bytes.fill(0);
    if (drawn < unbiased) return drawn % bound;
  }
}
