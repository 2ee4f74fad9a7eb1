/** The log's thread as a server has it, on a disk that counts its syncs where the other threads can read it. */
import { workerData } from "node:worker_threads";
import { NodeWalDisk, runWalThread, WAL_THREAD_IDLE_MS, type WalPort } from "@strongroom/cluster";

export interface WalThreadData {
  readonly directory: string;
  readonly port: WalPort;
  /** One 32-bit counter. */
  readonly syncs: SharedArrayBuffer;
}

const { directory, port, syncs } = workerData as WalThreadData;
const counter = new Int32Array(syncs);

class CountingDisk extends NodeWalDisk {
  override sync(name: string): void {
    super.sync(name);
    Atomics.add(counter, 0, 1);
  }
}

runWalThread(port, new CountingDisk(directory), { idleMs: WAL_THREAD_IDLE_MS });
