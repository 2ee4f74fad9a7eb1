/** Three nodes, all open and voting, for a whole test file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalCluster } from "@strongroom/cli";
import { afterAll, beforeAll } from "vitest";
import { portBlock } from "./port-block.ts";

/** To be called where a test file begins; `use` gets the cluster once it is up, before any test. */
export function threeNodes(use: (cluster: LocalCluster) => void | Promise<void>): void {
  const basePort = portBlock({ nodes: 3 });
  let directory = "";
  let cluster: LocalCluster | undefined;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "strongroom-e2e-"));
    cluster = await LocalCluster.create({ directory, nodes: 3, basePort: await basePort() });
    await cluster.up();
    await use(cluster);
  }, 180_000);
  afterAll(async () => {
    await cluster?.close();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);
}
