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
import { LocalCluster } from "@strongroom/cli";

const WRITERS = 4;
const BASE_PORT = 24_600;

/** `term=N` of every line in which a node heard of a leader. */
function leaderTerms(cluster: LocalCluster): ReadonlySet<number> {
  const terms = new Set<number>();
  for (const { logFile } of cluster.nodes)
    for (const [, term] of readFileSync(logFile, "utf8").matchAll(/there is a leader: .*\bterm=(\d+)/g))
      terms.add(Number(term));
  return terms;
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    loops: { type: "string", default: String(2 * cpus().length) },
  },
});
const directory = mkdtempSync(join(tmpdir(), "strongroom-saturation-"));
const cluster = await LocalCluster.create({ directory, nodes: 3, basePort: BASE_PORT });
const loops: ChildProcess[] = [];
// Whatever ends this process, the loops end with it.
process.once("exit", () => {
  for (const loop of loops) loop.kill("SIGKILL");
});
let stopped = false;
let acknowledged = 0;
let failed = 0;
try {
  await cluster.up();
  const before = leaderTerms(cluster);
  for (let i = 0; i < Number(values.loops); i++)
    loops.push(spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }));
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let n = 0; !stopped; n++) {
      const body = JSON.stringify({ data: { n } });
      const request = { method: "PUT", path: `secret/data/saturation-${writer}`, body } as const;
      const answer = await cluster.request(n % 3, request).catch(() => undefined);
      if (answer?.status === 200) acknowledged++;
      else failed++;
      await sleep(20);
    }
  });
  await sleep(Number(values.minutes) * 60_000);
  const load = loadavg()[0] ?? 0;
  stopped = true;
  await Promise.all(writers);
  const elections = leaderTerms(cluster).size - before.size;
  const stalls = cluster.nodes.flatMap(({ logFile }) => [
    ...readFileSync(logFile, "utf8").matchAll(/thread stood still.*gapMs=(\d+)/g),
  ]);
  const longest = Math.max(0, ...stalls.map(([, gap]) => Number(gap)));
  process.stdout.write(
    `${values.minutes} minutes, ${values.loops} busy loops on ${cpus().length} cores, load average ${load.toFixed(1)}: ${acknowledged} writes acknowledged, ${failed} not; the replicas' threads stood still ${stalls.length} times, at most ${longest} ms\nfalse elections: ${elections}\n`,
  );
  process.exitCode = elections === 0 ? 0 : 1;
} finally {
  stopped = true;
  for (const loop of loops) loop.kill("SIGKILL");
  await cluster.close();
  rmSync(directory, { recursive: true, force: true });
}
