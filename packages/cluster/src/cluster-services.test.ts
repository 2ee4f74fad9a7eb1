import { fromUtf8, metricsText, present, utf8 } from "@strongroom/runtime";
import { type CommandDraft, KEY_KIND, KEYRING_KEY, makeKey, SEAL_RECORD_KEY, type Verdict } from "@strongroom/storage";
import { afterEach, describe, expect, it } from "vitest";
import { Autopilot, type AutopilotConfig } from "./autopilot.ts";
import { demotedNodeKey } from "./replica/node-record.ts";
import { TestCluster, type TestNode } from "./testing/nodes.ts";

let cluster: TestCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

function put(key: Uint8Array, value = "v"): CommandDraft {
  return { guards: [], mutations: [{ kind: "put", key, term: 0, value: utf8(value) }] };
}

const KEY = makeKey(KEY_KIND.barrier, utf8("k"));
const INIT: CommandDraft = { ...put(SEAL_RECORD_KEY), guards: [{ kind: "absent", key: SEAL_RECORD_KEY }] };

function has(node: TestNode, key: Uint8Array): boolean {
  const snapshot = node.store.localSnapshot();
  const row = snapshot.get(key);
  snapshot.release();
  return row !== undefined;
}

const AUTOPILOT: AutopilotConfig = {
  cleanupDeadServers: false,
  lastContactMs: 10_000,
  deadServerMs: 300,
  maxTrailingLogs: 1_000,
  minQuorum: 3,
  stabilizationMs: 20,
};

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "it went through",
    (error: { code: string }) => error.code,
  );
}

describe("init", () => {
  it("needs no signature, and has one winner among many", async () => {
    cluster = new TestCluster();
    const node = await cluster.start(1, { bootstrap: true, sealed: true });
    const options = cluster.within(5_000);
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => node.store.commitUnsigned(INIT, options)));
    expect(verdicts.filter(({ outcome }) => outcome === "applied")).toHaveLength(1);
    expect(verdicts.filter(({ outcome }) => outcome === "conflict")).toHaveLength(19);
  });

  it("is the only thing that the state takes unsigned", async () => {
    cluster = new TestCluster();
    const node = await cluster.start(1, { bootstrap: true, sealed: true });
    const verdict = await node.store.commitUnsigned(put(KEY), cluster.within(5_000)).catch(() => undefined);
    expect(verdict?.outcome).not.toBe("applied");
    expect(has(node, KEY)).toBe(false);
  });
});

describe("the workers of a node", () => {
  it("write under incarnations of their own and see each other's effects", async () => {
    cluster = new TestCluster();
    const node = await cluster.start(1, { bootstrap: true });
    const second = await cluster.worker(1);
    await node.store.commit(put(KEY, "first"), cluster.within(5_000));
    await second.store.commit(put(KEY, "second"), cluster.within(5_000));
    const snapshot = await node.store.linearizableSnapshot(cluster.within(5_000));
    expect(snapshot.get(KEY)?.value).toEqual(utf8("second"));
    snapshot.release();
    await second.store.close();
    expect((await node.store.commit(put(KEY, "third"), cluster.within(5_000))).outcome).toBe("applied");
  });

  it("commit, read and call across message ports as they do within a thread", async () => {
    cluster = new TestCluster({ messagePorts: true });
    await cluster.startVoters(3);
    const [first, second] = cluster.nodes as [TestNode, TestNode];
    second.client.serve("echo", async (payload) => payload);
    const options = cluster.within(5_000);
    const keys = Array.from({ length: 50 }, (_, i) => makeKey(KEY_KIND.barrier, utf8(`key ${i}`)));
    await Promise.all(keys.map((key) => second.store.commit(put(key), options)));
    const snapshot = await first.store.linearizableSnapshot(options);
    expect(keys.every((key) => snapshot.get(key) !== undefined)).toBe(true);
    snapshot.release();
    const answer = await first.client.call(second.id, "echo", utf8("hello"), { timeoutMs: 2_000 });
    expect(fromUtf8(answer)).toBe("hello");
  });

  it("hear of changed keys before their own commit is answered", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const [writer, listener] = cluster.nodes as [TestNode, TestNode];
    const heard: string[] = [];
    for (const { store, id } of [writer, listener])
      store.onInvalidation((event) => {
        if (event.type === "keys" && event.keys.some((key) => Buffer.from(key).equals(KEY))) heard.push(`node ${id}`);
      });
    const { outcome } = await writer.store.commit(put(KEY), cluster.within(5_000));
    heard.push(outcome);
    await cluster.until(() => heard.includes(`node ${listener.id}`));
    expect(heard.indexOf(`node ${writer.id}`)).toBeLessThan(heard.indexOf("applied"));
  });
});

describe("a changed keyring", () => {
  it("stops apply on an open node until its keys are published", async () => {
    cluster = new TestCluster();
    const node = await cluster.start(1, { bootstrap: true });
    const changed: Verdict = await node.store.commit(put(KEYRING_KEY), cluster.within(5_000));
    const index = changed.outcome === "applied" ? changed.revision.index : 0;
    expect(await refusal(node.store.commit(put(KEY), cluster.within(150)))).toBe("outcome_unknown");
    expect(await refusal(node.client.keysPublished(index - 1))).toBe("stale_keyring");
    await node.client.keysPublished(index);
    expect((await node.store.commit(put(KEY), cluster.within(5_000))).outcome).toBe("applied");
  });

  it("does not stop a sealed node", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const leader = await cluster.leader();
    const sealed = cluster.nodes.find((node) => node !== leader) as TestNode;
    await sealed.client.keysWithdrawn();
    const changed = await leader.store.commit(put(KEYRING_KEY), cluster.within(5_000));
    const index = changed.outcome === "applied" ? changed.revision.index : 0;
    for (const node of cluster.nodes) if (node !== sealed) await cluster.until(() => opened(node, index));
    await leader.store.commit(put(KEY), cluster.within(5_000));
    await cluster.until(() => has(sealed, KEY));
  });
});

/** Publishes the keys of the keyring at `index` once the node has it. */
async function opened(node: TestNode, index: number): Promise<boolean> {
  if (node.shell.status().appliedIndex < index) return false;
  await node.client.keysPublished(index);
  return true;
}

describe("a leader", () => {
  it("refuses proposals of a node whose clock is off, with the reason", async () => {
    cluster = new TestCluster();
    await cluster.start(1, { bootstrap: true, wallOffsetMs: 3_000 });
    await cluster.leader();
    await cluster.start(2);
    await cluster.join(2);
    await cluster.until(async () => (await cluster?.node(2).client.status())?.leaderId === 1);
    const error = await cluster
      .node(2)
      .store.commit(put(KEY), cluster.within(5_000))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "not_committed", message: expect.stringContaining("clock") });
  });
});

describe("the control plane", () => {
  it("takes a call to the worker that serves it, and errors back by their code", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const [caller, server] = cluster.nodes as [TestNode, TestNode];
    server.client.serve("echo", async (payload, { nodeId }) => utf8(`${nodeId}: ${fromUtf8(payload)}`));
    const call = () => caller.client.call(server.id, "echo", utf8("hello"), { timeoutMs: 1_000 });
    await cluster.until(async () => (await refusal(call())) === "it went through");
    expect(Buffer.from(await call()).toString()).toBe(`${caller.id}: hello`);
    expect(await refusal(caller.client.call(server.id, "nothing", utf8(""), { timeoutMs: 1_000 }))).toBe(
      "unknown_method",
    );
  });
});

describe("Autopilot", () => {
  it("makes a learner that has caught up a voter", async () => {
    cluster = new TestCluster();
    await cluster.start(1, { bootstrap: true });
    const { client, manager } = await cluster.leader();
    const config = (): AutopilotConfig => AUTOPILOT;
    const parts = { client, manager, config, isDemoted: () => false, ...cluster.world };
    const autopilot = new Autopilot({ intervalMs: 10 }, parts);
    autopilot.start();
    await cluster.start(2);
    await cluster.join(2);
    await cluster.until(async () => (await client.status()).members.every((member) => member.voter));
    autopilot.stop();
    expect((await client.status()).members.map(({ nodeId, name }) => [nodeId, name])).toEqual([
      [1, ""],
      [2, "node-2"],
    ]);
  });

  it("leaves a learner alone that an operator demoted, until an operator promotes it", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const { client, manager, store } = await cluster.leader();
    const demoted = cluster.nodes.map(({ id }) => id).find((id) => id !== store.nodeId) ?? 0;
    const asked: boolean[] = [];
    const isDemoted = (nodeId: number): boolean => {
      const snapshot = store.localSnapshot();
      asked.push(snapshot.get(demotedNodeKey(nodeId)) !== undefined);
      snapshot.release();
      return asked.at(-1) === true;
    };
    const config = (): AutopilotConfig => AUTOPILOT;
    const autopilot = new Autopilot({ intervalMs: 10 }, { client, manager, config, isDemoted, ...cluster.world });
    autopilot.start();
    await manager.demote(demoted, cluster.within(5_000));
    await cluster.until(async () => asked.length >= 5);
    autopilot.stop();
    const isVoter = async () => (await client.status()).members.find(({ nodeId }) => nodeId === demoted)?.voter;
    expect([new Set(asked), await isVoter()]).toEqual([new Set([true]), false]);
    await manager.promote(demoted, cluster.within(5_000));
    expect([await isVoter(), isDemoted(demoted)]).toEqual([true, false]);
  });

  it("removes who is silent for too long, when it is told to, and never below the least number of voters", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const { client, manager } = await cluster.leader();
    const gone = present(
      cluster.nodes.find((node) => node.client !== client),
      "another",
    );
    await cluster.stop(gone.id);
    let config: AutopilotConfig = { ...AUTOPILOT, cleanupDeadServers: true, minQuorum: 3 };
    const parts = { client, manager, config: () => config, isDemoted: () => false, ...cluster.world };
    const autopilot = new Autopilot({ intervalMs: 10 }, parts);
    autopilot.start();
    const silent = async () =>
      (await client.status()).members.some(({ lastContactMs }) => lastContactMs > 2 * AUTOPILOT.deadServerMs);
    await cluster.until(silent);
    expect((await client.status()).members).toHaveLength(3);
    config = { ...config, minQuorum: 2 };
    await cluster.until(async () => (await client.status()).members.length === 2);
    autopilot.stop();
    expect((await client.status()).members.map(({ nodeId }) => nodeId)).not.toContain(gone.id);
  });
});

describe("a replica's metrics", () => {
  it("tell of terms and leaders, of the log's syncs, of heartbeats and of how far each has come", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const leader = await cluster.leader();
    await leader.store.commit(put(KEY), cluster.within(5_000));
    const text = (): string => metricsText([leader.metrics.snapshot()]);
    await cluster.until(() => /^strongroom_raft_heartbeat_round_trip_count\{peer="\d+"\} [1-9]/m.test(text()));
    await cluster.until(() => /^strongroom_raft_peer_lag\{peer="\d+"\} 0/m.test(text()));
    expect(text()).toMatch(/^strongroom_raft_is_leader 1$/m);
    expect(text()).toMatch(/^strongroom_raft_leader_changes [1-9]/m);
    expect(text()).toMatch(/^strongroom_raft_term [1-9]/m);
    expect(text()).toMatch(/^vault_raft_peers 3$/m);
    expect(text()).toMatch(/^strongroom_wal_sync_count [1-9]/m);
    expect(text()).toMatch(/^strongroom_wal_group_entries_count [1-9]/m);
    expect(text()).toMatch(/^vault_raft_storage_stats_commit_index [1-9]/m);
    expect(text()).toMatch(/^vault_raft_storage_stats_fsm_pending \d+$/m);
  });
});
