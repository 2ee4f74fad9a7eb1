/** Everything that a core is made from; `apps/server` makes one a worker, tests one a test. */
import type { AuditLog, DeviceStatus } from "@strongroom/audit";
import type { Barrier } from "@strongroom/barrier";
import type { BackendFactory, PasswordHasher } from "@strongroom/logical";
import type { Clock, Entropy, Logger, Metrics, Timers } from "@strongroom/runtime";
import type { ReplicatedStore } from "@strongroom/storage";
import type { ClusterView } from "./cluster-view.ts";
import type { SystemTtls } from "./mounts.ts";
import type { SealGate } from "./seal-gate.ts";

/** The audit devices of this node. */
export interface AuditDevicesView {
  statuses(): readonly DeviceStatus[];
  /** Whether this node can have such a device. Rejects with `DeviceOptionError`, or with what the device says. */
  probe(type: string, options: Readonly<Record<string, string>>): Promise<void>;
}

export interface CoreDependencies {
  readonly store: ReplicatedStore;
  readonly barrier: Barrier;
  readonly seal: SealGate;
  readonly cluster: ClusterView;
  readonly backends: readonly BackendFactory[];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly kdf: PasswordHasher;
  /** This worker's stream. */
  readonly audit: AuditLog;
  readonly auditDevices: AuditDevicesView;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** All threads' metrics in the Prometheus text format. */
  readonly metricsText: () => Promise<string>;
  /** The id of the root token that init makes, where one was asked for: development servers only. */
  readonly firstRootToken?: Uint8Array;
  /** What mounts have that say nothing else; missing: 768 hours both. */
  readonly leaseTtls?: SystemTtls;
  readonly version: string;
  /** An ISO date, as `sys/seal-status` shows it. */
  readonly buildDate: string;
}
