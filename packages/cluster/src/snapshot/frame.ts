/**
 * The outer form of a snapshot, in a stream and in a file alike: eight bytes that say what it is, then numbered frames with
 * a checksum each. Byte by byte in `docs/formats/snapshot.md`.
 */
import { assert, concatBytes, equalBytes, utf8 } from "@strongroom/runtime";
import { crc32c } from "../wal/crc32c.ts";
import { SnapshotDamagedError, SnapshotRefusedError } from "./errors.ts";

/** The last byte is the version of all that follows. */
export const SNAPSHOT_MAGIC: Uint8Array = concatBytes([utf8("SRSNAP\0"), Uint8Array.of(1)]);

export const FRAME_TYPE = { header: 1, rows: 2, trailer: 3 } as const;
export type FrameType = (typeof FRAME_TYPE)[keyof typeof FRAME_TYPE];

export const FRAME_HEADER_BYTES = 16;
export const MAX_FRAME_PAYLOAD_BYTES: number = 256 * 1024;

export interface SnapshotFrame {
  readonly type: FrameType;
  /** A view, until the next call of `push`. */
  readonly payload: Uint8Array;
}

/** The frame as one buffer of its own. */
export function encodeFrame(type: FrameType, sequence: number, payload: Uint8Array): Uint8Array {
  assert(payload.length <= MAX_FRAME_PAYLOAD_BYTES, "a frame's payload is within the limit");
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint8(4, type);
  view.setUint32(8, sequence);
  view.setUint32(12, payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  view.setUint32(0, crc32c(frame, 4));
  return frame;
}

/** Cuts a stream, in whatever pieces it comes, into frames. Throws `SnapshotDamagedError` and `SnapshotRefusedError`. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0);
  #magicRead = false;
  #sequence = 0;

  push(bytes: Uint8Array): readonly SnapshotFrame[] {
    // Sockets and files give `Buffer`s, whose `slice` would be a view.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    let buffer = this.#rest.length === 0 ? plain : concatBytes([this.#rest, plain]);
    if (!this.#magicRead) {
      if (buffer.length < SNAPSHOT_MAGIC.length) return this.#keep(buffer);
      checkMagic(buffer);
      this.#magicRead = true;
      buffer = buffer.subarray(SNAPSHOT_MAGIC.length);
    }
    const frames: SnapshotFrame[] = [];
    for (let frame = this.#read(buffer); frame !== undefined; frame = this.#read(buffer)) {
      frames.push(frame);
      buffer = buffer.subarray(FRAME_HEADER_BYTES + frame.payload.length);
    }
    this.#keep(buffer);
    return frames;
  }

  /** Nothing of a frame is left over. */
  get atEnd(): boolean {
    return this.#magicRead && this.#rest.length === 0;
  }

  #keep(buffer: Uint8Array): readonly SnapshotFrame[] {
    this.#rest = buffer.slice();
    return [];
  }

  #read(buffer: Uint8Array): SnapshotFrame | undefined {
    if (buffer.length < FRAME_HEADER_BYTES) return undefined;
    const view = new DataView(buffer.buffer, buffer.byteOffset, FRAME_HEADER_BYTES);
    const length = view.getUint32(12);
    if (length > MAX_FRAME_PAYLOAD_BYTES) throw this.#damage("is longer than any frame");
    const end = FRAME_HEADER_BYTES + length;
    if (buffer.length < end) return undefined;
    if (crc32c(buffer, 4, end) !== view.getUint32(0)) throw this.#damage("has a wrong checksum");
    if (view.getUint32(8) !== this.#sequence) throw this.#damage("is out of order");
    const type = view.getUint8(4);
    if (type < FRAME_TYPE.header || type > FRAME_TYPE.trailer || view.getUint8(5) !== 0 || view.getUint16(6) !== 0) {
      throw this.#damage("is of an unknown kind");
    }
    this.#sequence++;
    return { type: type as FrameType, payload: buffer.subarray(FRAME_HEADER_BYTES, end) };
  }

  #damage(what: string): SnapshotDamagedError {
    return new SnapshotDamagedError(`The snapshot is damaged: its frame ${this.#sequence} ${what}. Fetch it again.`);
  }
}

function checkMagic(buffer: Uint8Array): void {
  const last = SNAPSHOT_MAGIC.length - 1;
  if (!equalBytes(buffer.subarray(0, last), SNAPSHOT_MAGIC.subarray(0, last))) {
    throw new SnapshotRefusedError("This is no snapshot of Strongroom: it does not begin as one.");
  }
  if (buffer[last] !== SNAPSHOT_MAGIC[last]) {
    throw new SnapshotRefusedError(
      `This snapshot has version ${buffer[last]}; this server knows ${SNAPSHOT_MAGIC[last]}. Use a server that knows it.`,
    );
  }
}
