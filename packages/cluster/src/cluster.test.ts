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

describe("a cluster of three", () => {
  it("commits on each node and reads linearizably on each", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    for (const writer of cluster.nodes) {
      expect((await put(writer, `from-${writer.id}`, "x")).outcome).toBe("applied");
      for (const reader of cluster.nodes) expect(await read(reader, `from-${writer.id}`)).toBe("x");
    }
  });

  it("goes on when the leader stops, and loses nothing", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const leader = await cluster.leader();
    const others = cluster.nodes.filter((node) => node !== leader);
    for (const node of others) await put(node, `before-${node.id}`, "1");
    await cluster.stop(leader.id, { powerLoss: true });
    for (const node of others) expect((await put(node, `after-${node.id}`, "2")).outcome).toBe("applied");
    const restarted = await cluster.start(leader.id);
    for (const node of others) {
      expect(await read(restarted, `before-${node.id}`)).toBe("1");
      expect(await read(restarted, `after-${node.id}`)).toBe("2");
    }
    expect((await put(restarted, "again", "3")).outcome).toBe("applied");
  });

  it("applies each command once while messages are lost", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const [first] = cluster.nodes;
    const guarded = async (node: TestNode, i: number) => {
      const row = key(`once-${node.id}-${i}`);
      const guards = [{ kind: "absent", key: row }] as const;
      const mutations = [{ kind: "put", key: row, term: 1, value: utf8("v") }] as const;
      return node.store.commit({ guards, mutations }, { deadlineMs: node.store.clock.monotonicMs() + 20_000 });
    };
    cluster.network.configure({ lossPercent: 15 });
    const verdicts = await Promise.all(
      cluster.nodes.flatMap((node) => Array.from({ length: 20 }, (_, i) => guarded(node, i))),
    );
    cluster.network.configure({ lossPercent: 0 });
    // A second run of any would meet its own guard and answer with a conflict.
    expect(verdicts.map((verdict) => verdict.outcome)).toEqual(verdicts.map(() => "applied"));
    expect(await read(first as TestNode, "once-1-0")).toBe("v");
  });

  it("fails writes within their deadline when two of three are down", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    await put(cluster.node(1), "a", "1");
    await cluster.stop(2);
    await cluster.stop(3);
    const outcome = await put(cluster.node(1), "b", "2", 300).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: expect.stringMatching(/^(not_committed|outcome_unknown|unavailable)$/) });
    await cluster.start(2);
    const node = cluster.node(1);
    await put(node, "c", "3");
    expect(await read(node, "c")).toBe("3");
  });

  it("brings a node back by a snapshot when the log no longer reaches it, while its worker serves", async () => {
    cluster = new TestCluster();
    const tailLimits = { maxBytes: 64 * 1024, maxEntries: 40 };
    await cluster.startVoters(3, { tailLimits });
    const leader = await cluster.leader();
    const lagging = cluster.nodes.find((node) => node !== leader) as TestNode;
    await put(leader, "a", "1");
    cluster.network.partition([cluster.nodes.filter((node) => node !== lagging).map((node) => node.id), [lagging.id]]);
    for (let i = 0; i < 120; i++) await put(leader, "a", `${i}`);
    cluster.network.heal();
    expect(await read(lagging, "a")).toBe("119");
    await put(lagging, "b", "from the one that was behind");
    expect(await read(leader, "b")).toBe("from the one that was behind");
  });

  it("moves leadership on demand", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const leader = await cluster.leader();
    const other = cluster.nodes.find((node) => node !== leader) as TestNode;
    await other.client.transferLeadership(other.id, { timeoutMs: 5_000 });
    expect((await other.client.status()).leaderId).toBe(other.id);
    expect((await put(leader, "a", "1")).outcome).toBe("applied");
  });

  it("says that nobody can take over where there is nobody", async () => {
    cluster = new TestCluster();
    const alone = await cluster.start(1, { bootstrap: true });
    await cluster.leader();
    const handing = alone.client.transferLeadership(0, { timeoutMs: 5_000 });
    await expect(handing).rejects.toThrow("no other voter is there");
  });

  it("removes a node for good, and goes on without it", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const leader = await cluster.leader();
    const gone = cluster.nodes.find((node) => node !== leader) as TestNode;
    await leader.manager.removePeer(gone.id, cluster.within(5_000));
    const status = await leader.client.status();
    expect(status.members.map((member) => member.nodeId)).not.toContain(gone.id);
    expect((await put(leader, "a", "1")).outcome).toBe("applied");
    await expect(cluster.join(gone.id)).rejects.toMatchObject({ code: "removed_node" });
  });

  it("lets a sealed leader hand over to an open voter", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const leader = await cluster.leader();
    await leader.client.keysWithdrawn();
    const { client } = cluster.nodes.find((node) => node !== leader) as TestNode;
    await cluster.until(async () => ![0, leader.id].includes((await client.status()).leaderId as never));
  });
});
