/**
 * `npm run bench -- failover`: the time without an acknowledged write after `kill -9` of the leader, over many kills, at the
 * default pace of heartbeats and elections or at another.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LocalCluster, type LocalNode } from "@strongroom/cli";
import { failover } from "./failover.ts";
import { benchOptions, UsageError } from "./options.ts";

const PROFILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  default: {},
  fast: { heartbeat_interval: "20ms", election_timeout: "100ms" },
};

export async function failoverBench(args: readonly string[]): Promise<void> {
  const values = benchOptions(args, {
    kills: [50, "of the leader"],
    profile: ["default", "of heartbeats and election timeouts: default, or fast"],
    "base-port": [18_300, "first of the nodes' ports"],
    json: ["", "where the figures are written (bench/results/failover-PROFILE.json)"],
  });
  const pace = PROFILES[values.profile];
  if (pace === undefined) throw new UsageError(`--profile must be one of ${Object.keys(PROFILES).join(", ")}`);
  const directory = mkdtempSync(join(tmpdir(), "strongroom-failover-"));
  const cluster = await LocalCluster.create({ directory, nodes: 3, basePort: values["base-port"] });
  try {
    for (const node of cluster.nodes) setPace(node, pace);
    await cluster.up();
    const result = await failover(cluster, values.kills);
    const sorted = [...result.gapsMs].sort((a, b) => a - b);
    const p90 = sorted[Math.floor(sorted.length * 0.9)] ?? Number.NaN;
    process.stdout.write(
      `profile ${values.profile}, ${sorted.length} kills of the leader, time without an acknowledged write: min ${result.minMs.toFixed(0)} ms, median ${result.medianMs.toFixed(0)} ms, p90 ${p90.toFixed(0)} ms, max ${result.maxMs.toFixed(0)} ms\nacknowledged writes lost: ${result.lost}\n`,
    );
    const file = values.json === "" ? `bench/results/failover-${values.profile}.json` : values.json;
    mkdirSync(dirname(file), { recursive: true });
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
    writeFileSync(file, `${JSON.stringify({ machine, profile: values.profile, pace, ...result }, undefined, 2)}\n`);
  } finally {
    await cluster.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Before the node's first start. */
function setPace({ configFile }: LocalNode, pace: Readonly<Record<string, string>>): void {
  const config = JSON.parse(readFileSync(configFile, "utf8")) as { readonly storage: { readonly raft: object } };
  Object.assign(config.storage.raft, pace);
  writeFileSync(configFile, JSON.stringify(config), { mode: 0o600 });
}
