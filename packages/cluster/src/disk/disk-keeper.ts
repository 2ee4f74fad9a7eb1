/** Looks at the disk once in a while, keeps the reserve, and tells what it found. A look that fails or hangs tells nothing. */
import { asError, type Cancel, type Logger, type Timers } from "@strongroom/runtime";
import type { DiskRoom, DiskSpace } from "./disk-space.ts";
import { type DiskThresholds, DiskWatch } from "./disk-watch.ts";

export interface DiskKeeperOptions extends DiskThresholds {
  readonly intervalMs: number;
}

export interface DiskKeeperParts {
  readonly space: DiskSpace;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly onLook: (found: DiskRoom & { readonly isLow: boolean }) => void;
}

export const DISK_INTERVAL_MS = 1_000;

export class DiskKeeper {
  readonly #options: DiskKeeperOptions;
  readonly #parts: DiskKeeperParts;
  readonly #watch: DiskWatch;
  #cancel: Cancel = () => {};
  #isLooking = false;

  constructor(options: DiskKeeperOptions, parts: DiskKeeperParts) {
    this.#options = options;
    this.#parts = parts;
    this.#watch = new DiskWatch(options);
  }

  /** Looks at once, and then again and again. */
  start(): void {
    this.look();
    this.#cancel = this.#parts.timers.every(this.#options.intervalMs, () => this.look());
  }

  /** Idempotent. The reserve stays: it is there for the next start. */
  stop(): void {
    this.#cancel();
  }

  /** One look at a time: the next is left out while a file system hangs. */
  look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#look().finally(() => {
      this.#isLooking = false;
    });
  }

  async #look(): Promise<void> {
    const { space, logger, onLook } = this.#parts;
    try {
      const room = await space.look();
      const was = this.#watch.isLow;
      const { isLow, action, reserveBytes } = this.#watch.judge(room);
      onLook({ ...room, isLow });
      const { freeBytes } = room;
      if (isLow && !was)
        logger.error("the disk is nearly full: what grows the store is refused while this node leads; free some room", {
          freeBytes,
        });
      if (!isLow && was) logger.info("the disk has room again", { freeBytes });
      if (action === "reserve") await space.reserve(reserveBytes);
      else if (action === "release") {
        logger.warn("the reserve on the disk is given up, so that deletes can still be written", { freeBytes });
        await space.release();
      }
    } catch (error) {
      logger.warn("the disk's room could not be looked at or kept; it will be tried again", { error: asError(error) });
    }
  }
}
