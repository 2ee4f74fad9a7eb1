/**
 * A row: the value that a command put, under a header in clear that says which data key sealed it and when it was
 * written. Bytes in docs/formats/storage.md.
 */
import { assert, slabBytes } from "@strongroom/runtime";
import { CorruptRowError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { Revision } from "./revision.ts";

export interface Row {
  readonly revision: Revision;
  /** Term of the data key that sealed the value; 0: the value is in clear. */
  readonly term: number;
  readonly value: Uint8Array;
}

export const ROW_FORMAT = 1;
export const ROW_HEADER_BYTES = 13;

const U32 = 2 ** 32;
const U48 = 2 ** 48;

/** The row's bytes, in a slab if they are few: they are not to be posted to another thread. */
export function encodeRow(row: Row): Uint8Array {
  const { index, position } = row.revision;
  assert(Number.isInteger(index) && index > 0 && index < U48, "a row's index is a positive 48-bit number");
  assert(Number.isInteger(position) && position >= 0 && position <= 0xffff, "a row's position is a 16-bit number");
  assert(Number.isInteger(row.term) && row.term >= 0 && row.term < U32, "a row's term is a 32-bit number");
  assert(row.value.length <= LIMITS.rowBytes, "a row's value is within the limit");
  const bytes = slabBytes(ROW_HEADER_BYTES + row.value.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, ROW_HEADER_BYTES);
  view.setUint8(0, ROW_FORMAT);
  view.setUint32(1, row.term);
  view.setUint16(5, Math.floor(index / U32));
  view.setUint32(7, index % U32);
  view.setUint16(11, position);
  bytes.set(row.value, ROW_HEADER_BYTES);
  return bytes;
}

/** Reads a row; the value is a view into `bytes`. Throws `CorruptRowError`. */
export function decodeRow(bytes: Uint8Array): Row {
  if (bytes.length < ROW_HEADER_BYTES) throw new CorruptRowError(`a row of ${bytes.length} bytes is too short`);
  if (bytes.length > ROW_HEADER_BYTES + LIMITS.rowBytes) {
    throw new CorruptRowError(`a row of ${bytes.length} bytes is too long`);
  }
  if (bytes[0] !== ROW_FORMAT) {
    throw new CorruptRowError(
      `a row has format ${bytes[0]}, this version knows ${ROW_FORMAT}: it was damaged or written by a newer version`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const index = view.getUint16(5) * U32 + view.getUint32(7);
  if (index === 0) throw new CorruptRowError("a row has no revision");
  return {
    revision: { index, position: view.getUint16(11) },
    term: view.getUint32(1),
    value: bytes.subarray(ROW_HEADER_BYTES),
  };
}
