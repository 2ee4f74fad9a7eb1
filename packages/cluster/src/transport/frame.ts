/**
 * The frames of `strongroom-peer/1`: what stands on the stream between two replicas. `docs/formats/peer.md` has the bytes.
 * A frame is small (64 KiB at most), so that a heartbeat never waits behind a large entry: that travels in parts,
 * between which other frames may stand.
 */
import { ByteReader, ByteWriter, fromUtf8, StrongroomError, utf8 } from "@strongroom/runtime";

/** Bytes from a peer that are no frame, or a frame out of place. */
export class FrameError extends StrongroomError {
  readonly code = "bad_peer_frame";
}

export const FRAME_VERSION = 1;
/** Of a whole frame, header included. */
export const MAX_FRAME_BYTES = 65_536;
const FRAME_HEADER_BYTES = 12;
export const MAX_FRAME_PAYLOAD_BYTES: number = MAX_FRAME_BYTES - FRAME_HEADER_BYTES;
/** Of a message in parts: the largest command and room around it. */
export const MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;

export type FrameKind = "hello" | "batch" | "first-part" | "next-part" | "ping" | "pong";

const KIND_CODE: Readonly<Record<FrameKind, number>> = {
  hello: 1,
  batch: 2,
  "first-part": 3,
  "next-part": 4,
  ping: 5,
  pong: 6,
};
const KIND_OF_CODE: readonly (FrameKind | undefined)[] = [
  undefined,
  "hello",
  "batch",
  "first-part",
  "next-part",
  "ping",
  "pong",
];

export interface Frame {
  readonly kind: FrameKind;
  /** The sender's wall clock when it wrote the frame. */
  readonly wallMs: number;
  /** A view that is valid during the call only. */
  readonly payload: Uint8Array;
}

/** A frame in the making: its payload is written through `writer`, then `seal` gives the bytes away. */
export class FrameBuilder {
  readonly writer: ByteWriter;

  constructor(kind: FrameKind, wallMs: number, capacityBytes: number) {
    // The length comes last; till then its place is held.
    this.writer = new ByteWriter(FRAME_HEADER_BYTES + capacityBytes).u32(0).u8(FRAME_VERSION);
    this.writer.u8(KIND_CODE[kind]).u48(wallMs);
  }

  /** Bytes of payload written so far. */
  get length(): number {
    return this.writer.length - FRAME_HEADER_BYTES;
  }

  /** The frame's bytes, which the caller owns; nothing may be written afterwards. */
  seal(): Uint8Array {
    const bytes = this.writer.view();
    new DataView(bytes.buffer, bytes.byteOffset, 4).setUint32(0, bytes.length - 4);
    return bytes;
  }
}

export function encodeFrame(kind: FrameKind, wallMs: number, payload: Uint8Array): Uint8Array {
  const builder = new FrameBuilder(kind, wallMs, payload.length);
  builder.writer.raw(payload);
  return builder.seal();
}

/** Cuts a stream of bytes into frames, which it hands to `onFrame` in order. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  /** The beginning of a frame whose end has not come yet; made when first needed. */
  #partial: Uint8Array | undefined;
  #filled = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws `FrameError` when the bytes cannot be the next ones of a stream of frames; what `onFrame` throws passes. */
  push(bytes: Uint8Array): void {
    // Sockets give Buffers, whose `slice` does not copy: nobody above should have to know.
    const chunk = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#filled === 0) {
        const length = frameLength(chunk.subarray(offset, offset + 4));
        if (length !== undefined && length <= chunk.length - offset) {
          this.#onFrame(parseFrame(chunk.subarray(offset, offset + length)));
          offset += length;
          continue;
        }
      }
      offset += this.#fill(chunk.subarray(offset));
    }
  }

  /** Takes as much of `bytes` as the frame that has begun still lacks, and hands it on when it is whole. */
  #fill(bytes: Uint8Array): number {
    this.#partial ??= new Uint8Array(MAX_FRAME_BYTES);
    const length = frameLength(this.#partial.subarray(0, Math.min(4, this.#filled)));
    const wanted = (length ?? 4) - this.#filled;
    const taken = bytes.subarray(0, wanted);
    this.#partial.set(taken, this.#filled);
    this.#filled += taken.length;
    if (length === undefined) frameLength(this.#partial.subarray(0, Math.min(4, this.#filled)));
    else if (this.#filled === length) {
      this.#filled = 0;
      this.#onFrame(parseFrame(this.#partial.subarray(0, length)));
    }
    return taken.length;
  }
}

/** The whole frame's length, once its first four bytes are there. */
function frameLength(start: Uint8Array): number | undefined {
  if (start.length < 4) return undefined;
  const length = 4 + new DataView(start.buffer, start.byteOffset, 4).getUint32(0);
  if (length < FRAME_HEADER_BYTES || length > MAX_FRAME_BYTES) throw new FrameError(`a frame of ${length} bytes`);
  return length;
}

function parseFrame(bytes: Uint8Array): Frame {
  const reader = new ByteReader(bytes, 4);
  const version = reader.u8();
  if (version !== FRAME_VERSION) throw new FrameError(`a frame of the unknown version ${version}`);
  const kind = KIND_OF_CODE[reader.u8()];
  if (kind === undefined) throw new FrameError("a frame of an unknown kind");
  return { kind, wallMs: reader.u48(), payload: reader.raw(reader.remaining) };
}

/** What opens a connection: who speaks, to whom, in which cluster. The certificates must say the same. */
export interface Hello {
  readonly clusterId: string;
  readonly from: number;
  readonly to: number;
  /** The newest version of frames and messages that the sender can read. */
  readonly newestVersion: number;
}

export function encodeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter(64).u8(hello.newestVersion).u64(hello.from).u64(hello.to);
  return writer.bytes(utf8(hello.clusterId)).finish();
}

/** Throws `FrameError`. Bytes after the known fields are for later versions and are ignored. */
export function decodeHello(payload: Uint8Array): Hello {
  try {
    const reader = new ByteReader(payload);
    const newestVersion = reader.u8();
    return { newestVersion, from: reader.u64(), to: reader.u64(), clusterId: fromUtf8(reader.bytes()) };
  } catch (cause) {
    throw new FrameError("a greeting that cannot be read", { cause });
  }
}
