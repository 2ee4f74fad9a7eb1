/** From what is said of a device to the device. */
import type { Clock, Timers } from "@strongroom/runtime";
import type { AuditDevice } from "./device.ts";
import { FileDevice } from "./file-device.ts";
import { HttpDevice } from "./http-device.ts";
import { checkFilePath, type DeviceTarget } from "./options.ts";
import type { Slots } from "./slots.ts";
import { socketDevice } from "./socket-device.ts";
import { syslogDevice } from "./syslog-device.ts";

export interface DeviceWorld {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly slots: Slots;
  /** Where files may lie; empty: anywhere but in the system's directories. */
  readonly fileDirectories: readonly string[];
  /** Where they may not: the node's data, and its streams. Without links. */
  readonly ownDirectories: readonly string[];
  readonly stdout: (bytes: Uint8Array) => Promise<void>;
}

/** Opens nothing yet: that is done by the first write. Throws `DeviceOptionError` for a path that this node does not allow. */
export function openDevice(target: DeviceTarget, world: DeviceWorld): AuditDevice {
  switch (target.type) {
    case "file": {
      const allowed = { directories: world.fileDirectories, own: world.ownDirectories };
      checkFilePath(target.path, allowed);
      return new FileDevice(target, { ...world, check: (path) => checkFilePath(path, allowed) });
    }
    case "stdout":
      return sink((lines) => world.stdout(Buffer.concat(lines)));
    case "discard":
      return sink(async () => {});
    case "socket":
      return socketDevice(target, world.timers);
    case "syslog":
      return syslogDevice(target, world.timers);
    case "http":
      return new HttpDevice(target);
  }
}

function sink(write: (lines: readonly Uint8Array[]) => Promise<void>): AuditDevice {
  return { maxLineBytes: Number.POSITIVE_INFINITY, settleMs: 0, write, reopen: () => {}, close: async () => {} };
}
