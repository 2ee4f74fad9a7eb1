import { toNodeId } from "@strongroom/raft";
import { silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeTimers } from "@strongroom/runtime/node";
import {
  type Command,
  DiskFullError,
  decodeCommand,
  isMalformed,
  KEY_KIND,
  MemoryTable,
  makeKey,
} from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { bootstrapTable } from "../replica/recovered.ts";
import { REGISTRATION_SEQUENCE } from "../state/registration.ts";
import { TestKeys } from "../testing/nodes.ts";
import { localChannelPair } from "./channel.ts";
import type { ReplicaToWorker, WorkerToReplica } from "./messages.ts";
import { WorkerPort } from "./worker-port.ts";
import { WorkerStore } from "./worker-store.ts";

/** A worker whose replica is played by the test: `replica` answers each command that comes. */
async function worker(replica: (command: Command) => ReplicaToWorker): Promise<WorkerStore> {
  const [workerEnd, replicaEnd] = localChannelPair<readonly WorkerToReplica[], readonly ReplicaToWorker[]>(nodeTimers);
  const table = new MemoryTable();
  await bootstrapTable(table, toNodeId(1));
  replicaEnd.onMessage((messages) => {
    for (const message of messages) {
      if (message.type !== "propose") continue;
      let at = 0;
      for (const size of message.sizes) {
        const command = decodeCommand(message.packed.slice(at, at + size));
        at += size;
        if (!isMalformed(command)) replicaEnd.post([replica(command)]);
      }
    }
  });
  replicaEnd.post([{ type: "attached", nodeId: 1, incarnation: 1, alive: [1], generation: "g", index: 1 }]);
  return WorkerStore.open({
    port: new WorkerPort(workerEnd, { timers: nodeTimers }),
    signer: new TestKeys(),
    clock: nodeClock,
    timers: nodeTimers,
    logger: silentLogger,
    openTable: async () => table,
    onFatal: () => {},
  });
}

const applied = (sequence: number): ReplicaToWorker => ({
  type: "committed",
  sequences: [sequence],
  indices: [1],
  positions: [0],
});

describe("what the replica gives up", () => {
  it("is followed at once by a command with a higher floor, whose end tells its own", async () => {
    const seen: { sequence: number; floor: number; mutations: number }[] = [];
    const store = await worker(({ sequence, floor, mutations }) => {
      if (sequence === REGISTRATION_SEQUENCE) return applied(sequence);
      seen.push({ sequence, floor, mutations: mutations.length });
      if (sequence === 1) return { type: "given-up", sequences: [1] };
      return { type: "not-committed", sequences: [1], reason: "disk-full" };
    });
    const mutations = [
      { kind: "put", key: makeKey(KEY_KIND.barrier, Uint8Array.of(1)), term: 1, value: Uint8Array.of(1) },
    ] as const;
    const written = store.commit({ guards: [], mutations }, { deadlineMs: nodeClock.monotonicMs() + 60_000 });
    await expect(written).rejects.toThrow(DiskFullError);
    expect(seen).toEqual([
      { sequence: 1, floor: 1, mutations: 1 },
      { sequence: 2, floor: 2, mutations: 0 },
    ]);
    await store.close();
  });
});
