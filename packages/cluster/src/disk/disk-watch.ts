/**
 * Decides, look by look, whether the disk is low and what becomes of the reserve. Pure: the shell looks and acts, a simulator
 * may make both up. Low begins when what is free falls below a threshold and ends, with some distance, when the reserve stands
 * again; so room that comes from giving up the reserve does not count as room.
 */
import type { DiskRoom } from "./disk-space.ts";

export interface DiskThresholds {
  /** Free bytes below which the disk is low; at most a tenth of a small file system. */
  readonly lowBytes: number;
  /** Of the reserve; at most a quarter of what counts as low. */
  readonly reserveBytes: number;
}

const MIB = 1024 * 1024;

/** The log takes its room 16 MiB at a time, and a snapshot or a compaction some more. */
export const DEFAULT_DISK: DiskThresholds = { lowBytes: 256 * MIB, reserveBytes: 64 * MIB };

export interface DiskVerdict {
  readonly isLow: boolean;
  readonly action: "none" | "reserve" | "release";
  readonly reserveBytes: number;
}

/** How far above the threshold is room again. */
const RECOVERY = 1.25;
/** Below this part of the threshold the reserve is given up. */
const CRITICAL = 0.5;

export class DiskWatch {
  readonly #thresholds: DiskThresholds;
  #isLow = false;

  constructor(thresholds: DiskThresholds) {
    this.#thresholds = thresholds;
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  judge({ freeBytes, totalBytes, reservedBytes }: DiskRoom): DiskVerdict {
    const lowBytes = Math.min(this.#thresholds.lowBytes, Math.floor(totalBytes / 10));
    const reserveBytes = Math.min(this.#thresholds.reserveBytes, Math.floor(lowBytes / 4));
    const stands = reservedBytes >= reserveBytes;
    const isRoom = freeBytes >= lowBytes * RECOVERY;
    // A reserve that does not stand is paid for first.
    const afterReserve = freeBytes - Math.max(0, reserveBytes - reservedBytes);
    if (this.#isLow) this.#isLow = !(stands && isRoom);
    else this.#isLow = freeBytes < lowBytes;
    if (!stands && afterReserve >= lowBytes * RECOVERY) return { isLow: this.#isLow, action: "reserve", reserveBytes };
    const isCritical = freeBytes < lowBytes * CRITICAL;
    const action = isCritical && reservedBytes > 0 ? "release" : "none";
    return { isLow: this.#isLow, action, reserveBytes };
  }
}
