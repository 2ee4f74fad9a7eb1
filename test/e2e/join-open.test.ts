/** A join token that opens the node that joins with it: real processes, no share given to the second one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalCluster } from "@strongroom/cli";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { portBlock } from "./port-block.ts";

const basePort = portBlock({ nodes: 2 });
let directory: string;
let cluster: LocalCluster;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-e2e-"));
  cluster = await LocalCluster.create({ directory, nodes: 2, basePort: await basePort() });
  await cluster.startNode(0);
  await cluster.initialize();
  await cluster.openNode(0);
}, 60_000);

afterAll(async () => {
  await cluster?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function isSealed(index: number): Promise<boolean> {
  const { json } = await cluster.request(index, { method: "GET", path: "sys/seal-status" });
  return (json as { readonly sealed: boolean }).sealed;
}

describe("a join token made with -open", () => {
  it("opens the node that joins with it, once: sealed by somebody or started again, the node stays sealed", async () => {
    const made = await cluster.request(0, {
      method: "POST",
      path: "sys/storage/raft/join-token",
      body: JSON.stringify({ open: true }),
    });
    const { token } = (made.json as { readonly data: { readonly token: string } }).data;
    await cluster.startNode(1, { joinToken: token });
    for (let i = 0; i < 200 && (await isSealed(1)); i++) await sleep(50);
    expect(await isSealed(1)).toBe(false);
    const sealing = await cluster.request(1, { method: "PUT", path: "sys/seal" });
    expect(sealing.status).toBe(204);
    await sleep(1500);
    expect(await isSealed(1)).toBe(true);
    await cluster.kill(1);
    await cluster.startNode(1, { joinToken: token });
    await sleep(1500);
    expect(await isSealed(1)).toBe(true);
  });
});
