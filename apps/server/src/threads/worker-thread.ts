/** A request worker's thread. */
import { parentPort, workerData } from "node:worker_threads";
import { SharedKeys } from "@strongroom/barrier";
import { portChannel } from "@strongroom/cluster";
import { asError, MetricsRegistry, type MetricsSnapshot, metricsText, present } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { createLogger } from "../logger.ts";
import type { FromWorkerThread, ToWorkerThread, WorkerThreadData } from "../node/thread-messages.ts";
import { WorkerHost } from "../node/worker-host.ts";
import { WorkerTurnover } from "../node/worker-turnover.ts";

const { settings, keysBuffer, turnoverBuffer, replicaPort, index } = workerData as WorkerThreadData;
const main = present(parentPort, "this file is run as a thread");
const logger = createLogger({
  level: settings.logLevel,
  format: settings.logFormat,
  fields: { node: settings.name, thread: `worker-${index}` },
});
const metrics = new MetricsRegistry();
const tell = (message: FromWorkerThread): void => main.postMessage(message);
const onFatal = (error: Error): void => tell({ type: "fatal", message: error.message });
const waiting = new Map<number, (snapshots: readonly MetricsSnapshot[]) => void>();
/** This worker was told to end, and takes no new connections. */
const replaced = Promise.withResolvers<void>();
let nextId = 1;

async function allMetrics(): Promise<string> {
  const id = nextId++;
  const snapshots = await new Promise<readonly MetricsSnapshot[]>((resolve) => {
    waiting.set(id, resolve);
    tell({ type: "all-metrics", id });
  });
  return metricsText(snapshots);
}

async function end(host: WorkerHost, graceMs: number): Promise<void> {
  await host.stopListening();
  replaced.resolve();
  await host.close(graceMs);
}

try {
  const host = await WorkerHost.open({
    settings,
    index,
    keys: SharedKeys.attach(keysBuffer),
    channel: portChannel(replicaPort),
    clock: nodeClock,
    timers: nodeTimers,
    entropy: nodeEntropy,
    logger,
    metrics,
    metricsText: allMetrics,
    onCertified: () => tell({ type: "certified" }),
    turnover: WorkerTurnover.attach(turnoverBuffer),
    restartWorkers: () => {
      tell({ type: "restart-workers" });
      return replaced.promise;
    },
    onFatal,
    reusePort: settings.sharesPorts,
    loopbackHostsOnly: false,
  });
  main.on("message", (message: ToWorkerThread) => {
    switch (message.type) {
      case "metrics":
        tell({ type: "metrics", id: message.id, snapshot: metrics.snapshot() });
        return;
      case "all-metrics":
        waiting.get(message.id)?.(message.snapshots);
        waiting.delete(message.id);
        return;
      case "reopen":
        host.reopenAuditDevices();
        return;
      case "close":
        end(host, message.graceMs).then(
          () => tell({ type: "closed" }),
          (error: unknown) => onFatal(asError(error)),
        );
        return;
    }
  });
  tell({ type: "ready", addresses: host.addresses });
} catch (error) {
  logger.error("a worker cannot start", { error: asError(error) });
  onFatal(asError(error));
}
