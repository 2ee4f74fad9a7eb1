/** What passes between the main thread and the others, apart from the replica's channels. */
import type { MessagePort } from "node:worker_threads";
import type { MetricsSnapshot } from "@strongroom/runtime";
import type { NodeSettings } from "./settings.ts";

export interface ReplicaThreadData {
  readonly settings: NodeSettings;
  readonly keysBuffer: SharedArrayBuffer;
  /** To the thread of the write-ahead log. */
  readonly walPort: MessagePort;
}

export interface WalThreadData {
  readonly directory: string;
  readonly replicaPort: MessagePort;
}

export interface WorkerThreadData {
  readonly settings: NodeSettings;
  readonly keysBuffer: SharedArrayBuffer;
  readonly turnoverBuffer: SharedArrayBuffer;
  readonly replicaPort: MessagePort;
  /** The first worker of a node handles its seal, admits nodes and does the leader's background work. */
  readonly index: number;
}

export type ToReplicaThread =
  | { readonly type: "attach"; readonly port: MessagePort }
  | { readonly type: "certified" }
  | { readonly type: "metrics"; readonly id: number }
  | { readonly type: "close"; readonly handOverMs: number };

export type FromReplicaThread =
  | { readonly type: "ready" }
  | { readonly type: "fatal"; readonly message: string }
  | { readonly type: "metrics"; readonly id: number; readonly snapshot: MetricsSnapshot }
  | { readonly type: "closed" };

export type ToWorkerThread =
  /** Audit devices begin with new files and connections. */
  | { readonly type: "reopen" }
  | { readonly type: "metrics"; readonly id: number }
  | { readonly type: "all-metrics"; readonly id: number; readonly snapshots: readonly MetricsSnapshot[] }
  | { readonly type: "close"; readonly graceMs: number };

export type FromWorkerThread =
  | { readonly type: "ready"; readonly addresses: readonly string[] }
  | { readonly type: "metrics"; readonly id: number; readonly snapshot: MetricsSnapshot }
  | { readonly type: "all-metrics"; readonly id: number }
  | { readonly type: "certified" }
  | { readonly type: "restart-workers" }
  | { readonly type: "fatal"; readonly message: string }
  | { readonly type: "closed" };
