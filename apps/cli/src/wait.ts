/** Waiting, also for what other processes do: asks again until the answer is there or time is up. */
import { nodeClock, nodeTimers } from "@strongroom/runtime/node";
import { LocalError } from "./command.ts";

const INTERVAL_MS = 25;

/** The first answer of `ask` that is not undefined. Throws what `ask` throws, and `LocalError` when `timeoutMs` are over. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const endMs = nodeClock.monotonicMs() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (nodeClock.monotonicMs() > endMs) throw new LocalError(`Waited ${timeoutMs / 1000} s in vain for ${what}.`);
    await pause(INTERVAL_MS);
  }
}

/** Resolves after `delayMs`, or at once when `signal` says that nobody waits any more. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = nodeTimers.after(delayMs, resolve);
    signal?.addEventListener("abort", () => {
      cancel();
      resolve();
    });
  });
}
