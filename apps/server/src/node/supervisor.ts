/**
 * The main thread of a node: it starts the others, joins them, and ends them. A worker that ends by itself, or a replica
 * that says that going on could be wrong, ends the process; sealing ends all workers and starts new ones, since a
 * thread's copies of keys die only with the thread.
 */
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { MessageChannel, Worker } from "node:worker_threads";
import { SharedKeys } from "@strongroom/barrier";
import {
  asError,
  type Clock,
  type Entropy,
  type Logger,
  type MetricsSnapshot,
  StrongroomError,
  type Timers,
} from "@strongroom/runtime";
import { prepareAuditDirectory } from "../wiring/audit.ts";
import type { NodeSettings } from "./settings.ts";
import type {
  FromReplicaThread,
  FromWorkerThread,
  ReplicaThreadData,
  ToReplicaThread,
  ToWorkerThread,
  WalThreadData,
  WorkerThreadData,
} from "./thread-messages.ts";
import { WorkerTurnover } from "./worker-turnover.ts";

export interface SupervisorParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly timers: Timers;
  readonly logger: Logger;
  /** The node cannot go on. Called once. */
  readonly onFatal: (error: Error) => void;
}

class ThreadFailedError extends StrongroomError {
  readonly code = "thread_failed";
}

interface RunningWorker {
  readonly thread: Worker;
  readonly index: number;
  /** It was told to end. */
  ending: boolean;
}

/** What a request leaves behind is dead when the reply is out: a roomy nursery dies without being copied. */
const YOUNG_GENERATION_MB = 64;
/**
 * By how much the long-lived part of a heap may grow before V8 marks it again; left to itself it counts on a third, and on the bytes
 * outside the heap besides. A replica keeps tens of mebibytes of log there, so under writes it was marked twice a second.
 */
const HEAP_GROWING_PERCENT = 200;
const HAND_OVER_MS = 2_000;
const WORKER_GRACE_MS = 2_000;
const SEALING_GRACE_MS = 250;
const CLOSE_TIMEOUT_MS = 10_000;
const METRICS_TIMEOUT_MS = 1_000;

export class Supervisor {
  readonly #settings: NodeSettings;
  readonly #parts: SupervisorParts;
  readonly #keys: SharedKeys = SharedKeys.create();
  readonly #turnover: WorkerTurnover = WorkerTurnover.create();
  readonly #workers = new Set<RunningWorker>();
  readonly #metricsWaiters = new Map<number, (snapshot: MetricsSnapshot) => void>();
  #replica: Worker | undefined;
  #wal: Worker | undefined;
  #nextMetricsId = 1;
  #restarting: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #failed = false;

  private constructor(settings: NodeSettings, parts: SupervisorParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  /** Resolves when all workers listen. */
  static async start(settings: NodeSettings, parts: SupervisorParts): Promise<Supervisor> {
    setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
    const supervisor = new Supervisor(settings, parts);
    try {
      await supervisor.#startReplica();
      // The replica has the data directory to itself, and no worker writes yet.
      prepareAuditDirectory(settings, parts);
      await supervisor.#startWorkers();
      return supervisor;
    } catch (error) {
      await supervisor.close();
      throw error;
    }
  }

  /** Audit devices begin with new files and connections, as a log rotation asks for. */
  reopenAuditDevices(): void {
    for (const { thread } of this.#workers) thread.postMessage({ type: "reopen" } satisfies ToWorkerThread);
  }

  /** Lets requests end, hands leadership over, and ends all threads. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #startReplica(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const directory = join(this.#settings.dataDirectory, "wal");
    this.#wal = this.#spawn("wal-thread", { directory, replicaPort: port2 } satisfies WalThreadData, [port2]);
    const data: ReplicaThreadData = { settings: this.#settings, keysBuffer: this.#keys.buffer, walPort: port1 };
    const replica = this.#spawn("replica-thread", data, [port1]);
    this.#replica = replica;
    return new Promise((resolve, reject) => {
      replica.on("message", (message: FromReplicaThread) => {
        if (message.type === "ready") resolve();
        else if (message.type === "metrics") this.#gotMetrics(message.id, message.snapshot);
        else if (message.type === "fatal") {
          const error = new ThreadFailedError(message.message);
          reject(error);
          this.#fail(error);
        }
      });
      replica.on("exit", () => reject(new ThreadFailedError("the replica's thread has ended")));
    });
  }

  async #startWorkers(): Promise<void> {
    await Promise.all(Array.from({ length: this.#settings.workers }, (_, index) => this.#startWorker(index)));
  }

  #startWorker(index: number): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const data: WorkerThreadData = {
      settings: this.#settings,
      keysBuffer: this.#keys.buffer,
      turnoverBuffer: this.#turnover.buffer,
      replicaPort: port1,
      index,
    };
    const thread = this.#spawn("worker-thread", data, [port1]);
    this.#replica?.postMessage({ type: "attach", port: port2 } satisfies ToReplicaThread, [port2]);
    const worker: RunningWorker = { thread, index, ending: false };
    this.#workers.add(worker);
    return new Promise((resolve, reject) => {
      thread.on("message", (message: FromWorkerThread) => {
        if (message.type === "ready") resolve();
        else if (message.type === "fatal") {
          const error = new ThreadFailedError(message.message);
          reject(error);
          this.#fail(error);
        } else this.#fromWorker(worker, message);
      });
      thread.on("exit", () => {
        this.#workers.delete(worker);
        const error = new ThreadFailedError(`worker ${index} has ended`);
        reject(error);
        if (!worker.ending) this.#fail(error);
      });
    });
  }

  #fromWorker(worker: RunningWorker, message: Exclude<FromWorkerThread, { type: "ready" | "fatal" }>): void {
    switch (message.type) {
      case "certified":
        this.#replica?.postMessage({ type: "certified" } satisfies ToReplicaThread);
        return;
      case "restart-workers":
        // One after the other: of two sealings at once each waits for the workers that the other started.
        this.#restarting = this.#restarting
          .then(() => this.#restartWorkers(worker))
          .catch((error: unknown) => this.#fail(asError(error)));
        return;
      case "metrics":
        this.#gotMetrics(message.id, message.snapshot);
        return;
      case "all-metrics":
        void this.#collectMetrics().then((snapshots) =>
          worker.thread.postMessage({ type: "all-metrics", id: message.id, snapshots } satisfies ToWorkerThread),
        );
        return;
      case "closed":
        void worker.thread.terminate();
        return;
    }
  }

  /**
   * The new workers listen before the old ones end, so that the node answers all the time; the old ones have no keys any
   * more. The one that asked ends last, and the reply to whoever asked for the sealing leaves within its grace.
   */
  async #restartWorkers(asking: RunningWorker): Promise<void> {
    if (this.#closing !== undefined) return;
    const old = [...this.#workers];
    const shared = this.#settings.sharesPorts;
    if (!shared) await this.#endWorkers(old, SEALING_GRACE_MS);
    if (this.#closing === undefined) await this.#startWorkers();
    if (shared) {
      const [others, last] = [old.filter((worker) => worker !== asking), old.filter((worker) => worker === asking)];
      await this.#endWorkers(others, SEALING_GRACE_MS);
      await this.#endWorkers(last, SEALING_GRACE_MS);
    }
    this.#turnover.end();
  }

  async #endWorkers(ending: readonly RunningWorker[], graceMs: number): Promise<void> {
    await Promise.all(
      ending.map((worker) => {
        worker.ending = true;
        worker.thread.postMessage({ type: "close", graceMs } satisfies ToWorkerThread);
        return this.#exitOf(worker.thread, graceMs + CLOSE_TIMEOUT_MS);
      }),
    );
  }

  /** Waits for a thread to end; ends it when it does not. */
  async #exitOf(thread: Worker, timeoutMs: number): Promise<void> {
    const exited = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
    const cancel = this.#parts.timers.after(timeoutMs, () => void thread.terminate());
    await exited;
    cancel();
  }

  async #collectMetrics(): Promise<readonly MetricsSnapshot[]> {
    const threads = [
      ...[...this.#workers].map(({ thread }) => thread),
      ...(this.#replica === undefined ? [] : [this.#replica]),
    ];
    const asked = threads.map(
      (thread) =>
        new Promise<MetricsSnapshot>((resolve) => {
          const id = this.#nextMetricsId++;
          const cancel = this.#parts.timers.after(METRICS_TIMEOUT_MS, () => this.#gotMetrics(id, { families: [] }));
          this.#metricsWaiters.set(id, (snapshot) => {
            cancel();
            resolve(snapshot);
          });
          thread.postMessage({ type: "metrics", id });
        }),
    );
    return Promise.all(asked);
  }

  #gotMetrics(id: number, snapshot: MetricsSnapshot): void {
    this.#metricsWaiters.get(id)?.(snapshot);
    this.#metricsWaiters.delete(id);
  }

  #spawn(
    name: string,
    workerData: unknown,
    transferList: readonly import("node:worker_threads").MessagePort[],
  ): Worker {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const thread = new Worker(new URL(`../threads/${name}.${extension}`, import.meta.url), {
      workerData,
      transferList: [...transferList],
      name,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    thread.on("error", (error) => this.#fail(asError(error)));
    return thread;
  }

  #fail(error: Error): void {
    if (this.#failed || this.#closing !== undefined) return;
    this.#failed = true;
    this.#parts.onFatal(error);
  }

  async #close(): Promise<void> {
    await this.#endWorkers([...this.#workers], WORKER_GRACE_MS);
    const replica = this.#replica;
    if (replica !== undefined && !this.#failed) {
      const closed = new Promise<void>((resolve) => {
        replica.on("message", (message: FromReplicaThread) => {
          if (message.type === "closed" || message.type === "fatal") resolve();
        });
        replica.once("exit", () => resolve());
      });
      const timedOut = Promise.withResolvers<void>();
      const cancel = this.#parts.timers.after(HAND_OVER_MS + CLOSE_TIMEOUT_MS, timedOut.resolve);
      replica.postMessage({ type: "close", handOverMs: HAND_OVER_MS } satisfies ToReplicaThread);
      await Promise.race([closed, timedOut.promise]);
      cancel();
    }
    this.#keys.wipe();
    await replica?.terminate();
    await this.#wal?.terminate();
  }
}
