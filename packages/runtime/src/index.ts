/**
 * The outside world as interfaces, and the few things that everybody needs. The real clock, timers and entropy are in
 * `@strongroom/runtime/node`; the seeded and virtual ones in `@strongroom/runtime/testing`.
 */
export { AssertionError, assert, present, unreachable } from "./assert.ts";
export { ByteReader, ByteWriter, ShortInputError } from "./byte-io.ts";
export { compareBytes, concatBytes, equalBytes, fromHex, fromUtf8, toHex, utf8 } from "./bytes.ts";
export type { Clock } from "./clock.ts";
export type { Entropy } from "./entropy.ts";
export { asError, StrongroomError } from "./errors.ts";
export type { LogFields, Logger } from "./logger.ts";
export { silentLogger } from "./logger.ts";
export type { Counter, Gauge, Histogram, Labels, Metrics, MetricsSnapshot } from "./metrics.ts";
export { MetricsRegistry, metricsText } from "./metrics.ts";
export type { Random } from "./random.ts";
export { SecretBytes } from "./redacted.ts";
export { slabBytes, slabCopy } from "./slab.ts";
export type { Cancel, Timers } from "./timers.ts";
