/**
 * `npm run bench -- cluster`: three nodes on this machine, everything durable and over TLS. Durable KV writes and
 * linearizable reads by 1, 16 and 64 clients over HTTPS and gRPC, then the time without an acknowledged write after
 * `kill -9` of the leader. The load comes from the same machine, so the figures are of servers and clients together.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { LocalCluster } from "@strongroom/cli";
import { type FailoverResult, failover } from "./failover.ts";
import { grpcLoad } from "./grpc-load.ts";
import { benchOptions } from "./options.ts";
import { processCpuUs } from "./process-cpu.ts";
import { type LoadResult, requireWrk, wrkLoad } from "./wrk.ts";

interface Row extends LoadResult {
  readonly protocol: "https" | "grpc";
  readonly operation: "write" | "read";
  readonly clients: number;
  /** CPU of all servers over the run, per request. */
  readonly serverCpuUs: number;
}

const CLIENTS = [1, 16, 64];

export async function clusterBench(args: readonly string[]): Promise<void> {
  const values = benchOptions(args, {
    seconds: [8, "of load for each row"],
    "warm-up": [60, "seconds of writes before; a quarter of it of reads"],
    kills: [20, "of the leader"],
    "base-port": [18_200, "first of the nodes' ports"],
    json: ["bench/results/cluster.json", "where the figures are written"],
  });
  requireWrk();
  const directory = mkdtempSync(join(tmpdir(), "strongroom-bench-"));
  const cluster = await LocalCluster.create({ directory, nodes: 3, basePort: values["base-port"] });
  try {
    await cluster.up();
    const rows = await throughput(cluster, { seconds: values.seconds, warmUp: values["warm-up"] });
    const gaps = await failover(cluster, values.kills);
    report(rows, gaps);
    mkdirSync(join(values.json, ".."), { recursive: true });
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
    writeFileSync(values.json, `${JSON.stringify({ machine, rows, failover: gaps }, undefined, 2)}\n`);
    process.stdout.write(`\nWritten to ${values.json}\n`);
  } finally {
    await cluster.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function throughput(
  cluster: LocalCluster,
  { seconds, warmUp }: { readonly seconds: number; readonly warmUp: number },
): Promise<Row[]> {
  const rows: Row[] = [];
  const measure = async (
    protocol: Row["protocol"],
    operation: Row["operation"],
    clients: number,
    run: () => Promise<LoadResult>,
  ) => {
    const before = serverCpuUs(cluster);
    const result = await run();
    const serverCpu = (serverCpuUs(cluster) - before) / (result.perSecond * seconds);
    rows.push({ protocol, operation, clients, ...result, serverCpuUs: serverCpu });
    process.stdout.write(`${line(rows.at(-1) as Row)}\n`);
  };
  process.stdout.write(
    "protocol  operation  clients   per second      p50 ms      p99 ms  server µs/request  failures\n",
  );
  const https = cluster.nodes.map(({ apiAddress }) => apiAddress);
  // The first minute of a fresh process is its compiler's, which takes a fifth of the processor meanwhile.
  for (const [operation, warmUpSeconds] of [
    ["write", warmUp],
    ["read", Math.ceil(warmUp / 4)],
  ] as const) {
    await wrkLoad({ targets: https, clients: 48, seconds: warmUpSeconds, token: cluster.rootToken, operation });
  }
  for (const operation of ["write", "read"] as const) {
    for (const clients of CLIENTS) {
      await measure("https", operation, clients, () =>
        wrkLoad({ targets: https, clients, seconds, token: cluster.rootToken, operation }),
      );
    }
  }
  for (const operation of ["write", "read"] as const) {
    for (const clients of CLIENTS)
      await measure("grpc", operation, clients, () => grpcLoad(cluster, { clients, seconds, operation }));
  }
  return rows;
}

function line(row: Row): string {
  const cells = [
    row.perSecond.toFixed(0).padStart(12),
    row.p50Ms.toFixed(2).padStart(11),
    row.p99Ms.toFixed(2).padStart(11),
  ];
  return `${row.protocol.padEnd(9)} ${row.operation.padEnd(9)} ${String(row.clients).padStart(8)} ${cells.join(" ")} ${row.serverCpuUs.toFixed(0).padStart(18)} ${String(row.failures).padStart(9)}`;
}

function report(rows: readonly Row[], gaps: FailoverResult): void {
  const failed = rows.reduce((sum, { failures }) => sum + failures, 0);
  process.stdout.write(`\nrequests that failed: ${failed}\n`);
  process.stdout.write(
    `time without an acknowledged write after kill -9 of the leader, ${gaps.gapsMs.length} kills: min ${gaps.minMs.toFixed(0)} ms, median ${gaps.medianMs.toFixed(0)} ms, max ${gaps.maxMs.toFixed(0)} ms\n`,
  );
  process.stdout.write(`acknowledged writes lost: ${gaps.lost}\n`);
}

/** User and system time of all server processes so far, in microseconds (proc(5), clock ticks of 10 ms). */
function serverCpuUs(cluster: LocalCluster): number {
  return cluster.nodes.reduce((sum, { pid }) => sum + (pid === undefined ? 0 : processCpuUs(pid)), 0);
}
