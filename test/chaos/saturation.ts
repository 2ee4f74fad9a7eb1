/**
 * `npm run chaos:saturation -- [--minutes M] [--loops N]`: three nodes under load on a machine whose cores are all taken by
 * busy loops. No leader may be lost: every election here would be a false one. Exit code 1 if there was any.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ChaosCluster } from "./cluster.ts";
import { type Network, portsOf } from "./network.ts";
import { NodePlace } from "./node-process.ts";
import { isSandboxed, raiseLoopback, runSandboxed } from "./sandbox.ts";

const NODES = 3;
const WRITERS = 4;
const BASE_PORT = 24_600;
/** After the start, whose compiling is a load of its own. */
const SETTLE_MS = 20_000;

interface Measured {
  readonly elections: number;
  readonly acknowledged: number;
  readonly failed: number;
  readonly load: number;
  readonly stallsMs: readonly number[];
}

async function measure(places: readonly NodePlace[], cluster: ChaosCluster, minutes: number): Promise<Measured> {
  const before = { terms: leaderTerms(places), stalls: stallsMs(places).length };
  let stopped = false;
  let acknowledged = 0;
  let failed = 0;
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let n = writer; !stopped; n++) {
      const place = places[n % places.length];
      if (place === undefined) continue;
      const call = { method: "PUT", path: `secret/data/saturation-${writer}`, body: { data: { n } } } as const;
      if ((await cluster.call(place, call)).status === 200) acknowledged++;
      else failed++;
      await sleep(20);
    }
  });
  await sleep(minutes * 60_000);
  const load = loadavg()[0] ?? 0;
  stopped = true;
  await Promise.all(writers);
  const elections = [...leaderTerms(places)].filter((term) => !before.terms.has(term)).length;
  return { elections, acknowledged, failed, load, stallsMs: stallsMs(places).slice(before.stalls) };
}

/** `term=N` of every line in which a node heard of a leader. */
function leaderTerms(places: readonly NodePlace[]): ReadonlySet<number> {
  const lines = places.flatMap(({ logFile }) => [
    ...readFileSync(logFile, "utf8").matchAll(/there is a leader: .*\bterm=(\d+)/g),
  ]);
  return new Set(lines.map(([, term]) => Number(term)));
}

function stallsMs(places: readonly NodePlace[]): readonly number[] {
  return places.flatMap(({ logFile }) =>
    [...readFileSync(logFile, "utf8").matchAll(/thread stood still.*gapMs=(\d+)/g)].map(([, gap]) => Number(gap)),
  );
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "10" },
      loops: { type: "string", default: String(2 * cpus().length) },
    },
  });
  if (!isSandboxed()) {
    const code = await runSandboxed(args);
    if (code !== undefined) return code;
  } else raiseLoopback();
  const directory = mkdtempSync(join(tmpdir(), "strongroom-saturation-"));
  const places: NodePlace[] = [];
  // Nothing between the nodes that could be starved too.
  const network: Network = {
    kind: "proxy",
    host: () => "127.0.0.1",
    clusterAddress: (node) => `127.0.0.1:${portsOf(BASE_PORT, node).cluster}`,
    prefix: () => [],
    cut: () => {},
    delay: () => {},
    heal: () => {},
    close: async () => {},
  };
  for (let place = 0; place < NODES; place++) {
    const dataRoot = join(directory, `disk-${place}`);
    places.push(new NodePlace({ place, directory, dataRoot, basePort: BASE_PORT, network, disk: undefined, seed: 0 }));
  }
  const loops: ChildProcess[] = [];
  // Whatever ends this process, the loops end with it.
  process.once("exit", () => {
    for (const loop of loops) loop.kill("SIGKILL");
  });
  const cluster = new ChaosCluster(places, network);
  await cluster.up();
  await sleep(SETTLE_MS);
  for (let i = 0; i < Number(values.loops); i++)
    loops.push(spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore", detached: isSandboxed() }));
  const measured = await measure(places, cluster, Number(values.minutes));
  for (const loop of loops) loop.kill("SIGKILL");
  await Promise.all(places.map((place) => place.kill()));
  for (const { api } of places) api.close();
  const longest = Math.max(0, ...measured.stallsMs);
  process.stdout.write(
    `${values.minutes} minutes, ${values.loops} busy loops on ${cpus().length} cores, load average ${measured.load.toFixed(1)}: ${measured.acknowledged} writes acknowledged, ${measured.failed} not; the replicas' threads stood still ${measured.stallsMs.length} times, at most ${longest} ms\nfalse elections: ${measured.elections}\n`,
  );
  if (measured.elections === 0) rmSync(directory, { recursive: true, force: true });
  else process.stdout.write(`the nodes' logs are in ${directory}\n`);
  return measured.elections === 0 ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
