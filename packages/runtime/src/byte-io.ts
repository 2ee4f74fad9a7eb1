/**
 * Big-endian reading and writing of the project's binary formats. Every format is versioned by its owner; these two
 * classes know only numbers and lengths. The reader never throws on short input by accident: it throws `ShortInputError`,
 * which the owner of the format turns into its own verdict.
 */
import { StrongroomError } from "./errors.ts";

/** The bytes ended before the value did, or a length is out of range. */
export class ShortInputError extends StrongroomError {
  readonly code = "short_input";
}

const U32 = 2 ** 32;

/** Grows as needed; `finish()` hands out exactly what was written. */
export class ByteWriter {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  /** A safe integer below 2^48. */
  u48(value: number): this {
    this.#reserve(6);
    this.#view.setUint16(this.#length, Math.floor(value / U32));
    this.#view.setUint32(this.#length + 2, value % U32);
    this.#length += 6;
    return this;
  }

  /** A safe integer, in eight bytes. */
  u64(value: number): this {
    this.#reserve(8);
    this.#view.setUint32(this.#length, Math.floor(value / U32));
    this.#view.setUint32(this.#length + 4, value % U32);
    this.#length += 8;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** A u32 length, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** A view of what was written; valid until the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + count));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Reads from `bytes`, which it neither copies nor owns: what `raw` and `bytes` return are views into it. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u48(): number {
    const at = this.#take(6);
    return this.#view.getUint16(at) * U32 + this.#view.getUint32(at + 2);
  }

  /** Throws `ShortInputError` for a value past 2^53 - 1. */
  u64(): number {
    const at = this.#take(8);
    const value = this.#view.getUint32(at) * U32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new ShortInputError("a 64-bit number is out of range");
    return value;
  }

  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  bytes(): Uint8Array {
    return this.raw(this.u32());
  }

  #take(count: number): number {
    const at = this.#offset;
    if (count > this.#bytes.length - at) throw new ShortInputError("the bytes end before the value does");
    this.#offset = at + count;
    return at;
  }
}
