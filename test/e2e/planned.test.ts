/**
 * What operators do on purpose, under load: leadership moves, and every node is stopped and started in turn. A program that
 * uses the client library is not to notice: no call fails, and each write took effect exactly once.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalCluster } from "@strongroom/cli";
import { type Kv, StrongroomClient } from "@strongroom/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { portBlock } from "./port-block.ts";

const basePort = portBlock({ nodes: 3 });
let directory: string;
let cluster: LocalCluster;
let client: StrongroomClient;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-e2e-"));
  cluster = await LocalCluster.create({ directory, nodes: 3, basePort: await basePort() });
  await cluster.up();
  client = await StrongroomClient.connect({
    addresses: cluster.nodes.map(({ grpcAddress }) => grpcAddress),
    caCert: readFileSync(cluster.caCertificateFile),
    token: cluster.rootToken,
    // Longer than anything here takes on a machine that has much else to do.
    deadlineMs: 60_000,
  });
}, 180_000);

afterAll(async () => {
  client?.close();
  await cluster?.close();
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

const PROGRAMS = 6;

/** Programs that write one key each, again and again, and read it back; what failed, and what was not as they left it. */
class Load {
  readonly wrong: string[] = [];
  #calls = 0;
  #going = true;
  readonly #running: Promise<void>[];

  constructor(kv: Kv, name: string) {
    this.#running = Array.from({ length: PROGRAMS }, (_, i) => this.#run(kv, `${name}/${i}`));
  }

  /** Waits until all that was made so far has been followed by as many calls again as make a load. */
  async more(calls = 10 * PROGRAMS): Promise<void> {
    const target = this.#calls + calls;
    while (this.#calls < target && this.wrong.length === 0) await sleep(20);
  }

  async stop(): Promise<void> {
    this.#going = false;
    await Promise.all(this.#running);
  }

  async #run(kv: Kv, path: string): Promise<void> {
    for (let version = 1; this.#going && this.wrong.length === 0; version++) {
      try {
        const written = await kv.put(path, { version });
        const read = await kv.get<{ readonly version: number }>(path);
        // The version counts the writes that took effect: one that ran twice shows here.
        if (written.number !== version || read?.data?.version !== version || read.version.number !== version)
          this.wrong.push(`${path}: ${version} was written as ${written.number} and read as ${read?.version.number}`);
      } catch (error) {
        this.wrong.push(`${path} ${version}: ${String(error)}`);
      }
      this.#calls += 2;
    }
  }
}

describe("programs that use the client library", () => {
  it("lose no call when leadership is handed over", async () => {
    const load = new Load(client.kv("secret"), "transfer");
    for (let i = 0; i < 4; i++) {
      await load.more();
      const leader = await cluster.leader();
      const next = (leader + 1) % 3;
      const body = JSON.stringify({ server_id: `node-${next}` });
      const asked = await cluster.request((leader + 2) % 3, {
        method: "PUT",
        path: "sys/storage/raft/transfer-leader",
        body,
      });
      expect(asked.status).toBe(204);
      while ((await cluster.leader()) !== next) await sleep(20);
    }
    await load.more();
    await load.stop();
    expect(load.wrong).toEqual([]);
  });

  it("lose no call while each node is stopped and started in turn, the leader too", async () => {
    const load = new Load(client.kv("secret"), "restart");
    const first = await cluster.leader();
    for (const index of [first, (first + 1) % 3, (first + 2) % 3]) {
      await load.more();
      await cluster.kill(index, "SIGTERM");
      await load.more();
      await cluster.restart(index);
      await cluster.openNode(index);
      // As the manual says: the next one when this one has caught up.
      const reached = await cluster.appliedIndex((index + 1) % 3);
      while ((await cluster.appliedIndex(index)) < reached) await sleep(20);
    }
    await load.more();
    await load.stop();
    expect(load.wrong).toEqual([]);
  });
});
