/** The replica's thread. It ends when it is told to, or when going on could be wrong. */
import { parentPort, workerData } from "node:worker_threads";
import { SharedKeys } from "@strongroom/barrier";
import { openThreadWal, portChannel } from "@strongroom/cluster";
import { asError, MetricsRegistry, present } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeRandom, nodeTimers } from "@strongroom/runtime/node";
import { createLogger } from "../logger.ts";
import { ReplicaHost } from "../node/replica-host.ts";
import type { FromReplicaThread, ReplicaThreadData, ToReplicaThread } from "../node/thread-messages.ts";

const { settings, keysBuffer, walPort } = workerData as ReplicaThreadData;
const main = present(parentPort, "this file is run as a thread");
const logger = createLogger({
  level: settings.logLevel,
  format: settings.logFormat,
  fields: { node: settings.name, thread: "replica" },
});
const metrics = new MetricsRegistry();
const tell = (message: FromReplicaThread): void => main.postMessage(message);
const onFatal = (error: Error): void => tell({ type: "fatal", message: error.message });

try {
  const host = await ReplicaHost.open({
    settings,
    keys: SharedKeys.attach(keysBuffer),
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    entropy: nodeEntropy,
    logger,
    metrics,
    openWal: (_directory, wal, events) => openThreadWal(wal, { schedule: queueMicrotask }, { port: walPort, events }),
    onFatal,
  });
  main.on("message", (message: ToReplicaThread) => {
    switch (message.type) {
      case "attach":
        host.attach(portChannel(message.port));
        return;
      case "certified":
        host.certified().catch((error: unknown) => onFatal(asError(error)));
        return;
      case "metrics":
        tell({ type: "metrics", id: message.id, snapshot: metrics.snapshot() });
        return;
      case "close":
        host.close(message.handOverMs).then(
          () => tell({ type: "closed" }),
          (error: unknown) => onFatal(asError(error)),
        );
        return;
    }
  });
  tell({ type: "ready" });
} catch (error) {
  logger.error("the replica cannot start", { error: asError(error) });
  onFatal(asError(error));
}
