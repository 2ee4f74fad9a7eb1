import { describe, expect, it } from "vitest";
import type { RekeyPhase } from "./ceremony-messages.ts";
import {
  CeremonyRefusedError,
  CeremonyUnavailableError,
  InvalidShareError,
  SealConfigError,
  WrongShareError,
} from "./errors.ts";
import { decodeSealRecord } from "./seal-record.ts";
import { TestCluster } from "./testing/test-cluster.ts";
import { CEREMONY_TTL_MS } from "./unseal-ceremony.ts";

const NEW_SEAL = { shares: 4, threshold: 2 };

/** Three open nodes. */
async function openCluster(): Promise<TestCluster> {
  const cluster = await TestCluster.start(3);
  for (const node of cluster.nodes.values()) node.open = true;
  return cluster;
}

async function give(cluster: TestCluster, node: number, phase: RekeyPhase, share: Uint8Array) {
  const { service } = cluster.node(node);
  const status = await service.rekeyStatus();
  const nonce = phase === "approve" ? status.nonce : status.verificationNonce;
  return service.submitRekeyShare(phase, nonce, share);
}

/** Approves by three shares given to three nodes; the last reply has the new shares. */
async function approve(cluster: TestCluster, lastNode = 3) {
  await give(cluster, 1, "approve", cluster.share(0));
  await give(cluster, 2, "approve", cluster.share(1));
  return give(cluster, lastNode, "approve", cluster.share(2));
}

describe("rekey", () => {
  it("replaces the seal only when enough new shares were given back, and tells every open member the new root key first", async () => {
    const cluster = await openCluster();
    const before = { record: cluster.record, rootKey: cluster.rootKey };
    await cluster.node(2).service.beginRekey(NEW_SEAL, true);
    const made = await approve(cluster);
    expect(made).toMatchObject({ outcome: "made", status: { shares: 4, threshold: 2, verify: true } });
    expect(made.shares).toHaveLength(4);
    expect({ record: cluster.record, rootKey: cluster.rootKey }).toEqual(before);
    const [first, second] = made.shares.map((share) => share.expose());
    expect(await give(cluster, 3, "verify", first as Uint8Array)).toMatchObject({ outcome: "collecting" });
    expect(await give(cluster, 2, "verify", second as Uint8Array)).toMatchObject({ outcome: "committed" });
    expect(decodeSealRecord(cluster.record as Uint8Array)).toMatchObject({ shares: 4, threshold: 2, generation: 2 });
    expect(cluster.rootKey).not.toEqual(before.rootKey);
    for (const node of cluster.nodes.values()) expect(node.staged).toEqual(cluster.rootKey);
    expect((await cluster.node(1).service.rekeyStatus()).nonce).toHaveLength(0);
  });

  it("makes old shares wrong and new ones right for the next unsealing", async () => {
    const cluster = await openCluster();
    const old = cluster.share(0);
    await cluster.node(1).service.beginRekey(NEW_SEAL, false);
    const made = await approve(cluster);
    expect(made.outcome).toBe("committed");
    for (const node of cluster.nodes.values()) node.open = false;
    await expect(cluster.node(1).service.submitShare(old)).rejects.toThrow(WrongShareError);
    const [, second, , fourth] = made.shares.map((share) => share.expose());
    await cluster.node(2).service.submitShare(second as Uint8Array);
    await cluster.node(3).service.submitShare(fourth as Uint8Array);
    expect(cluster.open).toEqual([true, true, true]);
  });

  it("sends neither shares nor a root key in clear", async () => {
    const cluster = await openCluster();
    await cluster.node(2).service.beginRekey(NEW_SEAL, false);
    const made = await approve(cluster);
    const wire = Buffer.concat(cluster.calls.map(({ payload }) => payload));
    for (const secret of [cluster.rootKey, ...cluster.shares, ...made.shares.map((share) => share.expose())]) {
      expect(wire.includes(Buffer.from(secret.subarray(0, 16)))).toBe(false);
    }
  });

  it("names a wrong share, counts one twice given once, and takes none under another nonce", async () => {
    const cluster = await openCluster();
    await cluster.node(1).service.beginRekey(NEW_SEAL, true);
    const wrong = cluster.share(1).map((byte, i) => (i === 5 ? byte ^ 1 : byte));
    await expect(give(cluster, 2, "approve", wrong)).rejects.toThrow(WrongShareError);
    await expect(give(cluster, 1, "approve", new Uint8Array(3))).rejects.toThrow(InvalidShareError);
    await give(cluster, 2, "approve", cluster.share(0));
    expect((await give(cluster, 3, "approve", cluster.share(0))).status.progress).toBe(1);
    for (const node of [1, 2]) {
      const late = cluster.node(node).service.submitRekeyShare("approve", new Uint8Array(16), cluster.share(1));
      await expect(late).rejects.toThrow(CeremonyRefusedError);
    }
    await expect(give(cluster, 1, "verify", cluster.share(1))).rejects.toThrow(CeremonyRefusedError);
    expect((await cluster.node(3).service.rekeyStatus()).progress).toBe(1);
  });

  it("refuses a second rekey, an impossible seal, and one at a sealed leader", async () => {
    const cluster = await openCluster();
    const { service } = cluster.node(2);
    await expect(service.beginRekey({ shares: 3, threshold: 4 }, true)).rejects.toThrow(SealConfigError);
    await service.beginRekey(NEW_SEAL, true);
    await expect(cluster.node(1).service.beginRekey(NEW_SEAL, true)).rejects.toThrow(CeremonyRefusedError);
    await service.cancelRekey();
    await expect(service.cancelRekey()).rejects.toThrow(CeremonyRefusedError);
    cluster.node(1).open = false;
    await expect(service.beginRekey(NEW_SEAL, true)).rejects.toThrow(CeremonyRefusedError);
  });

  it("leaves today's shares right when it is cancelled, runs out of time, or its collector changes, at any step", async () => {
    for (const end of ["cancel", "time", "collector"]) {
      for (const made of [false, true]) {
        const cluster = await openCluster();
        const { record } = cluster;
        await cluster.node(1).service.beginRekey(NEW_SEAL, true);
        if (made) await approve(cluster);
        else await give(cluster, 2, "approve", cluster.share(0));
        if (end === "cancel") await cluster.node(3).service.cancelRekey();
        if (end === "time") cluster.time.advance(CEREMONY_TTL_MS);
        if (end === "collector") {
          cluster.leader = 2;
          for (const { service } of cluster.nodes.values()) service.collectorChanged();
        }
        expect((await cluster.node(3).service.rekeyStatus()).nonce).toHaveLength(0);
        expect(cluster.record).toBe(record);
      }
    }
  });

  it("says so when the cluster does not take the new seal, and hands out no share that opens nothing", async () => {
    const cluster = await openCluster();
    const { record } = cluster;
    cluster.commitFails = true;
    await cluster.node(1).service.beginRekey(NEW_SEAL, false);
    await expect(approve(cluster)).rejects.toThrow(CeremonyUnavailableError);
    expect(cluster.record).toBe(record);
    cluster.commitFails = false;
    await cluster.node(1).service.beginRekey(NEW_SEAL, false);
    expect((await approve(cluster)).outcome).toBe("committed");
  });

  it("goes on without a member that cannot be reached", async () => {
    const cluster = await openCluster();
    await cluster.node(1).service.beginRekey(NEW_SEAL, false);
    await give(cluster, 1, "approve", cluster.share(0));
    await give(cluster, 2, "approve", cluster.share(1));
    cluster.unreachable.add(3);
    expect((await give(cluster, 2, "approve", cluster.share(2))).outcome).toBe("committed");
    expect(cluster.node(3).staged).toBeUndefined();
  });
});
