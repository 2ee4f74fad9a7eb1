import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@strongroom/runtime";
import { KEY_KIND, makeKey } from "@strongroom/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestCluster, type TestNode } from "./testing/nodes.ts";

let directory = "";
let cluster: TestCluster | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "cluster-"));
});

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
  rmSync(directory, { recursive: true });
});

async function put(node: TestNode, value: string): Promise<void> {
  const mutations = [{ kind: "put", key: KEY, term: 1, value: utf8(value) }] as const;
  const deadlineMs = node.store.clock.monotonicMs() + 10_000;
  expect((await node.store.commit({ guards: [], mutations }, { deadlineMs })).outcome).toBe("applied");
}

async function read(node: TestNode): Promise<string> {
  const snapshot = await node.store.linearizableSnapshot({ deadlineMs: node.store.clock.monotonicMs() + 10_000 });
  const value = snapshot.get(KEY)?.value ?? new Uint8Array(0);
  snapshot.release();
  return Buffer.from(value).toString();
}

const KEY = makeKey(KEY_KIND.barrier, utf8("k"));

describe("a cluster on LevelDB and a WAL on disk", () => {
  it("moves a node that fell behind to a new generation while its worker serves, and removes the old one", async () => {
    cluster = new TestCluster({ directory });
    const tailLimits = { maxBytes: 64 * 1024, maxEntries: 40 };
    await cluster.start(1, { bootstrap: true, tailLimits });
    await cluster.leader();
    await cluster.start(2, { tailLimits });
    await cluster.join(2);
    const [leader, lagging] = [cluster.node(1), cluster.node(2)];
    await put(leader, "before");
    expect(await read(lagging)).toBe("before");
    const generations = () => readdirSync(join(directory, "2")).filter((name) => name.startsWith("state-"));
    const before = generations();
    cluster.network.partition([[leader.id], [lagging.id]]);
    for (let i = 0; i < 100; i++) await put(leader, `${i}`);
    cluster.network.heal();
    expect(await read(lagging)).toBe("99");
    await put(lagging, "after");
    await cluster.until(() => generations().length === 1);
    expect(generations()).not.toEqual(before);

    await cluster.stop(2);
    await put(leader, "while it was away");
    expect(await read(await cluster.start(2, { tailLimits }))).toBe("while it was away");
  });
});
