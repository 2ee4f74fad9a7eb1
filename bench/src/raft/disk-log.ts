/** A node's log on a thread of its own, and how often it has synced. */
import { MessageChannel, Worker } from "node:worker_threads";
import type { WalPort } from "@strongroom/cluster";
import type { WalThreadData } from "./wal-thread.ts";

export interface DiskLog {
  /** The replica's end. */
  readonly port: WalPort;
  syncs(): number;
  close(): Promise<void>;
}

export function startDiskLog(directory: string): DiskLog {
  const { port1, port2 } = new MessageChannel();
  const syncs = new SharedArrayBuffer(4);
  const data: WalThreadData = { directory, port: port2 as WalPort, syncs };
  const thread = new Worker(new URL("./wal-thread.ts", import.meta.url), { workerData: data, transferList: [port2] });
  const counter = new Int32Array(syncs);
  return {
    port: port1 as WalPort,
    syncs: () => Atomics.load(counter, 0),
    async close() {
      await thread.terminate();
    },
  };
}
