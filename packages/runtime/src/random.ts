/** Randomness for jitter and the order of tries. Keys, nonces, tokens and shares come from `Entropy` instead. */
export interface Random {
  /** A whole number in `[0, bound)`; `bound` is a whole number of at least 1. */
  below(bound: number): number;
}
