/**
 * Room for small byte strings. Every `new Uint8Array(n)` of more than 64 bytes is a block of memory of its own, which is
 * zeroed, counted and freed by the collector: for a few hundred bytes that costs more than filling them. Here they are
 * views of larger blocks, which are used from front to back, once, and freed whole.
 *
 * What lies here keeps its neighbours' memory alive and shares their `ArrayBuffer`. So it is not for what is secret (which
 * must be wiped and must lie alone), nor for what is posted to another thread: a posting would take the whole block along,
 * as a copy or, transferred, away from its neighbours.
 */
const SLAB_BYTES = 64 * 1024;
/** More than this gets a buffer of its own. */
const MAX_SHARED_BYTES = 4096;

let slab = new Uint8Array(SLAB_BYTES);
let used = 0;

/** `length` zero bytes that nobody else has or will have. Not for secrets and not to be posted: see above. */
export function slabBytes(length: number): Uint8Array {
  if (length > MAX_SHARED_BYTES) return new Uint8Array(length);
  if (used + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    used = 0;
  }
  const bytes = slab.subarray(used, used + length);
  used += length;
  return bytes;
}

/** A copy of `bytes` in a slab. Not for secrets and not to be posted: see above. */
export function slabCopy(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_SHARED_BYTES) return new Uint8Array(bytes);
  const copy = slabBytes(bytes.length);
  copy.set(bytes);
  return copy;
}
