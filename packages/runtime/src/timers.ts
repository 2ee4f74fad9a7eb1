/** Ends what it was handed out for; calling it again, or after the fact, does nothing. */
export type Cancel = () => void;

/** Time, waited for. */
export interface Timers {
  /** Runs `callback` once, no sooner than `delayMs` from now. */
  after(delayMs: number, callback: () => void): Cancel;
  /** Runs `callback` each `intervalMs`; a late run is not made up for by further ones. */
  every(intervalMs: number, callback: () => void): Cancel;
  /** Runs `callback` once, after the input that has already arrived was read (Node: `setImmediate`). */
  immediate(callback: () => void): Cancel;
}
