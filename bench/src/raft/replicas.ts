/**
 * Three whole replicas, each on threads of its own, under the store that a request worker has. An entry here is a signed command with
 * one new row; it counts when its verdict is there: durable on two replicas, applied, and known to the worker.
 */
import { once } from "node:events";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { MessageChannel, Worker } from "node:worker_threads";
import type { Barrier } from "@strongroom/barrier";
import { ClusterClient, portChannel, WorkerPort, WorkerStore } from "@strongroom/cluster";
import { silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { KEY_KIND, LevelTable, makeKey } from "@strongroom/storage";
import { type DiskLog, startDiskLog } from "./disk-log.ts";
import { type CertifiedNode, certifyNodes } from "./identities.ts";
import { LoadClock } from "./load.ts";
import type { ReplicaThreadData } from "./replica-thread.ts";

const DEADLINE_MS = 60_000;
const OPEN = { provenIndex: Number.MAX_SAFE_INTEGER };

interface RunningReplica {
  readonly log: DiskLog;
  readonly thread: Worker;
  readonly store: WorkerStore;
  readonly client: ClusterClient;
}

export class Replicas {
  readonly clock = new LoadClock();
  readonly #replicas: readonly RunningReplica[];
  #leader: RunningReplica | undefined;
  #running = true;
  #writers: Promise<void>[] = [];

  private constructor(replicas: readonly RunningReplica[]) {
    this.#replicas = replicas;
  }

  static async start(directory: string, basePort: number): Promise<Replicas> {
    const { nodes, keys, barrier } = certifyNodes(directory, basePort);
    const replicas = await Promise.all(
      nodes.map((node) => startReplica({ node, nodes, keysBuffer: keys.buffer }, barrier)),
    );
    return new Replicas(replicas);
  }

  /** Begins with so many writers, each with one command at a time, at the node that leads. */
  async load({ inFlight, bytes }: { readonly inFlight: number; readonly bytes: number }): Promise<void> {
    while (this.#leader === undefined) {
      const status = await Promise.all(this.#replicas.map(({ client }) => client.status()));
      this.#leader = this.#replicas[status.findIndex(({ state }) => state === "leader")];
      if (this.#leader === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { store } = this.#leader;
    this.#writers = Array.from({ length: inFlight }, () => this.#write(store, bytes));
  }

  /** Of the leader's log. */
  syncs(): number {
    return this.#leader?.log.syncs() ?? 0;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#writers);
    for (const { thread, store, log } of this.#replicas) {
      // The replica opened the table first, so it closes it last: LevelDB goes on using the first opener's block cache.
      await store.close();
      const closed = once(thread, "message");
      thread.postMessage("close");
      await closed;
      await thread.terminate();
      await log.close();
    }
  }

  async #write(store: WorkerStore, bytes: number): Promise<void> {
    while (this.#running) {
      const startMs = performance.now();
      const row = { key: makeKey(KEY_KIND.barrier, nodeEntropy.bytes(16)), term: 1, value: nodeEntropy.bytes(bytes) };
      const draft = { guards: [], mutations: [{ kind: "put", ...row }] } as const;
      const { outcome } = await store.commit(draft, { deadlineMs: nodeClock.monotonicMs() + DEADLINE_MS });
      if (outcome !== "applied") throw new Error(`a command was ${outcome}`);
      this.clock.done(startMs);
    }
  }
}

async function startReplica(
  data: { readonly node: CertifiedNode } & Omit<ReplicaThreadData, "walPort">,
  barrier: Barrier,
): Promise<RunningReplica> {
  const { directory } = data.node;
  const log = startDiskLog(join(directory, "wal"));
  const thread = new Worker(new URL("./replica-thread.ts", import.meta.url), {
    workerData: { ...data, walPort: log.port } satisfies ReplicaThreadData,
    transferList: [log.port as never],
  });
  await once(thread, "message");
  const { port1, port2 } = new MessageChannel();
  thread.postMessage(port2, [port2]);
  const port = new WorkerPort(portChannel(port1), { timers: nodeTimers });
  const client = new ClusterClient({ port, clock: nodeClock, timers: nodeTimers });
  const store = await WorkerStore.open({
    port,
    signer: { sign: (message) => barrier.signCommand(message) },
    clock: nodeClock,
    timers: nodeTimers,
    logger: silentLogger,
    openTable: (generation) => LevelTable.open(join(directory, generation), { multithreading: true }),
    onFatal: (error) => {
      throw error;
    },
  });
  await client.keysPublished(Number.MAX_SAFE_INTEGER, OPEN);
  return { log, thread, store, client };
}
