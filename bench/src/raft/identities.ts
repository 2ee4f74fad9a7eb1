/** Nodes of one cluster, each certified in a directory of its own, with keys that all threads share. */
import { join } from "node:path";
import { Barrier, SharedKeys } from "@strongroom/barrier";
import { createClusterCa, NodeIdentity, signNodeCertificate } from "@strongroom/cluster";
import { type NodeId, toNodeId } from "@strongroom/raft";
import { silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeEntropy } from "@strongroom/runtime/node";

export interface CertifiedNode {
  readonly id: NodeId;
  readonly directory: string;
  readonly address: { readonly host: string; readonly port: number };
}

export function certifyNodes(
  directory: string,
  basePort: number,
): { readonly nodes: readonly CertifiedNode[]; readonly keys: SharedKeys; readonly barrier: Barrier } {
  const clusterId = nodeEntropy.bytes(16);
  const id = Buffer.from(clusterId)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  const clusterCa = createClusterCa({ clusterId: id, entropy: nodeEntropy });
  const made = Barrier.initialize({
    clusterId,
    clusterCa,
    clusterName: "bench",
    entropy: nodeEntropy,
    clock: nodeClock,
  });
  const keys = SharedKeys.create();
  const barrier = new Barrier({}, { keys, entropy: nodeEntropy, logger: silentLogger });
  const { barrierId, keyringRecord, rootKey } = made;
  barrier.open({ rootKey: rootKey.expose(), barrierId, clusterId, keyringRecord });
  const nodes = [1, 2, 3].map((number) => {
    const node = {
      id: toNodeId(number),
      directory: join(directory, `node-${number}`),
      address: { host: "127.0.0.1", port: basePort + number },
    };
    const identity = NodeIdentity.open(node.directory);
    const { publicKeySpki } = identity;
    const certificateDer = signNodeCertificate(clusterCa, {
      clusterId: id,
      nodeId: number,
      publicKeySpki,
      entropy: nodeEntropy,
    });
    identity.adopt({
      clusterId: id,
      nodeId: number,
      name: `node-${number}`,
      certificateDer,
      caCertificateDer: clusterCa.certificateDer,
      clusterAddress: `127.0.0.1:${node.address.port}`,
      apiAddress: "",
      grpcAddress: "",
    });
    return node;
  });
  return { nodes, keys, barrier };
}
