/** The files of a cluster on one machine: one CA for all doors, and each node's certificate and configuration. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createServerCertificates } from "@strongroom/cluster";
import { nodeClock, nodeEntropy } from "@strongroom/runtime/node";
import { LocalError } from "../command.ts";

export interface NodePlan {
  readonly index: number;
  /** `node-0`, as the cluster calls it. */
  readonly id: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly configFile: string;
  /** `https://127.0.0.1:P`. */
  readonly apiAddress: string;
  /** `127.0.0.1:P+1`. */
  readonly clusterAddress: string;
  /** `127.0.0.1:P+2`. */
  readonly grpcAddress: string;
}

export interface ClusterPlan {
  readonly directory: string;
  readonly nodes: number;
  /** Node n uses this plus 10n for HTTPS, and the next two for the cluster and gRPC. */
  readonly basePort: number;
}

const HOST = "127.0.0.1";
const PORTS_A_NODE = 10;
const NODES_MAX = 99;

/** Throws `LocalError` for a number of nodes or a port that cannot be. */
export function planNodes({ directory, nodes, basePort }: ClusterPlan): readonly NodePlan[] {
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > NODES_MAX) {
    throw new LocalError(`A cluster here has 1 to ${NODES_MAX} nodes, not ${nodes}.`);
  }
  const lastPort = basePort + PORTS_A_NODE * (nodes - 1) + 2;
  if (!Number.isInteger(basePort) || basePort < 1 || lastPort > 65_535) {
    throw new LocalError(`${nodes} nodes from port ${basePort} on do not fit below port 65536.`);
  }
  return Array.from({ length: nodes }, (_, index) => {
    const id = `node-${index}`;
    const port = basePort + PORTS_A_NODE * index;
    return {
      index,
      id,
      dataDir: join(directory, id),
      logFile: join(directory, `${id}.log`),
      configFile: join(directory, `${id}.json`),
      apiAddress: `https://${HOST}:${port}`,
      clusterAddress: `${HOST}:${port + 1}`,
      grpcAddress: `${HOST}:${port + 2}`,
    };
  });
}

/** Writes everything but data. The directory must not hold a cluster yet. `workers` of each node: a share of this machine's cores. */
export function writeNodeFiles(
  directory: string,
  nodes: readonly NodePlan[],
  workers: number = Math.max(1, Math.floor(availableParallelism() / nodes.length)),
): { readonly caCertificateFile: string; readonly caCertificate: string } {
  const used = nodes.find(({ dataDir, configFile }) => existsSync(dataDir) || existsSync(configFile));
  if (used !== undefined) {
    throw new LocalError(`${directory} holds a cluster already (${used.id}). Choose another directory, or remove it.`);
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const tlsDirectory = join(directory, "tls");
  const common = { hosts: [HOST, "localhost"], clock: nodeClock, entropy: nodeEntropy };
  const authority = createServerCertificates({ ...common, directory: tlsDirectory });
  const ca = { caPem: authority.caPem, caKeyPem: authority.caKeyPem };
  for (const node of nodes) {
    const { certFile, keyFile } = createServerCertificates({ ...common, directory: join(tlsDirectory, node.id), ca });
    const tls = { tls_cert_file: certFile, tls_key_file: keyFile };
    const configuration = {
      api_addr: node.apiAddress,
      cluster_addr: node.clusterAddress,
      storage: { raft: { path: node.dataDir, node_id: node.id } },
      listener: [{ tcp: { address: new URL(node.apiAddress).host, ...tls } }],
      grpc_listener: [{ tcp: { address: node.grpcAddress, ...tls } }],
      workers,
    };
    writePrivately(node.configFile, `${JSON.stringify(configuration, undefined, 2)}\n`);
  }
  return { caCertificateFile: authority.caFile, caCertificate: authority.caPem };
}

export function writePrivately(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
}
