/**
 * The rows of a mount without versions (Vault's kv version 1): `plain/<key>`, format u8 (1), written u48 in milliseconds of
 * the log's time, and the client's own JSON. They stay where they are when the mount is upgraded.
 */
import type { LogicalStorage } from "@strongroom/logical";
import { assert, ByteReader, ByteWriter } from "@strongroom/runtime";
import { checkSize } from "./size.ts";

export interface PlainSecret {
  readonly createdMs: number;
  /** A JSON object in the client's own bytes; a view of the row. */
  readonly json: Uint8Array;
}

const FORMAT = 1;
const HEAD_BYTES = 7;

export function readPlain(storage: Pick<LogicalStorage, "get">, key: string): PlainSecret | undefined {
  const row = storage.get(pathOf(key));
  if (row === undefined) return undefined;
  const reader = new ByteReader(row);
  assert(reader.u8() === FORMAT, "a secret without versions has an unknown format");
  const createdMs = reader.u48();
  return { createdMs, json: row.subarray(HEAD_BYTES) };
}

/** Copies `json`. Throws `LogicalError` value_too_large. */
export function writePlain(storage: LogicalStorage, key: string, json: Uint8Array, nowMs: number): void {
  checkSize(json);
  const writer = new ByteWriter(HEAD_BYTES + json.length);
  storage.put(pathOf(key), writer.u8(FORMAT).u48(Math.floor(nowMs)).raw(json).view());
}

export function deletePlain(storage: LogicalStorage, key: string): void {
  storage.delete(pathOf(key));
}

/** The children of `prefix`, which is empty or ends in a slash. */
export function listPlain(storage: Pick<LogicalStorage, "list">, prefix: string): Promise<string[]> {
  return storage.list(`plain/${prefix}`);
}

function pathOf(key: string): string {
  return `plain/${key}`;
}
