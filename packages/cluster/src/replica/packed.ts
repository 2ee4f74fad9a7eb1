/** Many byte strings in one buffer, for one transfer between threads: u32 length, bytes, again. */
import { ByteReader, ByteWriter } from "@strongroom/runtime";

export function packKeys(keys: readonly Uint8Array[]): Uint8Array {
  if (keys.length === 0) return new Uint8Array(0);
  let size = 0;
  for (const key of keys) size += 4 + key.length;
  const writer = new ByteWriter(size);
  for (const key of keys) writer.bytes(key);
  return writer.view();
}

/** Views into `packed`. */
export function unpackKeys(packed: Uint8Array): readonly Uint8Array[] {
  const reader = new ByteReader(packed);
  const keys: Uint8Array[] = [];
  while (reader.remaining > 0) keys.push(reader.bytes());
  return keys;
}
