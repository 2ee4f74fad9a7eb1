/** Promises of docs/guarantees.md that are kept where everything is joined: init, shares and sealing of one node. */
import { Barrier, SharedKeys } from "@strongroom/barrier";
import type { ClusterClient, WorkerStore } from "@strongroom/cluster";
import { InitRefusedError } from "@strongroom/core";
import { silentLogger, utf8 } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { createEphemeralKey, openSealed } from "@strongroom/seal";
import { MemoryStore } from "@strongroom/storage/testing";
import { describe, expect, it } from "vitest";
import { WorkerTurnover } from "../node/worker-turnover.ts";
import { NodeSealGate } from "./seal-gate.ts";
import { SHARE_CONTEXT } from "./seal-host.ts";

const share = Uint8Array.from({ length: 33 }, (_, i) => 100 + i);

/** A gate whose node's other threads are played by the test; `did` tells what it asked of them, in order. */
function gateOf(parts: { readonly joins?: boolean } = {}) {
  const did: string[] = [];
  const payloads: Uint8Array[] = [];
  const host = createEphemeralKey(nodeEntropy);
  const cluster: Pick<ClusterClient, "call" | "keysWithdrawn"> = {
    async call(_node, method, payload) {
      did.push(method);
      payloads.push(payload.slice());
      return method === "own.seal-key" ? host.publicKey : utf8('{"sealed":true,"progress":1}');
    },
    async keysWithdrawn() {
      did.push("replica told");
      await new Promise((resolve) => setTimeout(resolve, 5));
      did.push("replica answered");
    },
  };
  const keys = SharedKeys.create();
  const turnover = WorkerTurnover.create();
  const barrier = new Barrier({}, { keys, entropy: nodeEntropy, logger: silentLogger });
  barrier.seal = () => did.push(turnover.underWay ? "keys wiped, no opening" : "keys wiped");
  const gate = new NodeSealGate({
    store: new MemoryStore() as unknown as WorkerStore,
    cluster: cluster as ClusterClient,
    barrier,
    self: { name: "n", clusterAddress: "", apiAddress: "", grpcAddress: "", identityPublicKey: new Uint8Array(0) },
    clusterName: "c",
    joins: parts.joins ?? false,
    isMember: () => true,
    turnover,
    restartWorkers: async () => void did.push("workers ended"),
    clock: nodeClock,
    timers: nodeTimers,
    entropy: nodeEntropy,
    logger: silentLogger,
  });
  return { gate, did, payloads, host };
}

describe("a node's seal", () => {
  it("is not initialised on a node that was told to join", async () => {
    const { gate } = gateOf({ joins: true });
    const options = { shares: 1, threshold: 1, deadlineMs: nodeClock.monotonicMs() + 1_000, prepare: () => {} };
    await expect(gate.initialize(options)).rejects.toThrow(InitRefusedError);
  });

  it("ends verification and waits for the replica's answer, then wipes the keys, then ends the workers", async () => {
    const { gate, did } = gateOf();
    await gate.seal();
    expect(did).toEqual(["replica told", "replica answered", "keys wiped, no opening", "workers ended"]);
  });

  it("lets no share lie in a message between threads, and wipes the caller's", async () => {
    const { gate, payloads, host } = gateOf();
    const given = share.slice();
    await gate.submitShare(given);
    expect(given.every((byte) => byte === 0)).toBe(true);
    expect(payloads.some((payload) => Buffer.from(payload).includes(share.subarray(0, 8)))).toBe(false);
    const sealed = payloads.at(-1) ?? new Uint8Array(0);
    expect(Uint8Array.from(openSealed({ recipient: host, context: SHARE_CONTEXT, sealed }))).toEqual(share);
  });
});
