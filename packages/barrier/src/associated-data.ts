/**
 * What a sealed piece is bound to, as bytes: each field behind its u32 length, so that no two lists of fields give the
 * same bytes. The fields are fixed in docs/formats/barrier.md.
 */
import { ByteWriter, utf8 } from "@strongroom/runtime";

/** The format of all sealed pieces; the first field everywhere. */
const SEAL_FORMAT = 1;

/** What the sealed bytes are; a piece sealed for one purpose does not open for another. */
export type Purpose = string;

/** The fields that are alike for all pieces of one purpose under one data key; `bind` adds the rest. */
export function bindingPrefix(purpose: Purpose, barrierId: Uint8Array, term: number): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u32(1).u8(SEAL_FORMAT).bytes(utf8(purpose)).bytes(barrierId).u32(4).u32(term);
  return writer.finish();
}

/** Room for what is usual: associated data is made for one call, and a buffer for each would cost more than to fill it. */
const scratch = new Uint8Array(1024);

/** Good until the next call. */
export function bind(prefix: Uint8Array, first: Uint8Array, second?: Uint8Array): Uint8Array {
  const secondBytes = second === undefined ? 0 : 4 + second.length;
  const length = prefix.length + 4 + first.length + secondBytes;
  const bytes = length <= scratch.length ? scratch.subarray(0, length) : new Uint8Array(length);
  bytes.set(prefix);
  writeField(bytes, prefix.length, first);
  if (second !== undefined) writeField(bytes, prefix.length + 4 + first.length, second);
  return bytes;
}

function writeField(target: Uint8Array, offset: number, field: Uint8Array): void {
  const { length } = field;
  target[offset] = length >>> 24;
  target[offset + 1] = length >>> 16;
  target[offset + 2] = length >>> 8;
  target[offset + 3] = length;
  target.set(field, offset + 4);
}
