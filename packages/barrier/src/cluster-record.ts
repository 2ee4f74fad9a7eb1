/**
 * The cluster row, in clear: restoring a snapshot draws a new cluster id while the node is sealed. What depends on the
 * id is authenticated by the command that wrote it, and by all MACs that it goes into.
 */
import { assert, ByteReader, ByteWriter, fromUtf8, utf8 } from "@strongroom/runtime";
import { IntegrityError, UnknownFormatError } from "./errors.ts";
import { ID_BYTES } from "./keyring.ts";

const FORMAT = 1;

export interface ClusterRecord {
  /** 16 bytes; binds membership, tokens and tickets. */
  readonly clusterId: Uint8Array;
  readonly createdMs: number;
  readonly name: string;
}

export function encodeClusterRecord({ clusterId, createdMs, name }: ClusterRecord): Uint8Array {
  assert(clusterId.length === ID_BYTES, "a cluster id has 16 bytes");
  return new ByteWriter().u8(FORMAT).raw(clusterId).u48(createdMs).bytes(utf8(name)).finish();
}

/** Throws `UnknownFormatError` or `IntegrityError`. */
export function decodeClusterRecord(bytes: Uint8Array): ClusterRecord {
  const reader = new ByteReader(bytes);
  try {
    const format = reader.u8();
    if (format !== FORMAT) throw new UnknownFormatError("the cluster record", format);
    const record = { clusterId: reader.raw(ID_BYTES).slice(), createdMs: reader.u48(), name: fromUtf8(reader.bytes()) };
    if (reader.remaining !== 0) throw new IntegrityError("the cluster record");
    return record;
  } catch (cause) {
    if (cause instanceof UnknownFormatError || cause instanceof IntegrityError) throw cause;
    throw new IntegrityError("the cluster record", { cause });
  }
}
