/**
 * A record of the log: 32 bytes of header, a payload, zeros up to the next multiple of eight. Byte by byte in
 * `docs/formats/wal.md`. This file knows the frame; `payload.ts` knows what stands in it.
 */
import { assert } from "@strongroom/runtime";
import { crc32c } from "./crc32c.ts";

const RECORD_FORMAT = 1;
export const RECORD_HEADER_BYTES = 32;

export const RECORD_TYPE = { head: 1, entries: 2, hardState: 3, installed: 4 } as const;
export type RecordType = (typeof RECORD_TYPE)[keyof typeof RECORD_TYPE];

const HIGHEST_TYPE = 4;
const U32 = 2 ** 32;

export interface RecordFrame {
  readonly type: RecordType;
  /** Its CRC, which is the next record's `chain`. */
  readonly crc: number;
  /** The CRC of the record before it. */
  readonly chain: number;
  /** Its place in the stream of records, which goes on from segment to segment. */
  readonly position: number;
  /** All of the stream below this place was durable when the record was written. */
  readonly synced: number;
  /** A view. */
  readonly payload: Uint8Array;
  /** Bytes of the record in the file, padding included. */
  readonly bytes: number;
}

/** Bytes that a record with this payload takes in the file. */
export function recordBytes(payloadBytes: number): number {
  return RECORD_HEADER_BYTES + Math.ceil(payloadBytes / 8) * 8;
}

/**
 * Completes the record at `offset`, whose payload the caller has already written in its place, in a buffer that is zero
 * behind it. Returns the record's CRC.
 */
export function sealRecord(
  buffer: Uint8Array,
  offset: number,
  record: {
    readonly type: RecordType;
    readonly payloadBytes: number;
    readonly chain: number;
    readonly position: number;
    readonly synced: number;
  },
): number {
  const end = offset + recordBytes(record.payloadBytes);
  assert(end <= buffer.length && record.synced <= record.position, "a record lies in its buffer and in order");
  const view = new DataView(buffer.buffer, buffer.byteOffset + offset, RECORD_HEADER_BYTES);
  view.setUint8(4, RECORD_FORMAT);
  view.setUint8(5, record.type);
  view.setUint16(6, 0);
  view.setUint32(8, record.payloadBytes);
  view.setUint32(12, record.chain);
  setUint53(view, 16, record.position);
  setUint53(view, 24, record.synced);
  const crc = crc32c(buffer, offset + 4, end);
  view.setUint32(0, crc);
  return crc;
}

/** The record at `offset`, or undefined if what stands there is none that was written whole. */
export function readRecord(bytes: Uint8Array, offset: number): RecordFrame | undefined {
  if (offset + RECORD_HEADER_BYTES > bytes.length) return undefined;
  // Cheap tests first: recovery looks for records at every multiple of eight.
  const type = bytes[offset + 5] as number;
  if (bytes[offset + 4] !== RECORD_FORMAT || type === 0 || type > HIGHEST_TYPE) return undefined;
  if (bytes[offset + 6] !== 0 || bytes[offset + 7] !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, RECORD_HEADER_BYTES);
  const payloadBytes = view.getUint32(8);
  const end = offset + recordBytes(payloadBytes);
  if (end > bytes.length) return undefined;
  const crc = view.getUint32(0);
  if (crc32c(bytes, offset + 4, end) !== crc) return undefined;
  const position = getUint53(view, 16);
  const synced = getUint53(view, 24);
  if (position === undefined || synced === undefined || synced > position) return undefined;
  const start = offset + RECORD_HEADER_BYTES;
  return {
    type: type as RecordType,
    crc,
    chain: view.getUint32(12),
    position,
    synced,
    payload: bytes.subarray(start, start + payloadBytes),
    bytes: end - offset,
  };
}

function setUint53(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / U32));
  view.setUint32(at + 4, value % U32);
}

function getUint53(view: DataView, at: number): number | undefined {
  const value = view.getUint32(at) * U32 + view.getUint32(at + 4);
  return Number.isSafeInteger(value) ? value : undefined;
}
