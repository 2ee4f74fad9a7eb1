/** The chain over all entries since the cluster's beginning: two replicas with the same link agree on the whole past. */
import { createHash, hash } from "node:crypto";
import type { Entry, EntryType } from "@strongroom/raft";
import { ByteWriter } from "@strongroom/runtime";
import { HASH_BYTES } from "./row-digest.ts";

export const CHAIN_START: Uint8Array = new Uint8Array(HASH_BYTES);

const TYPE_NUMBERS: Readonly<Record<EntryType, number>> = {
  EntryNormal: 0,
  EntryConfChange: 1,
  EntryConfChangeV2: 2,
};
const SHORT_BYTES = 4096;
const scratch = new Uint8Array(HASH_BYTES + 17 + SHORT_BYTES);

/** SHA-256(previous link ‖ u64 index ‖ u64 term ‖ u8 type ‖ data). */
export function nextLink(previous: Uint8Array, entry: Entry): Uint8Array {
  const short = entry.data.length <= SHORT_BYTES;
  const writer = new ByteWriter(scratch);
  writer.raw(previous).u64(entry.index).u64(entry.term).u8(TYPE_NUMBERS[entry.type]);
  // One call over one buffer costs half of three calls; long entries are not copied for it.
  if (short) return plain(hash("sha256", writer.raw(entry.data).view(), "buffer"));
  return plain(createHash("sha256").update(writer.view()).update(entry.data).digest());
}

/** No `Buffer`, whose `slice` would be a view. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
