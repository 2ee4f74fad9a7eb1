/** Nodes of a cluster for tests: identities under one CA in a temporary directory, and real transports on loopback. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeId } from "@strongroom/raft";
import { silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeRandom, nodeTimers } from "@strongroom/runtime/node";
import { type ClusterCa, createClusterCa, signNodeCertificate } from "../../membership/certificates.ts";
import { NodeIdentity } from "../../membership/identity.ts";
import type { PeerMessage } from "../message.ts";
import { TlsPeerTransport, type TlsPeerTransportOptions } from "../tls-peer-transport.ts";
import type { PeerTransportEvents } from "../transport.ts";

export const TEST_CLUSTER_ID = "5c1a7d52-90a4-4e21-a5f0-2f9c1d1f0e11";

export interface TestNode {
  readonly id: NodeId;
  readonly identity: NodeIdentity;
  readonly transport: TlsPeerTransport;
  readonly received: { readonly from: NodeId; readonly wallMs: number; readonly message: PeerMessage }[];
  readonly up: NodeId[];
  readonly down: NodeId[];
}

/** Everything that a test opened, to be closed by `close`. */
export class TestNodes {
  readonly ca: ClusterCa = createClusterCa({ clusterId: TEST_CLUSTER_ID, entropy: nodeEntropy });
  readonly #directory: string = mkdtempSync(join(tmpdir(), "strongroom-transport-"));
  readonly #transports: TlsPeerTransport[] = [];
  #count = 0;

  /** An identity that `ca` made the node `nodeId`. */
  identity(nodeId: number, ca: ClusterCa = this.ca, clusterId: string = TEST_CLUSTER_ID): NodeIdentity {
    const identity = NodeIdentity.open(join(this.#directory, String(++this.#count)));
    const { publicKeySpki } = identity;
    const certificateDer = signNodeCertificate(ca, { clusterId, nodeId, publicKeySpki, entropy: nodeEntropy });
    const addresses = { clusterAddress: "127.0.0.1:0", apiAddress: "", grpcAddress: "" };
    identity.adopt({
      clusterId,
      nodeId,
      name: `node-${nodeId}`,
      certificateDer,
      caCertificateDer: ca.certificateDer,
      ...addresses,
    });
    return identity;
  }

  transport(options: Partial<TlsPeerTransportOptions> = {}): TlsPeerTransport {
    const world = { clock: nodeClock, timers: nodeTimers, random: nodeRandom, logger: silentLogger };
    const transport = new TlsPeerTransport({ listen: { host: "127.0.0.1", port: 0 }, ...options }, world);
    this.#transports.push(transport);
    return transport;
  }

  /** A started node that keeps what it receives. */
  async start(
    identity: NodeIdentity,
    events: Partial<PeerTransportEvents> = {},
    options: Partial<TlsPeerTransportOptions> = {},
  ): Promise<TestNode> {
    const id = (identity.membership?.nodeId ?? 0) as NodeId;
    const node: TestNode = { id, identity, transport: this.transport(options), received: [], up: [], down: [] };
    node.transport.listen({
      onMessages: (from, wallMs, messages) => {
        for (const message of messages) node.received.push({ from, wallMs, message });
      },
      onPeerUp: (peer) => node.up.push(peer),
      onPeerDown: (peer) => node.down.push(peer),
      onSnapshotStream: (_, stream) => stream.destroy(),
      ...events,
    });
    await node.transport.start(identity);
    return node;
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Tells each node of all of them. */
export function acquaint(nodes: readonly TestNode[]): void {
  const peers = nodes.map((node) => ({ id: node.id, address: node.transport.address }));
  for (const node of nodes) node.transport.setPeers(peers);
}
