/** From nothing to a cluster that serves, step by step: what the demo and the tour begin with. */
import { present } from "@strongroom/runtime";
import type { LocalCluster } from "./local-cluster.ts";
import type { Steps } from "./steps.ts";

const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

export async function setUp(cluster: LocalCluster, steps: Steps): Promise<void> {
  const [first, ...others] = cluster.nodes;
  const { threshold } = cluster;
  if (first === undefined) return;
  await steps.run(`Start ${first.id}: a process with its own data, HTTPS, gRPC, cluster port`, () =>
    cluster.startNode(0),
  );
  await steps.run(
    "Initialise the cluster",
    () => cluster.initialize(),
    () => `Initialise the cluster: ${cluster.unsealKeys.length} key shares, any ${threshold} of which open it`,
  );
  await steps.run(`Open ${first.id} with ${inWords(threshold)} shares`, () => cluster.openNode(0));
  await steps.run("Mount the KV engine, version 2, at secret/", () => cluster.mountKv());
  if (others.length > 0) {
    const names = listed(others.map(({ id }) => id));
    await steps.run(`Join ${names}, each by a token that is good for one node`, () => cluster.joinOthers());
    await steps.run(`Open ${names}: ${inWords(threshold)} shares, each given to another node`, () =>
      openTogether(cluster),
    );
    await steps.run(`Wait until all ${inWords(cluster.nodes.length)} nodes vote`, () =>
      cluster.waitForVoters(cluster.nodes.length),
    );
  }
  await cluster.writeClusterFile();
}

/** One ceremony opens all members, whichever nodes the shares are given to. */
async function openTogether(cluster: LocalCluster): Promise<void> {
  const { nodes, threshold, unsealKeys } = cluster;
  for (let i = 0; i < threshold; i++) {
    // Not the same shares as for the first node: any will do.
    const share = present(unsealKeys[unsealKeys.length - 1 - i], "there are at least as many shares as the threshold");
    await cluster.unseal(share, i % nodes.length);
  }
  for (const { index } of nodes) await cluster.openNode(index);
}

export function inWords(count: number): string {
  return WORDS[count] ?? String(count);
}

/** `a, b and c`. */
export function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}
