/**
 * `operator raft snapshot restore`: a snapshot file becomes the data directory of a new cluster's first node. Nothing runs
 * meanwhile; the node is started and opened afterwards like any other, and the others join it.
 */
import { createReadStream } from "node:fs";
import { join, resolve } from "node:path";
import { decodeClusterRecord, encodeClusterRecord } from "@strongroom/barrier";
import {
  beginRestore,
  drawNodeId,
  endRestore,
  Generations,
  inspectSnapshot,
  NodeIdentity,
  NodeWalDisk,
  restoreSnapshot,
  type SnapshotHeader,
  SnapshotRefusedError,
  type SnapshotTrailer,
} from "@strongroom/cluster";
import { toNodeId } from "@strongroom/raft";
import { nodeEntropy } from "@strongroom/runtime/node";
import { uuidText } from "../wiring/ids.ts";

export interface RestoreArguments {
  readonly dataDirectory: string;
  readonly file: string;
  readonly acceptUnsigned: boolean;
}

export interface RestoredDirectory {
  readonly header: SnapshotHeader;
  readonly trailer: SnapshotTrailer;
  readonly clusterId: string;
  readonly nodeId: number;
}

const CLUSTER_ID_BYTES = 16;

/**
 * Changes nothing unless the whole file is sound. Throws what `inspectSnapshot` and `beginRestore` throw, and what the disk
 * does; then the directory is as it was, or can be restored into again.
 */
export async function restoreDataDirectory({
  dataDirectory,
  file,
  acceptUnsigned,
}: RestoreArguments): Promise<RestoredDirectory> {
  // LevelDB creates files as 0644 unless the mask says otherwise.
  process.umask(0o077);
  const directory = resolve(dataDirectory);
  const { trailer } = await inspectSnapshot(createReadStream(file));
  if (trailer.mac.length === 0 && !acceptUnsigned) {
    throw new SnapshotRefusedError(
      "No open node has signed this snapshot, so nothing proves that a cluster made it. If you know where it comes from, restore it with -accept-unsigned.",
    );
  }
  beginRestore(directory);
  const clusterId = nodeEntropy.bytes(CLUSTER_ID_BYTES);
  const nodeId = toNodeId(drawNodeId(nodeEntropy));
  const { publicKeySpki } = NodeIdentity.open(directory);
  const restored = await restoreSnapshot(
    createReadStream(file),
    {
      nodeId,
      // The first unsealing writes where the node is.
      node: { name: "", clusterAddress: "", apiAddress: "", grpcAddress: "", identityPublicKey: publicKeySpki },
      renewCluster: (record) => encodeClusterRecord({ ...decodeClusterRecord(record), clusterId }),
    },
    { generations: await Generations.open(directory), walDisk: new NodeWalDisk(join(directory, "wal")) },
  );
  endRestore(directory);
  return { ...restored, clusterId: uuidText(clusterId), nodeId };
}
