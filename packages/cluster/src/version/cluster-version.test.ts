import { fromHex, toHex, utf8 } from "@strongroom/runtime";
import { KEY_KIND, makeKey } from "@strongroom/storage";
import { afterEach, describe, expect, it } from "vitest";
import { TestCluster, type TestNode } from "../testing/nodes.ts";
import {
  CLUSTER_VERSION_KEY,
  decodeClusterVersion,
  encodeClusterVersion,
  NewerClusterError,
  requireSupported,
} from "./cluster-version.ts";
import { VersionKeeper } from "./version-keeper.ts";

let cluster: TestCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

const key = (name: string) => makeKey(KEY_KIND.barrier, utf8(name));

function write(node: TestNode, at: Uint8Array, value: Uint8Array, term = 1): Promise<string> {
  return node.store
    .commit(
      { guards: [], mutations: [{ kind: "put", key: at, term, value }] },
      { deadlineMs: node.store.clock.monotonicMs() + 10_000 },
    )
    .then(({ outcome }) => outcome);
}

function keeper(made: TestCluster, node: TestNode): VersionKeeper {
  const { timers, logger } = made.world;
  const parts = { store: node.store, client: node.client, isOpen: () => true, timers, logger };
  return new VersionKeeper({ intervalMs: 1e9 }, parts);
}

const versionOf = async (node: TestNode) => (await node.client.status()).clusterVersion;

describe("the row of the cluster's version", () => {
  it("is its format and a number, and what is not that was written by newer software", () => {
    expect(toHex(encodeClusterVersion(2))).toBe("0100000002");
    expect(decodeClusterVersion(fromHex("0100000102"))).toBe(258);
    expect(decodeClusterVersion(undefined)).toBe(1);
    for (const strange of ["", "01", "0200000002", "010000000200"])
      expect(decodeClusterVersion(fromHex(strange))).toBe(Number.POSITIVE_INFINITY);
  });

  it("stops software that does not know it, with a sentence that says what to do", () => {
    requireSupported(2, 2);
    expect(() => requireSupported(3, 2)).toThrow(/version is 3; this server supports 2.*Start a newer server/);
    expect(() => requireSupported(Number.POSITIVE_INFINITY, 2)).toThrow(NewerClusterError);
  });
});

describe("a cluster whose software is upgraded node by node", () => {
  it("writes nothing newer before its last member is upgraded, and serves all the time", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3, { supportedVersion: 1 });
    for (const id of [1, 2, 3]) {
      for (const node of cluster.nodes) {
        await keeper(cluster, node).look();
        expect(await versionOf(node)).toBe(1);
      }
      await cluster.stop(id);
      await cluster.start(id, { supportedVersion: 2 });
      expect(await write(await cluster.leader(), key(`during ${id}`), utf8("v"))).toBe("applied");
    }
    const leader = await cluster.leader();
    await cluster.until(async () =>
      (await leader.client.status()).members.every((member) => member.online && member.supportedVersion === 2),
    );
    for (const node of cluster.nodes) if (node !== leader) await keeper(cluster, node).look();
    expect(await versionOf(leader)).toBe(1);
    const version = keeper(cluster, leader);
    await version.look();
    expect(await versionOf(leader)).toBe(2);
    // It neither falls nor is written twice.
    const { commitIndex } = leader.shell.status();
    await version.look();
    expect(leader.shell.status().commitIndex).toBe(commitIndex);
    expect(await write(leader, CLUSTER_VERSION_KEY, encodeClusterVersion(1), 0)).toBe("rejected");
    // Who is put back to the old software is told so, and loses nothing.
    const [behind] = cluster.nodes.filter((node) => node !== leader) as [TestNode];
    await cluster.stop(behind.id);
    await expect(cluster.start(behind.id, { supportedVersion: 1 })).rejects.toThrow(/Start a newer server/);
  });

  it("is not raised while a member is away, or joins at the same moment", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3);
    const leader = await cluster.leader();
    const [away] = cluster.nodes.filter((node) => node !== leader) as [TestNode];
    await cluster.stop(away.id);
    await cluster.until(async () =>
      (await leader.client.status()).members.some((member) => member.nodeId === away.id && !member.online),
    );
    await keeper(cluster, leader).look();
    expect(await versionOf(leader)).toBe(1);
    await cluster.start(away.id);
    await cluster.until(async () =>
      (await leader.client.status()).members.every((member) => member.online && member.supportedVersion === 2),
    );
    // After everybody was asked, and before the command: a fourth comes in, of whom nobody knows anything yet.
    const made = cluster;
    const { timers, logger } = made.world;
    const racing = new VersionKeeper(
      { intervalMs: 1e9 },
      {
        store: leader.store,
        client: {
          status: async () => {
            const status = await leader.client.status();
            await made.join(4);
            return status;
          },
        },
        isOpen: () => true,
        timers,
        logger,
      },
    );
    await racing.look();
    expect(await versionOf(leader)).toBe(1);
  });

  it("stops a member of the old software that joins or hears of it too late", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(2);
    const leader = await cluster.leader();
    const old = await cluster.start(3, { supportedVersion: 1 });
    expect(await write(leader, CLUSTER_VERSION_KEY, encodeClusterVersion(2), 0)).toBe("applied");
    await cluster.join(3);
    const { deadlineMs } = cluster.within(10_000);
    while (old.fatal.length === 0 && cluster.world.clock.monotonicMs() < deadlineMs)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(old.fatal[0]?.message).toMatch(/version is 2; this server supports 1/);
    old.fatal.length = 0;
    expect(await write(leader, key("after"), utf8("v"))).toBe("applied");
  });
});
