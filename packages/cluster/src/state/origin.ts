/**
 * Where a node's state came from: the beginning of its cluster, or a snapshot, with what the snapshot's trailer said. A row of
 * this node alone, which no snapshot carries: a sealed node keeps by it what it could not check when the snapshot came.
 * Byte by byte in `docs/formats/snapshot.md`.
 */
import { type Index, toIndex } from "@strongroom/raft";
import { ByteReader, ByteWriter, ShortInputError } from "@strongroom/runtime";
import { KEY_KIND, MAC_BYTES } from "@strongroom/storage";
import type { SnapshotTrailer } from "../snapshot/types.ts";
import { ReplicaFatalError } from "./errors.ts";
import { HASH_BYTES } from "./row-digest.ts";

/** Rows from here to the end of the replica's kind are the node's own: they differ between nodes and never leave one. */
const FIRST_LOCAL = 0x80;

export const ORIGIN_KEY: Uint8Array = Uint8Array.of(KEY_KIND.replica, FIRST_LOCAL);

export function isLocalKey(key: Uint8Array): boolean {
  return key[0] === KEY_KIND.replica && (key[1] ?? 0) >= FIRST_LOCAL;
}

export interface Origin {
  /** What the state held then; entries above it were applied here. */
  readonly index: Index;
  /** The link of the entry chain at `index`. */
  readonly chain: Uint8Array;
  /** Undefined: the cluster began here. Without a MAC: its sender was sealed. */
  readonly trailer: SnapshotTrailer | undefined;
}

const VERSION = 1;

export function encodeOrigin({ index, chain, trailer }: Origin): Uint8Array {
  const writer = new ByteWriter(160)
    .u8(VERSION)
    .u64(index)
    .raw(chain)
    .u8(trailer === undefined ? 0 : 1);
  if (trailer === undefined) return writer.finish();
  writer.u64(trailer.rows).u64(trailer.contentBytes).raw(trailer.contentHash).u32(trailer.keyId).bytes(trailer.mac);
  return writer.finish();
}

/** Throws `ReplicaFatalError`. */
export function decodeOrigin(bytes: Uint8Array): Origin {
  try {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== VERSION) throw new ShortInputError("it is of an unknown version");
    const index = toIndex(reader.u64());
    const chain = Uint8Array.from(reader.raw(HASH_BYTES));
    const trailer = reader.u8() === 0 ? undefined : readTrailer(reader);
    if (reader.remaining !== 0) throw new ShortInputError("bytes follow its end");
    return { index, chain, trailer };
  } catch (cause) {
    if (!(cause instanceof ShortInputError)) throw cause;
    throw new ReplicaFatalError(
      "The row that says where this node's state came from is damaged or written by a newer server. Rebuild this node from its peers.",
      { cause },
    );
  }
}

function readTrailer(reader: ByteReader): SnapshotTrailer {
  const rows = reader.u64();
  const contentBytes = reader.u64();
  const contentHash = Uint8Array.from(reader.raw(HASH_BYTES));
  const keyId = reader.u32();
  const mac = Uint8Array.from(reader.bytes());
  if (mac.length !== (keyId === 0 ? 0 : MAC_BYTES)) throw new ShortInputError("a MAC has 32 bytes and a key id");
  return { rows, contentBytes, contentHash, keyId, mac };
}
