import { utf8 } from "@strongroom/runtime";
import { decodeRow, encodeRow, KEY_KIND, makeKey } from "@strongroom/storage";
import { afterEach, describe, expect, it } from "vitest";
import type { Authenticity } from "../authenticator.ts";
import { CHECKPOINT_KEY, decodeCheckpoint, encodeCheckpoint } from "../state/checkpoint.ts";
import { MILESTONES_KEY } from "../state/keys.ts";
import { decodeMilestones } from "../state/milestones.ts";
import { ORIGIN_KEY } from "../state/origin.ts";
import { TestCluster, TestKeys, type TestNode, type TestNodeOptions } from "../testing/nodes.ts";
import { CLUSTER_VERSION_KEY, encodeClusterVersion } from "../version/cluster-version.ts";
import { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { proveState } from "./state-proof.ts";

let cluster: TestCluster;

afterEach(() => cluster.close());

const row = (name: string) => makeKey(KEY_KIND.barrier, utf8(name));

async function put(node: TestNode, name: string): Promise<void> {
  const verdict = await node.store.commit(
    { guards: [], mutations: [{ kind: "put", key: row(name), term: 1, value: utf8("v") }] },
    cluster.within(10_000),
  );
  expect(verdict.outcome).toBe("applied");
}

async function raiseVersion(node: TestNode): Promise<void> {
  const put = { kind: "put", key: CLUSTER_VERSION_KEY, term: 0, value: encodeClusterVersion(2) } as const;
  await node.store.commit({ guards: [], mutations: [put] }, cluster.within(10_000));
}

/** One entry after the other, until the node has passed so many milestones. */
async function passMilestones(node: TestNode, count: number): Promise<void> {
  while (node.shell.status().appliedIndex < 64 * count) {
    // Most of them without a word of a client: the entries of one turn are packed into one.
    await Promise.all([put(node, "a"), put(node, "b")]);
  }
}

function keeper(node: TestNode, isOpen = () => true): CheckpointKeeper {
  return new CheckpointKeeper(
    { intervalMs: 1_000_000 },
    { ...cluster.world, store: node.store, client: node.client, signer: cluster.keys, isOpen },
  );
}

function checkpointOf(node: TestNode): number {
  const snapshot = node.store.localSnapshot();
  const found = snapshot.get(CHECKPOINT_KEY);
  snapshot.release();
  return found === undefined ? 0 : (decodeCheckpoint(found.value)?.index ?? 0);
}

async function evidence(node: TestNode, change: ReadonlyMap<Uint8Array, Uint8Array | undefined> = new Map()) {
  const held = await node.prover.hold();
  const changed = new Map([...change].map(([key, value]) => [String(key), value]));
  const rows = {
    getSync: (key: Uint8Array) => (changed.has(String(key)) ? changed.get(String(key)) : held.getSync(key)),
  };
  return { held, rows, log: await cluster.log(node.id), authenticator: cluster.keys };
}

async function restartSealed(id: number, options: TestNodeOptions = {}): Promise<TestNode> {
  await cluster.stop(id);
  return cluster.start(id, { ...options, sealed: true });
}

describe("a state that a node applied", () => {
  it("is proven from the beginning of its log, where nothing was signed yet", async () => {
    cluster = new TestCluster();
    const first = await cluster.start(1, { bootstrap: true });
    await cluster.leader();
    for (let i = 0; i < 5; i++) await put(first, `${i}`);
    const { appliedIndex } = first.shell.status();
    const again = await restartSealed(1);
    const held = await again.prover.hold();
    expect(await again.prover.prove(held, cluster.keys)).toMatchObject({ provenIndex: appliedIndex });
    held.close();
  });

  it("is proven by the newest checkpoint and the signatures above it, once the log below it is gone", async () => {
    cluster = new TestCluster();
    const options = { tailLimits: { maxBytes: 4_096, maxEntries: 16 }, flushEveryBytes: 8_192 };
    const first = await cluster.start(1, { bootstrap: true, ...options });
    await cluster.leader();
    await raiseVersion(first);
    await passMilestones(first, 1);
    await keeper(first).look();
    expect(checkpointOf(first)).toBe(64);
    // Files of the log go by the whole, so some have to be filled.
    await Promise.all(Array.from({ length: 600 }, (_, i) => put(first, `${i}`)));
    const again = await restartSealed(1, options);
    const { held, ...seen } = await evidence(again);
    expect(proveState(seen)).toMatchObject({ outcome: "proven" });
    // Without the checkpoint nothing but the log's beginning would do.
    const withoutIt = await evidence(again, new Map([[CHECKPOINT_KEY, undefined]]));
    const log = { list: () => seen.log.list().toSorted().slice(1), read: (name: string) => seen.log.read(name) };
    expect(proveState({ ...withoutIt, log })).toMatchObject({ outcome: "unproven" });
    withoutIt.held.close();
    held.close();
    await again.client.endProof();
    await cluster.open(1);
    await cluster.leader();
    await put(again, "after");
  });

  it("is wrong if it differs from what was signed, if the signature is false, or if the log is another one", async () => {
    cluster = new TestCluster();
    const first = await cluster.start(1, { bootstrap: true });
    await cluster.leader();
    await raiseVersion(first);
    await passMilestones(first, 1);
    await keeper(first).look();
    const again = await restartSealed(1);
    const { held, ...seen } = await evidence(again);
    const outcomeWith = (key: Uint8Array, change: (bytes: Uint8Array) => Uint8Array | undefined) => {
      const original = held.getSync(key)?.slice();
      const rows = {
        getSync: (asked: Uint8Array) =>
          String(asked) === String(key) && original !== undefined ? change(original.slice()) : held.getSync(asked),
      };
      return proveState({ ...seen, rows });
    };
    const flipped = (at: number) => (bytes: Uint8Array) => {
      bytes[at] = (bytes[at] as number) ^ 1;
      return bytes;
    };
    expect(decodeMilestones(held.getSync(MILESTONES_KEY) as Uint8Array).map(({ index }) => index)).toEqual([64]);
    // Chain, digest and proposers of the milestone; then the MAC and a hash in the checkpoint itself.
    for (const at of [11 + 5, 43 + 5, 75 + 5])
      expect(outcomeWith(MILESTONES_KEY, flipped(at))).toMatchObject({ outcome: "wrong" });
    const { revision, value } = decodeRow(held.getSync(CHECKPOINT_KEY) as Uint8Array);
    for (const at of [20, value.length - 1]) {
      const changed = encodeRow({ revision, term: 0, value: flipped(at)(value.slice()) });
      expect(outcomeWith(CHECKPOINT_KEY, () => changed)).toMatchObject({ outcome: "wrong" });
    }
    // The chain in the row that says where the state stands.
    const state = Uint8Array.of(KEY_KIND.replica, 1);
    expect(outcomeWith(state, flipped(23 + 3))).toMatchObject({ outcome: "wrong" });
    expect(outcomeWith(ORIGIN_KEY, () => undefined)).toMatchObject({ outcome: "unproven" });
    const sealed = { verify: (): Authenticity => "bad" };
    expect(proveState({ ...seen, authenticator: sealed })).toMatchObject({ outcome: "wrong" });
    held.close();
  });

  it("ends the node for good if a sealed node applied what nobody signed", async () => {
    cluster = new TestCluster();
    const forger = new ForgingKeys();
    Object.assign(cluster, { keys: forger });
    await cluster.startVoters(2);
    const second = await restartSealed(2);
    const first = await cluster.leader();
    expect(first.id).toBe(1);
    forger.forges = true;
    await put(first, "forged");
    await cluster.until(() => second.shell.status().appliedIndex === first.shell.status().appliedIndex);
    forger.forges = false;
    await expect(cluster.open(2)).rejects.toMatchObject({ code: "quarantined" });
    expect(second.fatal).toMatchObject([{ code: "quarantined" }]);
    second.fatal.length = 0;
  });
});

describe("a state that came by a snapshot", () => {
  const options = { tailLimits: { maxBytes: 2_048, maxEntries: 10 } };

  it("is proven by the sender's signature, also if its receiver was sealed", async () => {
    cluster = new TestCluster();
    const first = await cluster.start(1, { bootstrap: true, ...options });
    await cluster.leader();
    for (let i = 0; i < 30; i++) await put(first, `${i}`);
    const second = await cluster.start(2, { ...options, sealed: true });
    await cluster.join(2);
    await cluster.until(() => second.shell.status().appliedIndex === first.shell.status().appliedIndex);
    expect((await cluster.open(2)).origin).toBeUndefined();
    await put(second, "by the newcomer");
  });

  it("opens only after an open member has vouched for it if its sender was sealed", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(2, options);
    for (let i = 0; i < 30; i++) await put(cluster.node(1), `${i}`);
    await cluster.start(3, { ...options, sealed: true });
    cluster.network.partition([[1, 2].map((id) => cluster.node(id).id), [cluster.node(3).id]]);
    await cluster.join(3);
    for (let i = 0; i < 30; i++) await put(cluster.node(1), `more ${i}`);
    // Everybody is sealed; whoever leads sends the newcomer a state that it cannot sign.
    for (const id of [1, 2]) await restartSealed(id, options);
    const leader = await cluster.leader();
    cluster.network.heal();
    const third = cluster.node(3);
    await cluster.until(() => third.shell.status().appliedIndex >= leader.shell.status().commitIndex);
    await expect(cluster.open(3)).rejects.toMatchObject({ code: "state_unproven" });
    await cluster.open(leader.id);
    await cluster.until(async () =>
      (await third.client.status()).members.some(({ nodeId, sealed }) => nodeId === leader.id && sealed === false),
    );
    expect((await cluster.open(3)).origin).toBeDefined();
    await put(third, "after");
    // What it was told is kept: it opens by itself from then on.
    await cluster.stop(leader.id);
    const again = await restartSealed(3, options);
    expect((await cluster.open(3)).origin).toBeUndefined();
    expect(again.fatal).toEqual([]);
  });

  it("ends the node for good if an open member's signed state is another one", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(2);
    await put(cluster.node(1), "x");
    const second = await restartSealed(2);
    await cluster.until(async () =>
      (await second.client.status()).members.some(({ nodeId, sealed }) => nodeId === 1 && sealed === false),
    );
    // Rows that its own log never wrote, on a disk whose origin nobody knows any more.
    const table = await cluster.table(2);
    const value = encodeRow({ revision: { index: 2, position: 0 }, term: 1, value: utf8("planted") });
    await table.write([
      { type: "put", key: row("planted"), value },
      { type: "delete", key: ORIGIN_KEY },
    ]);
    await expect(cluster.open(2)).rejects.toMatchObject({ code: "quarantined" });
    expect(second.fatal).toMatchObject([{ code: "quarantined" }]);
    second.fatal.length = 0;
  });
});

describe("applying", () => {
  it("stands still while a node proves itself, and goes on when its prover has gone", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(2);
    const second = await restartSealed(2);
    const { store, client } = await cluster.worker(2);
    const index = await client.holdForProof(0);
    const first = await cluster.leader();
    await put(first, "meanwhile");
    for (let i = 0; i < 5; i++) await put(first, `more ${i}`);
    await cluster.until(() => second.shell.status().commitIndex > index + 5);
    // Time enough for what should not happen.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(second.shell.status().appliedIndex).toBe(index);
    await expect(client.keysPublished(Number.MAX_SAFE_INTEGER, { provenIndex: index - 1 })).rejects.toMatchObject({
      code: "unproven",
    });
    await store.close();
    await cluster.until(() => second.shell.status().appliedIndex > index);
  });

  it("goes exactly as far as it is asked to", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(2);
    const second = await restartSealed(2);
    const index = await second.client.holdForProof(0);
    await Promise.all(Array.from({ length: 3 }, () => second.client.holdForProof(index + 3)));
    const first = await cluster.leader();
    for (let i = 0; i < 8; i++) await put(first, `${i}`);
    await cluster.until(() => second.shell.status().commitIndex >= index + 8);
    await cluster.until(() => second.shell.status().appliedIndex === index + 3);
    const view = await second.prover.hold(index + 3);
    view.close();
    expect(second.shell.status().appliedIndex).toBe(index + 3);
  });
});

describe("checkpoints", () => {
  it("are signed by the leader's worker, and by an open member's while the leader is sealed", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const leader = await cluster.leader();
    const others = cluster.nodes.filter((node) => node !== leader);
    await passMilestones(leader, 1);
    await cluster.until(async () => (await leader.client.agreedMilestone())?.index === 64);
    // A member of an older version might not know what that is.
    await keeper(leader).look();
    expect(checkpointOf(leader)).toBe(0);
    await raiseVersion(leader);
    for (const other of others) await keeper(other).look();
    expect(checkpointOf(leader)).toBe(0);
    await keeper(leader, () => false).look();
    expect(checkpointOf(leader)).toBe(0);
    const [one, two] = [keeper(leader), keeper(leader)];
    await Promise.all([one.look(), two.look()]);
    expect(checkpointOf(leader)).toBe(64);
    const before = leader.shell.status().commitIndex;
    await one.look();
    expect(leader.shell.status().commitIndex).toBe(before);
  });

  it("are not signed while most voters have come to something else, or to nothing yet", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const leader = await cluster.leader();
    await raiseVersion(leader);
    await passMilestones(leader, 1);
    const idle = (agreedMilestone: () => Promise<undefined>) =>
      new CheckpointKeeper(
        { intervalMs: 1_000_000 },
        {
          ...cluster.world,
          store: leader.store,
          client: { status: () => leader.client.status(), agreedMilestone },
          signer: cluster.keys,
          isOpen: () => true,
        },
      );
    await idle(async () => undefined).look();
    expect(checkpointOf(leader)).toBe(0);
  });

  it("that name no milestone, or an earlier one, are refused alike everywhere", async () => {
    cluster = new TestCluster();
    const first = await cluster.start(1, { bootstrap: true });
    await cluster.leader();
    await passMilestones(first, 1);
    const milestone = await first.client.agreedMilestone();
    if (milestone === undefined) throw new Error("a single voter agrees with itself");
    const write = (index: number) =>
      first.store.commit(
        {
          guards: [],
          mutations: [
            {
              kind: "put",
              key: CHECKPOINT_KEY,
              term: 0,
              value: encodeCheckpoint({
                ...milestone,
                index: index as typeof milestone.index,
                keyId: 1,
                mac: new Uint8Array(32),
              }),
            },
          ],
        },
        cluster.within(5_000),
      );
    expect((await write(128)).outcome).toBe("rejected");
    expect((await write(64)).outcome).toBe("applied");
    expect((await write(64)).outcome).toBe("rejected");
  });
});

class ForgingKeys extends TestKeys {
  forges = false;

  override sign(message: Uint8Array): { readonly keyId: number; readonly mac: Uint8Array } {
    return this.forges ? { keyId: this.keyId, mac: new Uint8Array(32).fill(1) } : super.sign(message);
  }

  override verify(keyId: number, message: Uint8Array, mac: Uint8Array): Authenticity {
    return this.forges ? "ok" : super.verify(keyId, message, mac);
  }
}
