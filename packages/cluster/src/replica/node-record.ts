/**
 * What the cluster knows of one of its nodes: a clear row under `KEY_KIND.node`, written by the command that adds the
 * node and read by every node, sealed or not, to find its peers. Addresses are `host:port`.
 */

import { ByteReader, ByteWriter, fromUtf8, ShortInputError, utf8 } from "@strongroom/runtime";
import { KEY_KIND } from "@strongroom/storage";

export interface NodeRecord {
  readonly name: string;
  /** Where its peers reach it (8201). */
  readonly clusterAddress: string;
  /** Its HTTPS front door as clients are told, with scheme. */
  readonly apiAddress: string;
  readonly grpcAddress: string;
  /** SubjectPublicKeyInfo of its identity key. */
  readonly identityPublicKey: Uint8Array;
}

const VERSION = 1;

/** Key of the row of `nodeId`: the kind, then the id in eight bytes. */
export function nodeKey(nodeId: number): Uint8Array {
  return new ByteWriter(9).u8(KEY_KIND.node).u64(nodeId).finish();
}

/** Key of the row that says that `nodeId` was removed and is refused for good. */
export function removedNodeKey(nodeId: number): Uint8Array {
  return new ByteWriter(9).u8(KEY_KIND.removedNode).u64(nodeId).finish();
}

/** Key of the row that says that an operator took the vote of `nodeId`: it gets it back from an operator only. */
export function demotedNodeKey(nodeId: number): Uint8Array {
  return new ByteWriter(10).u8(KEY_KIND.node).u64(nodeId).u8(2).finish();
}

/** The node id of a key of either kind; undefined for a key of another length. */
export function nodeIdOfKey(key: Uint8Array): number | undefined {
  return key.length === 9 ? new ByteReader(key, 1).u64() : undefined;
}

export function encodeNodeRecord(record: NodeRecord): Uint8Array {
  const writer = new ByteWriter(160).u8(VERSION);
  for (const text of [record.name, record.clusterAddress, record.apiAddress, record.grpcAddress])
    writer.bytes(utf8(text));
  return writer.bytes(record.identityPublicKey).finish();
}

/** Undefined when the bytes are no node record of a known version. */
export function decodeNodeRecord(bytes: Uint8Array): NodeRecord | undefined {
  try {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== VERSION) return undefined;
    const text = () => fromUtf8(reader.bytes());
    const record: NodeRecord = {
      name: text(),
      clusterAddress: text(),
      apiAddress: text(),
      grpcAddress: text(),
      identityPublicKey: Uint8Array.from(reader.bytes()),
    };
    return reader.remaining === 0 ? record : undefined;
  } catch (error) {
    if (error instanceof ShortInputError || error instanceof TypeError) return undefined;
    throw error;
  }
}
