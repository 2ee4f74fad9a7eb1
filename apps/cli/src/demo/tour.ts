/** The tour: what a cluster is for, shown on three processes in half a minute. */
import { readFileSync } from "node:fs";
import { StrongroomClient } from "@strongroom/client";
import { nodeClock } from "@strongroom/runtime/node";
import { RemoteError } from "../server-api.ts";
import { pause, waitFor } from "../wait.ts";
import type { LocalCluster } from "./local-cluster.ts";
import { inWords, listed, setUp } from "./setup.ts";
import { formatDuration, type Steps } from "./steps.ts";
import { Writers } from "./writers.ts";

/** What the closing table says, line by line. */
export type Facts = readonly (readonly [string, string])[];

const SECRET = "tour/greeting";
const VALUE = "sealed at rest, replicated by Raft";
const BEFORE_KILL_MS = 1000;
const ACKNOWLEDGED_AFTER_KILL = 200;
const RECOVERY_TIMEOUT_MS = 30_000;

/** `startMs` is when the demo began. Throws when anything acknowledged is not there. */
export async function tour(cluster: LocalCluster, steps: Steps, startMs: number): Promise<Facts> {
  const { nodes } = cluster;
  await setUp(cluster, steps);
  const upMs = nodeClock.monotonicMs();
  await steps.run(`Write a secret at secret/${SECRET}`, () => put(cluster));
  await get(cluster, 0);
  const firstReadMs = nodeClock.monotonicMs();
  await steps.run(`Read it from each of the ${inWords(nodes.length)} nodes`, async () => {
    for (const { index } of nodes) await get(cluster, index);
  });
  const client = await StrongroomClient.connect({
    addresses: nodes.map(({ grpcAddress }) => grpcAddress),
    caCert: readFileSync(cluster.caCertificateFile),
    token: cluster.rootToken,
    deadlineMs: RECOVERY_TIMEOUT_MS,
  });
  const writers = new Writers(client, "secret");
  try {
    await steps.run("Write without pause, through gRPC", () => pause(BEFORE_KILL_MS));
    const dead = await cluster.leader();
    const name = nodes[dead]?.id ?? "";
    const killedMs = nodeClock.monotonicMs();
    await steps.run(
      `Kill the leader, ${name}, with SIGKILL`,
      async () => {
        await cluster.kill(dead);
        await waitFor("writes to go on", RECOVERY_TIMEOUT_MS, () =>
          writers.acknowledgedSince(killedMs) > ACKNOWLEDGED_AFTER_KILL ? true : undefined,
        );
      },
      () => `Kill the leader, ${name}, with SIGKILL; the others take the writes`,
    );
    await writers.stop();
    const gapMs = writers.longestGapMs(killedMs);
    await steps.run(
      "Read every acknowledged write back",
      async () => {
        const lost = await writers.readBack();
        if (lost.length > 0) {
          throw new RemoteError(`${lost.length} acknowledged writes are lost: ${lost.slice(0, 5).join(", ")}`, 0);
        }
      },
      () => `Read all ${writers.acknowledged} acknowledged writes back: none is lost`,
    );
    const caughtUpMs = await catchUp(cluster, steps, dead);
    return [
      [`${listed(nodes.map(({ id }) => id))} up, joined, open`, formatDuration(upMs - startMs)],
      ["From nothing to the first secret read", formatDuration(firstReadMs - startMs)],
      ["Leader killed: no write acknowledged for", formatDuration(gapMs)],
      ["Writes acknowledged, and lost", `${writers.acknowledged}, 0`],
      ["Writes that failed and were reported so", String(writers.failed)],
      ["Dead node restarted, open, caught up", formatDuration(caughtUpMs)],
      ["The whole tour", formatDuration(nodeClock.monotonicMs() - startMs)],
    ];
  } finally {
    await writers.stop();
    client.close();
  }
}

/** How long it took from the restart until the node served the newest secret. */
async function catchUp(cluster: LocalCluster, steps: Steps, dead: number): Promise<number> {
  const name = cluster.nodes[dead]?.id ?? "";
  const startMs = nodeClock.monotonicMs();
  await steps.run(`Restart ${name} with the data that it has; it comes up sealed`, () => cluster.restart(dead));
  const leader = await cluster.leader();
  await steps.run(
    `Let ${name} catch up, still sealed`,
    async () => {
      const goal = await cluster.appliedIndex(leader);
      return waitFor(`${name} to catch up`, RECOVERY_TIMEOUT_MS, async () => {
        const applied = await cluster.appliedIndex(dead);
        return applied >= goal ? applied : undefined;
      });
    },
    (applied) => `Let ${name} catch up, still sealed: at index ${applied}, as the leader`,
  );
  await steps.run(`Open ${name} with ${inWords(cluster.threshold)} shares and read from it`, async () => {
    await cluster.openNode(dead);
    await get(cluster, dead);
  });
  return nodeClock.monotonicMs() - startMs;
}

async function put(cluster: LocalCluster): Promise<void> {
  const body = JSON.stringify({ data: { value: VALUE } });
  const { status, text } = await cluster.request(0, { method: "PUT", path: `secret/data/${SECRET}`, body });
  if (status !== 200) throw new RemoteError(`The write was answered with ${status}: ${text}`, status);
}

async function get(cluster: LocalCluster, index: number): Promise<void> {
  const { status, json, text } = await cluster.request(index, { method: "GET", path: `secret/data/${SECRET}` });
  const data = json?.data?.["data"] as { readonly value?: unknown } | undefined;
  if (data?.value !== VALUE) throw new RemoteError(`node-${index} answered a read with ${status}: ${text}`, status);
}
