/**
 * Time, read. The two kinds are told apart because they may not be mixed: durations, deadlines and everything that a
 * decision hangs on use the monotonic clock; the wall clock is for stamps that people and certificates read.
 */
export interface Clock {
  /** Milliseconds from an arbitrary origin, with fractions; never moves back, not even when the wall clock is set. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC; may jump in both directions. */
  wallMs(): number;
}
