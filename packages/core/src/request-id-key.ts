/**
 * Where request ids are kept: `30 ‖ minute ‖ HMAC`, so that those of a minute are one range and the sweep needs no index. The
 * minute is the id's own, for a UUIDv7 begins with the time. `30 ‖ ff…ff ‖ slot` are the sweep's fences.
 */
import { assert, ByteReader, ByteWriter, fromHex } from "@strongroom/runtime";
import { KEY_KIND, type KeyRange, makeKey } from "@strongroom/storage";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const MINUTE_MS = 60_000;
/** Above every minute that an id can name: 2^48 milliseconds have fewer. */
const FENCES = 2 ** 48 - 1;
const BUCKET_MINUTES = 10;
/**
 * Ids are taken until ten minutes after their time and swept twenty after it: a bucket that is being swept is never, and one
 * that shares its slot not for another hour, a bucket that requests still name. So the fence stops the late ones alone.
 */
const FENCE_SLOTS = 8;

export interface RequestId {
  readonly bytes: Uint8Array;
  /** Unix time, as the client's clock had it. */
  readonly timeMs: number;
}

/** A UUIDv7 (RFC 9562 §5.7) in its text form, in either case; undefined for anything else. */
export function parseRequestId(text: string): RequestId | undefined {
  if (!UUID_V7.test(text)) return undefined;
  const hex = text.replaceAll("-", "");
  return { bytes: fromHex(hex), timeMs: Number.parseInt(hex.slice(0, 12), 16) };
}

/** `mac` has 32 bytes. */
export function requestIdKey(id: RequestId, mac: Uint8Array): Uint8Array {
  assert(mac.length === 32, "a request id is kept under 32 bytes");
  return makeKey(KEY_KIND.requestId, u48(minuteOf(id.timeMs)), mac);
}

/** The minute of a row's key. */
export function minuteOfKey(key: Uint8Array): number {
  return new ByteReader(key, 1).u48();
}

/** The rows whose minute was over `ageMinutes` ago at `nowMs`; undefined where there can be none. */
export function olderThan(ageMinutes: number, nowMs: number): KeyRange | undefined {
  const before = minuteOf(nowMs) - ageMinutes;
  if (before <= 0) return undefined;
  return { gte: makeKey(KEY_KIND.requestId), lt: makeKey(KEY_KIND.requestId, u48(before)) };
}

/** Minutes are swept by buckets: what fences one of its minutes fences the bucket. */
export function bucketOf(minute: number): number {
  return Math.floor(minute / BUCKET_MINUTES);
}

/** The row that all who write in `bucket` guard, and that the sweep writes before it deletes there. */
export function fenceKey(bucket: number): Uint8Array {
  return makeKey(KEY_KIND.requestId, u48(FENCES), Uint8Array.of(bucket % FENCE_SLOTS));
}

export function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS);
}

function u48(value: number): Uint8Array {
  return new ByteWriter(6).u48(value).finish();
}
