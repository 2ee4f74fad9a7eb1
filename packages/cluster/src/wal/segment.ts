/** The log's files: their names, the sizes that all parts agree on, and how a segment comes into being. */
import type { WalOperation } from "./operations.ts";
import { encodeHead, type HeadPayload } from "./payload.ts";
import { RECORD_HEADER_BYTES, RECORD_TYPE, recordBytes, sealRecord } from "./record.ts";

/** Bytes of an ordinary segment. A record too long for one gets a segment of its own length. */
export const SEGMENT_BYTES: number = 16 * 1024 * 1024;

/** Entries are put into records of about this size, so that one bad sector does not hide much. */
export const RECORD_TARGET_BYTES: number = 1024 * 1024;

/** The next segment, being filled with zeros. It becomes a segment by being renamed, with its head in it. */
export const NEXT_SEGMENT = "next.tmp";

const NAME = /^([0-9a-f]{16})\.wal$/;

export function segmentName(sequence: number): string {
  return `${sequence.toString(16).padStart(16, "0")}.wal`;
}

/** The sequence of a segment of this name, or undefined if it is not the name of a segment. */
export function segmentSequence(name: string): number | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : Number.parseInt(match[1] as string, 16);
}

/** The first record of a segment. All before it is durable by the time it is written, so it says that it is synced. */
export function encodeHeadRecord(
  head: HeadPayload,
  place: { readonly chain: number; readonly position: number },
): { readonly bytes: Uint8Array; readonly crc: number } {
  const payload = encodeHead(head);
  const bytes = new Uint8Array(recordBytes(payload.length));
  bytes.set(payload, RECORD_HEADER_BYTES);
  const frame = { type: RECORD_TYPE.head, payloadBytes: payload.length, ...place, synced: place.position };
  return { bytes, crc: sealRecord(bytes, 0, frame) };
}

/** Turns `NEXT_SEGMENT`, of which the first `zeroed` bytes are durable zeros, into a segment. */
export function makeSegment(segment: {
  readonly sequence: number;
  readonly head: Uint8Array;
  readonly zeroed: number;
  readonly fileBytes: number;
}): readonly WalOperation[] {
  const { zeroed, fileBytes } = segment;
  const rest: readonly WalOperation[] =
    zeroed < fileBytes ? [{ type: "zero", name: NEXT_SEGMENT, offset: zeroed, bytes: fileBytes - zeroed }] : [];
  return [
    ...rest,
    { type: "write", name: NEXT_SEGMENT, offset: 0, bytes: segment.head },
    { type: "sync", name: NEXT_SEGMENT },
    { type: "rename", from: NEXT_SEGMENT, to: segmentName(segment.sequence) },
  ];
}
