/**
 * `npm run bench -- one-core`: authenticated KV reads with a file audit device, of one node with one worker, all of whose
 * threads share one core; the load comes from another core. In clear and over TLS, each beside a bare `node:http(s)` server,
 * on the same core in the same run, as the limit.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LocalCluster } from "@strongroom/cli";
import { startBareServer } from "./bare-server.ts";
import { benchOptions, UsageError } from "./options.ts";
import { processCpuUs } from "./process-cpu.ts";
import { type Call, prepare } from "./subject.ts";
import { kvBody, type LoadResult, type Recipe, requireWrk, wrkRecipe } from "./wrk.ts";

interface Row extends LoadResult {
  readonly server: string;
  readonly protocol: "http" | "https";
  /** CPU of the server per request, the best of the rounds. */
  readonly cpuUs: number;
}

/** What runs, by its door. */
interface Pinned {
  readonly name: string;
  readonly pid: number;
  readonly doors: Readonly<Partial<Record<Row["protocol"], string>>>;
  readonly recipe: Recipe;
}

const SERVER_CORE = 0;
const CLIENT_CORE = 1;
const CLIENTS = 64;
const ROUNDS = 3;
const PATH = "/v1/secret/data/bench/%d";

export async function oneCoreBench(args: readonly string[]): Promise<void> {
  const values = benchOptions(args, {
    seconds: [5, "of load in each of three rounds"],
    "warm-up": [20, "seconds of load before"],
    "base-port": [18_600, "first of the ports"],
    json: ["bench/results/one-core.json", "where the figures are written"],
  });
  if (availableParallelism() < 2) throw new UsageError("this benchmark takes two cores, one of them for the load");
  requireWrk();
  const directory = mkdtempSync(join(tmpdir(), "strongroom-bench-"));
  const port = values["base-port"];
  const rows: Row[] = [];
  const measure = async (pinned: Pinned, protocol: Row["protocol"], warmUp: number): Promise<void> => {
    const target = pinned.doors[protocol];
    if (target === undefined) return;
    const row = await best(pinned, { target, protocol, warmUp, seconds: values.seconds });
    rows.push(row);
    process.stdout.write(`${line(row)}\n`);
  };
  process.stdout.write(`${HEADER}\n`);
  try {
    for (const clear of [true, false]) {
      const bare = await startBareServer({ directory, port, clear });
      const [target = ""] = bare.targets;
      const [pid = 0] = bare.pids();
      const doors = clear ? { http: target } : { https: target };
      try {
        await measure({ name: "bare", pid, doors, recipe: { method: "GET", path: PATH } }, clear ? "http" : "https", 3);
      } finally {
        await bare.close();
      }
    }
    const cluster = await LocalCluster.create({ directory: join(directory, "node"), nodes: 1, basePort: port });
    try {
      const pinned = await startNode(cluster, directory, port + 9);
      for (const protocol of ["http", "https"] as const) await measure(pinned, protocol, values["warm-up"]);
    } finally {
      await cluster.close();
    }
    process.stdout.write(`\n${above(rows)}`);
    mkdirSync(dirname(values.json), { recursive: true });
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
    writeFileSync(values.json, `${JSON.stringify({ machine, rows }, undefined, 2)}\n`);
    process.stdout.write(`\nWritten to ${values.json}\n`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One open node with one worker, a door in clear besides that over TLS, and a thousand secrets. */
async function startNode(cluster: LocalCluster, directory: string, clearPort: number): Promise<Pinned> {
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error("a cluster of one has a node");
  const configuration = JSON.parse(readFileSync(node.configFile, "utf8")) as { listener: object[] };
  const clear = { tcp: { address: `127.0.0.1:${clearPort}`, tls_disable: true } };
  const listener = [...configuration.listener, clear];
  writeFileSync(node.configFile, JSON.stringify({ ...configuration, listener, workers: 1 }));
  await cluster.up();
  const call: Call = async (method, path, body) => {
    const { status, json, text } = await cluster.request(0, {
      method,
      path,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return json ?? {};
  };
  const { token } = await prepare(call, join(directory, "audit.log"));
  const write: Recipe = { method: "POST", path: PATH, body: kvBody(), token };
  await wrkRecipe({ targets: [node.apiAddress], clients: 16, seconds: 3, recipe: write });
  return {
    name: "strongroom",
    pid: node.pid ?? 0,
    doors: { http: `http://127.0.0.1:${clearPort}`, https: node.apiAddress },
    recipe: { method: "GET", path: PATH, token },
  };
}

/** The round in which the server took the least CPU: what else the machine does only adds to it. */
async function best(
  { name, pid, recipe }: Pinned,
  load: {
    readonly target: string;
    readonly protocol: Row["protocol"];
    readonly warmUp: number;
    readonly seconds: number;
  },
): Promise<Row> {
  execFileSync("taskset", ["-a", "-c", "-p", String(SERVER_CORE), String(pid)], { stdio: "ignore" });
  const run = (seconds: number): Promise<LoadResult> =>
    wrkRecipe({ targets: [load.target], clients: CLIENTS, seconds, recipe, core: CLIENT_CORE });
  await run(load.warmUp);
  const rows: Row[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = processCpuUs(pid);
    const result = await run(load.seconds);
    const cpuUs = (processCpuUs(pid) - before) / Math.max(1, result.perSecond * load.seconds);
    rows.push({ ...result, server: name, protocol: load.protocol, cpuUs });
  }
  return rows.reduce((least, row) => (row.cpuUs < least.cpuUs ? row : least));
}

const HEADER = "server      protocol  per second      p50 ms      p99 ms  CPU µs/request  failures";

function line({ server, protocol, perSecond, p50Ms, p99Ms, cpuUs, failures }: Row): string {
  const numbers = [perSecond.toFixed(0).padStart(10), p50Ms.toFixed(2).padStart(11), p99Ms.toFixed(2).padStart(11)];
  return `${server.padEnd(11)} ${protocol.padEnd(8)} ${numbers.join(" ")} ${cpuUs.toFixed(1).padStart(15)} ${String(failures).padStart(9)}`;
}

function above(rows: readonly Row[]): string {
  const cpu = (server: string, protocol: string): number =>
    rows.find((row) => row.server === server && row.protocol === protocol)?.cpuUs ?? Number.NaN;
  return ["http", "https"]
    .map((protocol) => {
      const more = cpu("strongroom", protocol) - cpu("bare", protocol);
      return `an audited read over ${protocol} takes ${more.toFixed(0)} µs of CPU more than a bare answer\n`;
    })
    .join("");
}
