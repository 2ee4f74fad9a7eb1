/** Fields as bytes, each behind its u32 length, so that no two lists of fields give the same bytes. */
import { ByteWriter, utf8 } from "@strongroom/runtime";

export function encodeFields(fields: readonly (Uint8Array | string)[]): Uint8Array {
  const writer = new ByteWriter();
  for (const field of fields) writer.bytes(typeof field === "string" ? utf8(field) : field);
  return writer.finish();
}

export function u32Bytes(value: number): Uint8Array {
  return new ByteWriter(4).u32(value).finish();
}

export function u64Bytes(value: number): Uint8Array {
  return new ByteWriter(8).u64(value).finish();
}
