/**
 * Kills the leader with SIGKILL again and again amid a stream of writes, and measures from the kill to the next
 * acknowledged write. The dead node is started and opened again before the next round, and at the end every acknowledged
 * write is read back.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { LocalCluster } from "@strongroom/cli";
import { StrongroomClient } from "@strongroom/client";

export interface FailoverResult {
  readonly gapsMs: readonly number[];
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
  /** Acknowledged writes that could not be read back. */
  readonly lost: number;
}

const WRITERS = 4;
const SETTLE_MS = 1000;
const ROUND_TIMEOUT_MS = 30_000;

export async function failover(cluster: LocalCluster, kills: number): Promise<FailoverResult> {
  const client = await StrongroomClient.connect({
    addresses: cluster.nodes.map(({ grpcAddress }) => grpcAddress),
    caCert: readFileSync(cluster.caCertificateFile),
    token: cluster.rootToken,
  });
  const kv = client.kv("secret");
  const acknowledged = new Map<string, number>();
  let lastAckMs = 0;
  let stopped = false;
  const writer = async (id: number): Promise<void> => {
    for (let i = 0; !stopped; i++) {
      const name = `failover/${id}-${i}`;
      try {
        await kv.put(name, { i });
        acknowledged.set(name, i);
        lastAckMs = performance.now();
      } catch {
        // Not acknowledged, so nothing is owed.
      }
      await sleep(2);
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, id) => writer(id));
  const gapsMs: number[] = [];
  for (let round = 0; round < kills; round++) {
    await sleep(SETTLE_MS);
    const leader = await cluster.leader();
    const killedMs = performance.now();
    await cluster.kill(leader);
    while (lastAckMs <= killedMs + 1 || performance.now() - lastAckMs > 1000) {
      if (performance.now() - killedMs > ROUND_TIMEOUT_MS)
        throw new Error(`no write was acknowledged within 30 s of kill ${round + 1}`);
      await sleep(1);
    }
    gapsMs.push(lastAckMs - killedMs);
    await cluster.restart(leader);
    await cluster.openNode(leader);
    await cluster.waitForVoters(cluster.nodes.length);
  }
  stopped = true;
  await Promise.all(writers);
  let lost = 0;
  for (const [name, i] of acknowledged) {
    const secret = await kv.get(name);
    if ((secret?.data as { readonly i?: number } | undefined)?.i !== i) lost += 1;
  }
  client.close();
  const sorted = [...gapsMs].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return { gapsMs, minMs: at(0), medianMs: at(Math.floor(sorted.length / 2)), maxMs: at(sorted.length - 1), lost };
}
