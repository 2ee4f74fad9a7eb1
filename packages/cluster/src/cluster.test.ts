import { utf8 } from "@strongroom/runtime";
import { KEY_KIND, makeKey, type Verdict } from "@strongroom/storage";
import { afterEach, describe, expect, it } from "vitest";
import { TestCluster, type TestNode } from "./testing/nodes.ts";

let cluster: TestCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

function key(name: string): Uint8Array {
  return makeKey(KEY_KIND.barrier, utf8(name));
}

function put(node: TestNode, name: string, value: string, timeoutMs = 5_000): Promise<Verdict> {
  const mutations = [{ kind: "put", key: key(name), term: 1, value: utf8(value) }] as const;
  const options = { deadlineMs: node.store.clock.monotonicMs() + timeoutMs };
  return node.store.commit({ guards: [], mutations }, options);
}

function get(node: TestNode, name: string): string | undefined {
  const snapshot = node.store.localSnapshot();
  try {
    const row = snapshot.get(key(name));
    return row === undefined ? undefined : Buffer.from(row.value).toString();
  } finally {
    snapshot.release();
  }
}

async function read(node: TestNode, name: string): Promise<string | undefined> {
  const snapshot = await node.store.linearizableSnapshot({ deadlineMs: node.store.clock.monotonicMs() + 5_000 });
  try {
    const row = snapshot.get(key(name));
    return row === undefined ? undefined : Buffer.from(row.value).toString();
  } finally {
    snapshot.release();
  }
}

describe("a cluster of one", () => {
  it("commits, and the next local read of the worker shows it", async () => {
    cluster = new TestCluster();
    const node = await cluster.start(1, { bootstrap: true });
    expect((await put(node, "a", "1")).outcome).toBe("applied");
    expect(get(node, "a")).toBe("1");
    expect(await read(node, "a")).toBe("1");
  });

  it("answers a guard that does not hold with a conflict", async () => {
    cluster = new TestCluster();
    const node = await cluster.start(1, { bootstrap: true });
    await put(node, "a", "1");
    const verdict = await node.store.commit(
      { guards: [{ kind: "absent", key: key("a") }], mutations: [{ kind: "delete", key: key("a") }] },
      cluster.within(5_000),
    );
    expect(verdict).toEqual({ outcome: "conflict", guard: 0 });
    expect(get(node, "a")).toBe("1");
  });

  it("keeps what it acknowledged over a loss of power", async () => {
    cluster = new TestCluster();
    let node = await cluster.start(1, { bootstrap: true });
    await Promise.all(Array.from({ length: 50 }, (_, i) => put(node, `k${i}`, `${i}`)));
    await cluster.stop(1, { powerLoss: true });
    node = await cluster.start(1);
    for (let i = 0; i < 50; i++) expect(await read(node, `k${i}`)).toBe(`${i}`);
  });
});
