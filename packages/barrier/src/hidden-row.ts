/**
 * The value of a row whose name is hidden: format u8, length of the box u16, the box (the clear path, sealed), the sealed
 * value. The path is associated data of the value as well: a read that knows the path opens the value alone, and a
 * row under a wrong name does not open. A LIST opens the boxes alone.
 */
import { fromUtf8, slabBytes } from "@strongroom/runtime";
import type { Row } from "@strongroom/storage";
import { SEALED_OVERHEAD } from "./aead.ts";
import { IntegrityError, UnknownFormatError } from "./errors.ts";
import type { Sealer } from "./sealer.ts";

const FORMAT = 1;
const HEADER_BYTES = 3;

/** `previous` is the row that is written over: under the same term its box is taken as it is. */
export function sealHiddenRow(
  sealer: Sealer,
  row: { term: number; storageKey: Uint8Array; path: string; value: Uint8Array; previous: Row | undefined },
): Uint8Array {
  const { term, storageKey, value, previous } = row;
  const path = Buffer.from(row.path);
  const kept = previous !== undefined && previous.term === term ? split(previous).box : undefined;
  const boxBytes = kept?.length ?? path.length + SEALED_OVERHEAD;
  const bytes = slabBytes(HEADER_BYTES + boxBytes + value.length + SEALED_OVERHEAD);
  bytes[0] = FORMAT;
  bytes[1] = boxBytes >>> 8;
  bytes[2] = boxBytes;
  if (kept === undefined) sealer.sealInto(bytes, HEADER_BYTES, term, { purpose: "name", storageKey }, path);
  else bytes.set(kept, HEADER_BYTES);
  sealer.sealInto(bytes, HEADER_BYTES + boxBytes, term, { purpose: "value", storageKey, path }, value);
  return bytes;
}

/** The value. Throws `IntegrityError` unless the row is the one that was put at this key under this path. */
export function openHiddenValue(sealer: Sealer, storageKey: Uint8Array, path: string, row: Row): Uint8Array {
  return sealer.open(row.term, { purpose: "value", storageKey, path: Buffer.from(path) }, split(row).value);
}

/** The path that the row was put under. Throws `IntegrityError`. */
export function openHiddenName(sealer: Sealer, storageKey: Uint8Array, row: Row): string {
  return fromUtf8(sealer.open(row.term, { purpose: "name", storageKey }, split(row).box));
}

function split({ value }: Row): { box: Uint8Array; value: Uint8Array } {
  if (value.length < HEADER_BYTES) throw new IntegrityError("a stored row");
  const format = value[0] as number;
  if (format !== FORMAT) throw new UnknownFormatError("a stored row", format);
  const boxEnd = HEADER_BYTES + (((value[1] as number) << 8) | (value[2] as number));
  if (value.length < boxEnd) throw new IntegrityError("a stored row");
  return { box: value.subarray(HEADER_BYTES, boxEnd), value: value.subarray(boxEnd) };
}
