/** Joins the parts of the leases, and says what of them runs in the background. */
import type { Barrier } from "@strongroom/barrier";
import type { Clock, Entropy, Logger, Metrics, Timers } from "@strongroom/runtime";
import type { ReplicatedStore } from "@strongroom/storage";
import type { BackgroundTask } from "../background/background-work.ts";
import type { Mounts } from "../mounts.ts";
import { ExpiryWorker } from "./expiry-worker.ts";
import { LeaseCounter } from "./lease-counter.ts";
import { LeaseManager } from "./lease-manager.ts";
import { type LeaseMetrics, leaseMetrics } from "./lease-metrics.ts";
import { LeaseRevoker, type LeaseRevokerParts } from "./lease-revoker.ts";
import { LeaseRows } from "./lease-rows.ts";
import { LeaseTasks } from "./lease-tasks.ts";

export interface LeasesParts extends Pick<LeaseRevokerParts, "tokens" | "context"> {
  readonly store: Pick<ReplicatedStore, "logTimeMs">;
  readonly barrier: Barrier;
  readonly mounts: Mounts;
  readonly entropy: Entropy;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told when leases of a mount were worked off. */
  readonly onWorked: (mountUuid: string) => void;
}

export interface Leases {
  readonly manager: LeaseManager;
  readonly rows: LeaseRows;
  readonly tasks: LeaseTasks;
  readonly metrics: LeaseMetrics;
  /** To be registered with the background work. */
  readonly background: readonly BackgroundTask[];
}

export function createLeases(parts: LeasesParts): Leases {
  const { barrier, mounts, entropy, logger } = parts;
  const metrics = leaseMetrics(parts.metrics);
  const rows = new LeaseRows(barrier);
  const nowMs = (): number => parts.store.logTimeMs();
  const revoker = new LeaseRevoker({ ...parts, rows, metrics });
  const manager = new LeaseManager({
    rows,
    mounts,
    entropy,
    metrics,
    nowMs,
  });
  const tasks = new LeaseTasks({ barrier, rows, manager, logger });
  const worker = new ExpiryWorker({ rows, revoker, metrics, timers: parts.timers, nowMs, onWorked: parts.onWorked });
  return { manager, rows, tasks, metrics, background: [worker, tasks, new LeaseCounter(metrics)] };
}
