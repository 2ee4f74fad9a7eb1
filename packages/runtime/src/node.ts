/** The outside world as Node gives it. Nothing else in the project reads a clock, waits or draws random numbers by itself. */
import { randomFillSync } from "node:crypto";
import type { Clock } from "./clock.ts";
import type { Entropy } from "./entropy.ts";
import type { Random } from "./random.ts";
import type { Timers } from "./timers.ts";

export const nodeClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

export const nodeTimers: Timers = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  every(intervalMs, callback) {
    const timer = setInterval(callback, intervalMs);
    return () => clearInterval(timer);
  },
  immediate(callback) {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};

export const nodeRandom: Random = {
  below: (bound) => Math.floor(Math.random() * bound),
};

const POOL_BYTES = 8192;
const pool = new Uint8Array(POOL_BYTES);
let poolOffset = POOL_BYTES;

export const nodeEntropy: Entropy = {
  bytes(length) {
    if (length > POOL_BYTES / 4) return randomFillSync(new Uint8Array(length));
    if (poolOffset + length > pool.length) {
      randomFillSync(pool);
      poolOffset = 0;
    }
    // What was handed out is wiped from the pool, so that a nonce or key stands in memory once.
    const bytes = pool.slice(poolOffset, poolOffset + length);
    pool.fill(0, poolOffset, poolOffset + length);
    poolOffset += length;
    return bytes;
  },
};
