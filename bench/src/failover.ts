/**
 * Kills the leader with SIGKILL again and again amid a stream of writes, and measures the time without an acknowledged
 * write: the longest pause between two acknowledgements, the second of which came after the kill. The dead node is started and opened again before the next round, and at the end every acknowledged
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
/** Writes that go on for so long after a pause show that the new leader leads. */
const STEADY_MS = 500;

export async function failover(cluster: LocalCluster, kills: number): Promise<FailoverResult> {
  const client = await StrongroomClient.connect({
    addresses: cluster.nodes.map(({ grpcAddress }) => grpcAddress),
    caCert: readFileSync(cluster.caCertificateFile),
    token: cluster.rootToken,
  });
  const kv = client.kv("secret");
  const acknowledged = new Map<string, number>();
  let acksMs: number[] = [];
  let stopped = false;
  const writer = async (id: number): Promise<void> => {
    for (let i = 0; !stopped; i++) {
      const name = `failover/${id}-${i}`;
      try {
        await kv.put(name, { i });
        acknowledged.set(name, i);
        acksMs.push(performance.now());
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
    acksMs = acksMs.slice(-1);
    const killedMs = performance.now();
    await cluster.kill(leader);
    gapsMs.push(await longestPause(() => acksMs, killedMs, round));
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

async function longestPause(acks: () => readonly number[], killedMs: number, round: number): Promise<number> {
  for (;;) {
    await sleep(20);
    const seen = acks();
    const last = seen.at(-1) ?? 0;
    let longest = { lengthMs: 0, endMs: 0 };
    for (const [index, endMs] of seen.entries()) {
      const lengthMs = endMs - (seen[index - 1] ?? endMs);
      if (endMs > killedMs && lengthMs > longest.lengthMs) longest = { lengthMs, endMs };
    }
    const nowMs = performance.now();
    // Without a pause at all, after a second the kill was a follower's, or nobody noticed it.
    const over =
      longest.lengthMs > 100 ? last - longest.endMs > STEADY_MS : nowMs - killedMs > 2000 && nowMs - last < 100;
    if (over) return longest.lengthMs;
    if (nowMs - killedMs > ROUND_TIMEOUT_MS)
      throw new Error(`no write was acknowledged within 30 s of kill ${round + 1}`);
  }
}
