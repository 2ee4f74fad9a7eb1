/** Calls of what one worker of a node serves for all: while that worker starts, or is replaced, nobody does. */
import type { CallTarget, ClusterClient } from "@strongroom/cluster";
import { type Clock, StrongroomError, type Timers } from "@strongroom/runtime";

const PAUSE_MS = 20;

/** As `ClusterClient.call`, which it repeats for as long as nobody serves `method` at `to`, within `timeoutMs` together. */
export async function callServed(
  parts: { readonly cluster: ClusterClient; readonly clock: Clock; readonly timers: Timers },
  call: {
    readonly to: CallTarget;
    readonly method: string;
    readonly payload: Uint8Array;
    readonly timeoutMs: number;
  },
): Promise<Uint8Array> {
  const { cluster, clock, timers } = parts;
  const { to, method, payload } = call;
  const deadlineMs = clock.monotonicMs() + call.timeoutMs;
  for (;;) {
    try {
      return await cluster.call(to, method, payload, { timeoutMs: deadlineMs - clock.monotonicMs() });
    } catch (error) {
      const early = error instanceof StrongroomError && error.code === "unserved";
      if (!early || clock.monotonicMs() + PAUSE_MS > deadlineMs) throw error;
    }
    await new Promise<void>((resolve) => timers.after(PAUSE_MS, resolve));
  }
}
