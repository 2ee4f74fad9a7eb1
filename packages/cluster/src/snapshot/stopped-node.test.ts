import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@strongroom/runtime";
import { decodeRow, KEY_KIND, makeKey } from "@strongroom/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { quarantine } from "../replica/quarantine.ts";
import { TestCluster, type TestNode } from "../testing/nodes.ts";
import { SnapshotParser } from "./parser.ts";
import { readStoppedNode } from "./stopped-node.ts";

let directory = "";
let cluster: TestCluster | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stopped-"));
});

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
  rmSync(directory, { recursive: true });
});

const keyOf = (name: string) => makeKey(KEY_KIND.barrier, utf8(name));

async function put(node: TestNode, name: string): Promise<void> {
  const mutations = [{ kind: "put", key: keyOf(name), term: 1, value: utf8(name) }] as const;
  const deadlineMs = node.store.clock.monotonicMs() + 60_000;
  expect((await node.store.commit({ guards: [], mutations }, { deadlineMs })).outcome).toBe("applied");
}

/** Index and names that the snapshot of a stopped node has. */
async function contentOf(node: string): Promise<{ index: number; names: string[]; voters: number }> {
  return readStoppedNode(
    { directory: join(directory, node), workDirectory: join(directory, "work") },
    async (stream) => {
      const parser = new SnapshotParser();
      const names: string[] = [];
      for await (const bytes of stream) {
        for (const { key, value } of parser.push(bytes))
          if (key[0] === KEY_KIND.barrier) names.push(Buffer.from(decodeRow(value).value).toString());
      }
      const { header } = parser.finish();
      return { index: header.metadata.index, names, voters: header.metadata.confState.voters.length };
    },
  );
}

describe("the state of a stopped node", () => {
  it("is all that its log holds, what no table has and what it does not know to be committed too; the node goes on from its own", async () => {
    cluster = new TestCluster({ directory });
    await cluster.start(1, { bootstrap: true });
    await cluster.leader();
    await put(cluster.node(1), "before-the-other");
    await cluster.start(2);
    await cluster.join(2);
    const [leader, follower] = [cluster.node(1), cluster.node(2)];
    await cluster.promote(2);
    await cluster.until(() => leader.shell.status().state === "leader");
    for (let i = 0; i < 20; i++) await put(leader, `row-${String(i).padStart(2, "0")}`);
    cluster.network.partition([[leader.id], [follower.id]]);
    const unknown = put(leader, "stored-by-one").catch(() => {});
    const log = join(directory, "1", "wal");
    await cluster.until(() => readdirSync(log).some((name) => readFileSync(join(log, name)).includes("stored-by-one")));
    await cluster.stop(2);
    await cluster.stop(1);
    await unknown;

    const files = () => readdirSync(join(directory, "1")).sort();
    const before = files();
    const saved = await contentOf("1");
    const rows = Array.from({ length: 20 }, (_, i) => `row-${String(i).padStart(2, "0")}`);
    expect(saved.names).toEqual(["before-the-other", ...rows, "stored-by-one"]);
    expect(saved.voters).toBe(2);
    expect([files(), readdirSync(directory).sort()]).toEqual([before, ["1", "2"]]);
    expect((await contentOf("2")).names).toEqual(["before-the-other", ...rows]);

    cluster.network.heal();
    await cluster.start(1);
    await cluster.start(2);
    await put(cluster.node(2), "goes-on");
  });

  it("is not to be had where there is none, where it is wrong, or where the log is damaged", async () => {
    mkdirSync(join(directory, "3", "wal"), { recursive: true });
    await expect(contentOf("2")).rejects.toThrow(/holds no node's data/);
    await expect(contentOf("3")).rejects.toThrow(/its log is empty/);
    writeFileSync(join(directory, "3", "restoring"), "");
    await expect(contentOf("3")).rejects.toThrow(/has not come to its end/);
    quarantine(join(directory, "3"), "This node is quarantined.");
    await expect(contentOf("3")).rejects.toThrow(/quarantined/);
    expect(readdirSync(directory)).toEqual(["3"]);
  });
});
