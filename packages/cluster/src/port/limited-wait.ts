/** A wait that a deadline or a signal may end before what was waited for. */
import type { Clock, Timers } from "@strongroom/runtime";
import type { WaitOptions } from "@strongroom/storage";

export interface LimitedWait {
  isOpen(): boolean;
  /** Ends the wait; true for the first of all that try. Whoever gets true settles the promise. */
  close(): boolean;
}

export interface WaitEnds {
  /** Called once, at the deadline: cleans up and says what the waiting one is told. */
  readonly atDeadline: () => Error;
  /** As `atDeadline`, when the signal is aborted. */
  readonly atAbort: (reason: unknown) => unknown;
  readonly reject: (error: unknown) => void;
}

/** Undefined if the signal had been aborted already: the wait was rejected with its reason. */
export function limitWait(
  options: WaitOptions,
  ends: WaitEnds,
  parts: { readonly clock: Clock; readonly timers: Timers },
): LimitedWait | undefined {
  const { signal } = options;
  if (signal?.aborted === true) {
    ends.reject(signal.reason);
    return undefined;
  }
  let open = true;
  const onAbort = () => {
    if (close()) ends.reject(ends.atAbort(signal?.reason));
  };
  const remainingMs = Math.max(0, options.deadlineMs - parts.clock.monotonicMs());
  const cancel = parts.timers.after(remainingMs, () => {
    if (close()) ends.reject(ends.atDeadline());
  });
  const close = () => {
    if (!open) return false;
    open = false;
    cancel();
    signal?.removeEventListener("abort", onAbort);
    return true;
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  return { isOpen: () => open, close };
}
