/** Header and trailer of a snapshot, and what its MAC covers. Readers throw `ShortInputError`. */
import { toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { ByteReader, ByteWriter, ShortInputError, utf8 } from "@strongroom/runtime";
import { MAC_BYTES } from "@strongroom/storage";
import { readConfState, writeConfState } from "../state/conf-state.ts";
import { HASH_BYTES } from "../state/row-digest.ts";
import type { SnapshotHeader, SnapshotTrailer } from "./types.ts";

export function encodeHeader(header: SnapshotHeader): Uint8Array {
  const { metadata } = header;
  const writer = new ByteWriter(256).bytes(header.clusterId).u64(header.nodeId).u64(metadata.index).u64(metadata.term);
  writeConfState(writer, metadata.confState);
  return writer.u48(header.logTimeMs).raw(header.chain).raw(header.digest).finish();
}

export function decodeHeader(payload: Uint8Array): SnapshotHeader {
  const reader = new ByteReader(payload);
  const clusterId = Uint8Array.from(reader.bytes());
  const nodeId = toNodeId(reader.u64());
  const index = toIndex(reader.u64());
  const term = toTerm(reader.u64());
  const metadata = { index, term, confState: readConfState(reader) };
  const logTimeMs = reader.u48();
  const chain = Uint8Array.from(reader.raw(HASH_BYTES));
  const digest = Uint8Array.from(reader.raw(HASH_BYTES));
  end(reader);
  return { clusterId, nodeId, metadata, logTimeMs, chain, digest };
}

export function encodeTrailer(trailer: SnapshotTrailer): Uint8Array {
  const writer = new ByteWriter(128).u64(trailer.rows).u64(trailer.contentBytes).raw(trailer.contentHash);
  return writer.u32(trailer.keyId).bytes(trailer.mac).finish();
}

export function decodeTrailer(payload: Uint8Array): SnapshotTrailer {
  const reader = new ByteReader(payload);
  const rows = reader.u64();
  const contentBytes = reader.u64();
  const contentHash = Uint8Array.from(reader.raw(HASH_BYTES));
  const keyId = reader.u32();
  const mac = Uint8Array.from(reader.bytes());
  if (mac.length !== (keyId === 0 ? 0 : MAC_BYTES)) throw new ShortInputError("a MAC has 32 bytes and a key id");
  end(reader);
  return { rows, contentBytes, contentHash, keyId, mac };
}

const MAC_CONTEXT = utf8("strongroom snapshot 1\0");

/** The text before it keeps the MAC of a snapshot from being one of a command. */
export function snapshotMacInput(trailer: Pick<SnapshotTrailer, "rows" | "contentBytes" | "contentHash">): Uint8Array {
  const writer = new ByteWriter(128).raw(MAC_CONTEXT).raw(trailer.contentHash);
  return writer.u64(trailer.rows).u64(trailer.contentBytes).finish();
}

function end(reader: ByteReader): void {
  if (reader.remaining !== 0) throw new ShortInputError("bytes follow its end");
}
