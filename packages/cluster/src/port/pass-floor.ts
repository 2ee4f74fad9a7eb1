/** A command that says nothing but its floor, so that what was given up below it has an end. */
import type { ReplicatedStore } from "@strongroom/storage";

const TIMEOUT_MS = 5_000;

/** When it is applied, what became of everything below its floor is known. Without it another command tells, if one comes in time. */
export function passFloor(store: ReplicatedStore): void {
  const deadlineMs = store.clock.monotonicMs() + TIMEOUT_MS;
  store.commit({ guards: [], mutations: [] }, { deadlineMs }).catch(() => {
    // Then whoever waits hears at the deadline that nobody knows.
  });
}
