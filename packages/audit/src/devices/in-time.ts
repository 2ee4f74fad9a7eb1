/** An end to waiting for what may never answer. */
import type { Timers } from "@strongroom/runtime";
import { DeviceFailedError } from "../errors.ts";

/** What `work` comes to; rejects after `timeoutMs`, or with the signal's reason, though the work may go on then. */
export async function inTime<T>(
  work: () => Promise<T>,
  { timers, timeoutMs, signal }: { readonly timers: Timers; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<T> {
  signal.throwIfAborted();
  const late = Promise.withResolvers<never>();
  const cancel = timers.after(timeoutMs, () =>
    late.reject(new DeviceFailedError(`the other end took nothing for ${timeoutMs} ms`)),
  );
  const abort = (): void => late.reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work(), late.promise]);
  } finally {
    cancel();
    signal.removeEventListener("abort", abort);
  }
}
