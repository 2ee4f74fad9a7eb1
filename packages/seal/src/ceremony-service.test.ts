import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeRequest } from "./ceremony-messages.ts";
import { CEREMONY_METHOD } from "./ceremony-parts.ts";
import {
  CeremonyRefusedError,
  CeremonyUnavailableError,
  InvalidShareError,
  NotInitializedError,
  SecondHolderError,
  StateUnprovenError,
  StateWrongError,
  WrongShareError,
} from "./errors.ts";
import { signAction } from "./share-commitment.ts";
import { TestCluster } from "./testing/test-cluster.ts";
import { CEREMONY_TTL_MS } from "./unseal-ceremony.ts";

const submit = (cluster: TestCluster, node: number, index: number) =>
  cluster.node(node).service.submitShare(cluster.share(index));

describe("CeremonyService", () => {
  it("opens all three nodes with three shares given to three different ones", async () => {
    const cluster = await TestCluster.start(3);
    expect(await submit(cluster, 2, 0)).toEqual({
      progress: 1,
      threshold: 3,
      shares: 5,
      index: 0,
      duplicate: false,
      complete: undefined,
      sealed: true,
    });
    expect(await submit(cluster, 3, 4)).toMatchObject({ progress: 2, index: 4, sealed: true });
    expect(await cluster.node(2).service.status()).toEqual({ progress: 2, threshold: 3, shares: 5, sealed: true });
    expect(await submit(cluster, 1, 2)).toMatchObject({ sealed: false, complete: { opened: [1, 2, 3], failed: [] } });
    expect(cluster.open).toEqual([true, true, true]);
    expect(await cluster.node(3).service.status()).toMatchObject({ progress: 0, sealed: false });
  });

  it("opens all when the last share goes to a follower, whose answer says that it is open", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 1, 0);
    await submit(cluster, 1, 1);
    expect(await submit(cluster, 3, 2)).toMatchObject({ sealed: false, complete: { opened: [1, 2, 3], failed: [] } });
    expect(cluster.open).toEqual([true, true, true]);
  });

  it("opens the node asked when there is no leader, and through it the others", async () => {
    const cluster = await TestCluster.start(3);
    cluster.leader = undefined;
    for (const index of [0, 1, 2]) await submit(cluster, 2, index);
    expect(cluster.open).toEqual([true, true, true]);
  });

  it("opens a collector that cannot prove its state once another member is open, and says so if none is", async () => {
    const cluster = await TestCluster.start(3);
    cluster.refuseToOpen = (nodeId) =>
      nodeId === 1 && !cluster.open.includes(true) ? new StateUnprovenError() : undefined;
    for (const index of [0, 1]) await submit(cluster, 1, index);
    expect(await submit(cluster, 1, 2)).toMatchObject({ sealed: false, complete: { opened: [1, 2, 3], failed: [] } });
    const alone = await TestCluster.start(1);
    alone.refuseToOpen = () => new StateUnprovenError();
    for (const index of [0, 1]) await submit(alone, 1, index);
    await expect(submit(alone, 1, 2)).rejects.toThrow(StateUnprovenError);
    expect(alone.open).toEqual([false]);
  });

  it("opens the others if one holds what no open member made, and says that of the one", async () => {
    const cluster = await TestCluster.start(3);
    cluster.refuseToOpen = (nodeId) => (nodeId === 1 ? new StateWrongError() : undefined);
    for (const index of [0, 1]) await submit(cluster, 1, index);
    expect(await submit(cluster, 1, 2)).toMatchObject({ sealed: true, complete: { opened: [2, 3], failed: [1] } });
    const alone = await TestCluster.start(1);
    alone.refuseToOpen = () => new StateWrongError();
    for (const index of [0, 1]) await submit(alone, 1, index);
    await expect(submit(alone, 1, 2)).rejects.toThrow(StateWrongError);
  });

  it("names a wrong share at once, wherever it is given, and loses none of those before", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    const wrong = cluster.share(1).map((byte, i) => (i === 5 ? byte ^ 1 : byte));
    for (const node of [1, 2, 3])
      await expect(cluster.node(node).service.submitShare(wrong)).rejects.toThrow(WrongShareError);
    await expect(cluster.node(3).service.submitShare(new Uint8Array(5))).rejects.toThrow(InvalidShareError);
    expect(await submit(cluster, 3, 1)).toMatchObject({ progress: 2 });
  });

  it("counts a share once, whichever nodes it is given to", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    expect(await submit(cluster, 3, 0)).toMatchObject({ progress: 1, duplicate: true });
    expect(await submit(cluster, 1, 0)).toMatchObject({ progress: 1, duplicate: true });
  });

  it("takes shares at an open node for the sealed ones, and says so", async () => {
    const cluster = await TestCluster.start(3);
    cluster.node(1).open = true;
    cluster.node(2).open = true;
    expect(await submit(cluster, 2, 0)).toMatchObject({ sealed: false, progress: 1 });
    expect(await submit(cluster, 1, 1)).toMatchObject({ sealed: false, progress: 2 });
    expect(await submit(cluster, 2, 2)).toMatchObject({ sealed: false, complete: { opened: [1, 2, 3], failed: [] } });
    expect(cluster.node(3).open).toBe(true);
  });

  it("says which members could not be reached, and opens them in a later ceremony", async () => {
    const cluster = await TestCluster.start(3);
    cluster.unreachable.add(3);
    await submit(cluster, 1, 0);
    await submit(cluster, 2, 1);
    expect(await submit(cluster, 1, 2)).toMatchObject({ complete: { opened: [1, 2], failed: [3] } });
    expect(cluster.open).toEqual([true, true, false]);
    cluster.unreachable.clear();
    for (const index of [4, 3, 2]) await submit(cluster, 3, index);
    expect(cluster.open).toEqual([true, true, true]);
  });

  it("refuses a second live process of one node, its share and the key", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    const copy = cluster.startNode(2, 2);
    await expect(copy.service.submitShare(cluster.share(1))).rejects.toThrow(SecondHolderError);
    expect(await submit(cluster, 3, 1)).toMatchObject({ progress: 2 });
    await submit(cluster, 1, 2);
    expect(cluster.open).toEqual([true, true, true]);
    expect(copy.open).toBe(false);
  });

  it("opens neither of two processes when the one at the address is not the one that gave a share", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    const first = cluster.node(2);
    cluster.nodes.set(2, cluster.startNode(2, 1));
    await submit(cluster, 3, 1);
    expect(await submit(cluster, 1, 2)).toMatchObject({ complete: { opened: [1, 3], failed: [2] } });
    expect([first.open, cluster.node(2).open]).toEqual([false, false]);
  });

  it("refuses a process that runs as the collector's own node", async () => {
    const cluster = await TestCluster.start(3);
    const copy = cluster.startNode(1, 2);
    cluster.leader = 2;
    await submit(cluster, 1, 0);
    await expect(copy.service.submitShare(cluster.share(1))).rejects.toThrow(SecondHolderError);
    cluster.leader = 1;
    const begin = await cluster.node(1).service.nonce();
    const proof = { nodeId: 1, bootCounter: 2, publicKey: new Uint8Array(32), signature: new Uint8Array(64) };
    const share = encodeRequest({ type: "share", nonce: begin, proof, sealedShare: new Uint8Array(50) });
    expect([...(await cluster.node(1).service.handle(share, 1))]).toEqual([1, 7, 4]);
  });

  it("lets a node that was started again during the ceremony go on", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    cluster.nodes.set(2, cluster.startNode(2, 2));
    expect(await submit(cluster, 2, 1)).toMatchObject({ progress: 2 });
    await submit(cluster, 3, 2);
    expect(cluster.open).toEqual([true, true, true]);
  });

  it("gives nothing to a process at a member's address that cannot prove its identity", async () => {
    const cluster = await TestCluster.start(3);
    cluster.nodes.set(3, { ...cluster.startNode(2, 1), nodeId: 3 });
    await submit(cluster, 1, 0);
    await submit(cluster, 1, 1);
    expect(await submit(cluster, 1, 2)).toMatchObject({ complete: { opened: [1, 2], failed: [3] } });
    expect(cluster.open).toEqual([true, true, false]);
  });

  it("answers nobody who is not a member, and garbage with a refusal", async () => {
    const cluster = await TestCluster.start(3);
    const { service } = cluster.node(1);
    expect([...(await service.handle(encodeRequest({ type: "begin" }), 9))]).toEqual([1, 7, 3]);
    for (const garbage of [[], [1], [2, 1], [1, 99], [1, 1, 0], [1, 2, 0, 0, 0, 9]]) {
      expect([...(await service.handle(Uint8Array.from(garbage), 2))]).toEqual([1, 7, 5]);
    }
  });

  it("answers every message that a member could make up, and opens nothing by it", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    await submit(cluster, 3, 1);
    const recorded = cluster.calls.map(({ payload }) => payload);
    const edit = fc.record({ at: fc.nat(400), byte: fc.nat(255), cut: fc.nat(400) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...recorded),
        fc.array(edit, { maxLength: 3 }),
        fc.constantFrom(1, 2, 3, 9),
        async (payload, edits, caller) => {
          let bytes = payload.slice();
          for (const { at, byte, cut } of edits) {
            if (at < bytes.length) bytes[at] = byte;
            if (cut < 40) bytes = bytes.slice(0, bytes.length - cut);
          }
          for (const { service } of cluster.nodes.values()) expect((await service.handle(bytes, caller))[0]).toBe(1);
        },
      ),
      { numRuns: 200 },
    );
    expect(cluster.open).toEqual([false, false, false]);
    const prove = encodeRequest({ type: "prove", nonce: new Uint8Array(3), barrierId: new Uint8Array(16) });
    expect([...(await cluster.node(2).service.handle(prove, 1))]).toEqual([1, 7, 5]);
  });

  it("never sends a share or the root key in clear", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    await submit(cluster, 3, 1);
    await submit(cluster, 1, 2);
    const wire = Buffer.concat(cluster.calls.map(({ payload }) => payload));
    for (const secret of [cluster.rootKey, ...cluster.shares])
      expect(wire.includes(Buffer.from(secret.subarray(0, 16)))).toBe(false);
  });

  it("gives a recorded delivery nothing to open a second time", async () => {
    const cluster = await TestCluster.start(3);
    for (const index of [0, 1, 2]) await submit(cluster, 1, index);
    cluster.node(3).open = false;
    for (const { from, to, payload } of cluster.calls.filter((call) => call.to === 3))
      await cluster.node(to).service.handle(payload, from);
    expect(cluster.node(3).open).toBe(false);
  });

  it("ends after ten minutes, and wipes what it had", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    await submit(cluster, 3, 1);
    cluster.time.advance(CEREMONY_TTL_MS - 1);
    expect(await cluster.node(1).service.status()).toMatchObject({ progress: 2 });
    cluster.time.advance(1);
    expect(await cluster.node(1).service.status()).toMatchObject({ progress: 0 });
    expect(await submit(cluster, 2, 2)).toMatchObject({ progress: 1 });
  });

  it("starts over when another node collects, and the former collector wipes its shares", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    cluster.leader = 3;
    for (const { service } of cluster.nodes.values()) service.collectorChanged();
    expect(await submit(cluster, 2, 1)).toMatchObject({ progress: 1 });
    cluster.leader = 1;
    expect(await cluster.node(1).service.status()).toMatchObject({ progress: 0 });
  });

  it("ends when the seal changes, and takes only the new shares then", async () => {
    const cluster = await TestCluster.start(3);
    await submit(cluster, 2, 0);
    const old = cluster.share(1);
    await cluster.seal(2);
    expect(await cluster.node(2).service.status()).toMatchObject({ progress: 0 });
    await expect(cluster.node(2).service.submitShare(old)).rejects.toThrow(WrongShareError);
    expect(await submit(cluster, 2, 1)).toMatchObject({ progress: 1 });
  });

  it("is cancelled by the starter's signature from any node, by a token, and by nobody else", async () => {
    const cluster = await TestCluster.start(3);
    const { service } = cluster.node(3);
    await submit(cluster, 2, 0);
    await submit(cluster, 2, 1);
    const nonce = await service.nonce();
    const action = {
      action: "cancel",
      kind: "unseal",
      barrierId: new Uint8Array(16).fill(7),
      generation: 1,
      nonce,
    } as const;
    const signed = (index: number) =>
      ({ kind: "signatures", signatures: [signAction(cluster.share(index), action)] }) as const;
    await expect(service.cancel(signed(1))).rejects.toThrow(CeremonyRefusedError);
    await expect(service.cancel({ kind: "signatures", signatures: [] })).rejects.toThrow(CeremonyRefusedError);
    expect(await service.status()).toMatchObject({ progress: 2 });
    await service.cancel(signed(0));
    expect(await service.status()).toMatchObject({ progress: 0 });
    await submit(cluster, 2, 0);
    await service.cancel({ kind: "authorized" });
    expect(await service.status()).toMatchObject({ progress: 0 });
    await expect(service.cancel({ kind: "authorized" })).rejects.toThrow(CeremonyRefusedError);
  });

  it("says what to do when the cluster is not initialised, or the collector does not answer", async () => {
    const cluster = await TestCluster.start(3);
    const share = cluster.share(0);
    cluster.unreachable.add(1);
    await expect(cluster.node(2).service.submitShare(share)).rejects.toThrow(CeremonyUnavailableError);
    await expect(cluster.node(2).service.status()).rejects.toThrow(CeremonyUnavailableError);
    cluster.unreachable.clear();
    cluster.record = undefined;
    for (const node of [1, 2]) {
      await expect(cluster.node(node).service.submitShare(share)).rejects.toThrow(NotInitializedError);
      await expect(cluster.node(node).service.status()).rejects.toThrow(NotInitializedError);
    }
  });

  it("takes the last shares when they come at the same time from several nodes", async () => {
    const cluster = await TestCluster.start(3);
    const outcomes = await Promise.allSettled([submit(cluster, 1, 0), submit(cluster, 2, 1), submit(cluster, 3, 2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    expect(cluster.open).toEqual([true, true, true]);
  });

  it("takes a share that comes while the key is given out for what it is, and needs it no more", async () => {
    const cluster = await TestCluster.start(3);
    const outcomes = await Promise.all([0, 1, 2, 3, 4].map((index) => submit(cluster, 1, index)));
    expect(outcomes.map(({ index, complete }) => [index, complete?.opened])).toEqual([
      [0, undefined],
      [1, undefined],
      [2, [1, 2, 3]],
      [3, [1, 2, 3]],
      [4, [1, 2, 3]],
    ]);
    expect(await cluster.node(1).service.status()).toMatchObject({ progress: 0 });
  });

  it("keeps no share when no member is sealed, and still names a wrong one", async () => {
    const cluster = await TestCluster.start(3);
    for (const node of cluster.nodes.values()) node.open = true;
    expect(await submit(cluster, 2, 0)).toMatchObject({ progress: 0, sealed: false, complete: undefined });
    expect(await submit(cluster, 1, 0)).toMatchObject({ progress: 0, duplicate: false });
    await expect(cluster.node(3).service.submitShare(new Uint8Array(33).fill(1))).rejects.toThrow(WrongShareError);
    cluster.unreachable.add(3);
    expect(await submit(cluster, 1, 0)).toMatchObject({ progress: 1 });
  });

  it("leaves no timer behind when it is closed", async () => {
    const cluster = await TestCluster.start(1);
    await submit(cluster, 1, 0);
    cluster.node(1).service.close();
    cluster.node(1).service.close();
    expect(await cluster.node(1).service.status()).toMatchObject({ progress: 0 });
  });

  it("has one method on the wire", () => expect(CEREMONY_METHOD).toBe("ceremony"));
});
