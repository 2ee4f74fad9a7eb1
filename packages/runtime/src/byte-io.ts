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

const U16 = 2 ** 16;
const U32 = 2 ** 32;

/** Grows as needed; `finish()` hands out exactly what was written. */
export class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;

  /** A capacity, or bytes to write over from their beginning; these are left for a larger buffer when they are full. */
  constructor(room: number | Uint8Array = 256) {
    this.#buffer = typeof room === "number" ? new Uint8Array(room) : room;
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#take(1);
    this.#buffer[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#take(2);
    this.#put16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#take(4);
    this.#put32(at, value);
    return this;
  }

  /** A safe integer below 2^48. */
  u48(value: number): this {
    const at = this.#take(6);
    this.#put16(at, Math.floor(value / U32));
    this.#put32(at + 2, value % U32);
    return this;
  }

  /** A safe integer, in eight bytes. */
  u64(value: number): this {
    const at = this.#take(8);
    this.#put32(at, Math.floor(value / U32));
    this.#put32(at + 4, value % U32);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#take(bytes.length);
    this.#buffer.set(bytes, at);
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
    return new Uint8Array(this.view());
  }

  #put16(at: number, value: number): void {
    this.#buffer[at] = value >>> 8;
    this.#buffer[at + 1] = value;
  }

  #put32(at: number, value: number): void {
    this.#buffer[at] = value >>> 24;
    this.#buffer[at + 1] = value >>> 16;
    this.#buffer[at + 2] = value >>> 8;
    this.#buffer[at + 3] = value;
  }

  /** Room for `count` more bytes: where they go. */
  #take(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) this.#grow(at);
    return at;
  }

  #grow(written: number): void {
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length));
    grown.set(this.#buffer.subarray(0, written));
    this.#buffer = grown;
  }
}

/** Reads from `bytes`, which it neither copies nor owns: what `raw` and `bytes` return are views into it. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    return this.#at16(this.#take(2));
  }

  u32(): number {
    return this.#at32(this.#take(4));
  }

  u48(): number {
    const at = this.#take(6);
    return this.#at16(at) * U32 + this.#at32(at + 2);
  }

  /** Throws `ShortInputError` for a value past 2^53 - 1. */
  u64(): number {
    const at = this.#take(8);
    const value = this.#at32(at) * U32 + this.#at32(at + 4);
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

  #at16(at: number): number {
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  #at32(at: number): number {
    return this.#at16(at) * U16 + this.#at16(at + 2);
  }

  #take(count: number): number {
    const at = this.#offset;
    if (count > this.#bytes.length - at) throw new ShortInputError("the bytes end before the value does");
    this.#offset = at + count;
    return at;
  }
}
