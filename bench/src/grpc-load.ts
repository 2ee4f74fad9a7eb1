/** The same load over gRPC, by the SDK. Its client costs twice the server's CPU, which the figures include. */
import { readFileSync } from "node:fs";
import type { LocalCluster } from "@strongroom/cli";
import { StrongroomClient } from "@strongroom/client";
import type { LoadResult } from "./wrk.ts";

const KEYS = 1000;

export interface GrpcLoad {
  readonly clients: number;
  readonly seconds: number;
  readonly operation: "read" | "write";
}

export async function grpcLoad(cluster: LocalCluster, { clients, seconds, operation }: GrpcLoad): Promise<LoadResult> {
  const caCert = readFileSync(cluster.caCertificateFile);
  const connections = await Promise.all(
    cluster.nodes.map(({ grpcAddress }) =>
      StrongroomClient.connect({ addresses: [grpcAddress], caCert, token: cluster.rootToken }),
    ),
  );
  const latenciesMs: number[] = [];
  let failures = 0;
  const endMs = performance.now() + seconds * 1000;
  const value = { value: "v".repeat(480) };
  const work = async (index: number): Promise<void> => {
    const kv = connections[index % connections.length]?.kv("secret");
    if (kv === undefined) return;
    for (let i = index; performance.now() < endMs; i += clients) {
      const startMs = performance.now();
      const name = `bench/${i % KEYS}`;
      try {
        await (operation === "write" ? kv.put(name, value) : kv.get(name));
        latenciesMs.push(performance.now() - startMs);
      } catch {
        failures += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => work(index)));
  for (const connection of connections) connection.close();
  latenciesMs.sort((a, b) => a - b);
  const at = (fraction: number) =>
    latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * fraction))] ?? Number.NaN;
  return { perSecond: latenciesMs.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), failures };
}
