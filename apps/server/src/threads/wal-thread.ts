/** The thread of the write-ahead log: synchronous writes and syncs, and nothing else. */
import { workerData } from "node:worker_threads";
import { NodeWalDisk, runWalThread, WAL_THREAD_IDLE_MS } from "@strongroom/cluster";
import type { WalThreadData } from "../node/thread-messages.ts";

const { directory, replicaPort } = workerData as WalThreadData;
runWalThread(replicaPort, new NodeWalDisk(directory), { idleMs: WAL_THREAD_IDLE_MS });
