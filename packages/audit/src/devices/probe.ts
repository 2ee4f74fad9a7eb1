/** Whether a device takes anything, tried before it is enabled: its file is opened, or its connection made. */
import type { Clock, Timers } from "@strongroom/runtime";
import { inTime } from "./in-time.ts";
import { type DeviceWorld, openDevice } from "./open-device.ts";
import { parseDevice } from "./options.ts";
import { Slots } from "./slots.ts";

const PROBE_MS = 5_000;

/** Writes no record. Rejects with `DeviceOptionError`, or with what the device says. */
export async function probeDevice(
  type: string,
  options: Readonly<Record<string, string>>,
  world: Pick<DeviceWorld, "fileDirectories" | "ownDirectories"> & { readonly clock: Clock; readonly timers: Timers },
): Promise<void> {
  const device = openDevice(parseDevice(type, options).target, {
    ...world,
    slots: new Slots(1),
    stdout: async () => {},
  });
  const abort = new AbortController();
  try {
    await inTime(() => device.write([], abort.signal), {
      timers: world.timers,
      timeoutMs: PROBE_MS,
      signal: abort.signal,
    });
  } finally {
    abort.abort(new Error("the audit device was tried"));
    await device.close();
  }
}
