/**
 * A node's audit in its threads: streams that a crash left are ended before any worker starts, each worker writes a stream of
 * its own, and one of them gives all streams to the devices.
 */
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  AuditDevices,
  AuditLog,
  AuditSalt,
  DEVICE_STATUS_FILE,
  type DeviceStatus,
  NodeAuditDisk,
  probeDevice,
  recoverStreams,
} from "@strongroom/audit";
import type { Barrier } from "@strongroom/barrier";
import type { AuditDevicesView, Core } from "@strongroom/core";
import {
  asError,
  type Clock,
  type Entropy,
  type Logger,
  type Metrics,
  StrongroomError,
  type Timers,
  toHex,
} from "@strongroom/runtime";
import type { ReplicatedStore } from "@strongroom/storage";
import type { AuditStreamSettings, NodeSettings } from "../node/settings.ts";

/** The audit directory cannot be used, or is another node's. */
class AuditDirectoryError extends StrongroomError {
  readonly code = "bad_audit_directory";
}

interface WorkerAuditParts {
  readonly settings: NodeSettings;
  readonly index: number;
  readonly barrier: Barrier;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface WorkerAudit {
  readonly log: AuditLog;
  /** Statuses are as the worker that has the devices said last, whichever worker is asked. */
  readonly devices: AuditDevicesView;
  /** Keeps this node's devices those of the cluster's table, until the function that it gives is called. */
  startDevices(parts: { readonly core: Core; readonly store: ReplicatedStore }): () => Promise<void>;
  reopenDevices(): void;
  /** Ends this worker's stream. */
  close(): Promise<void>;
}

const OWNER_FILE = "node";
const TABLE_INTERVAL_MS = 1000;

/**
 * Makes the audit directory this node's and ends what a crash left in it. To be called once a process, when nobody else can
 * be running on the data directory, and before any worker. Throws `AuditDirectoryError`.
 */
export function prepareAuditDirectory(
  settings: Pick<NodeSettings, "audit" | "dataDirectory">,
  { clock, entropy, logger }: { readonly clock: Clock; readonly entropy: Entropy; readonly logger: Logger },
): void {
  const { directory } = settings.audit;
  try {
    claim(directory, settings.dataDirectory, entropy);
    for (const { stream, seq, tornBytes } of recoverStreams(new NodeAuditDisk(directory), clock)) {
      logger.warn("an audit stream had no end; it has one now", { stream, records: seq, tornBytes });
    }
  } catch (error) {
    if (error instanceof AuditDirectoryError) throw error;
    throw new AuditDirectoryError(`The audit directory ${directory} cannot be used: ${asError(error).message}`, {
      cause: error,
    });
  }
}

/** Two nodes with one audit directory would end each other's streams. */
function claim(directory: string, dataDirectory: string, entropy: Entropy): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const own = ownerId(join(dataDirectory, "audit-owner"), entropy);
  if (ownerId(join(directory, OWNER_FILE), entropy, own) === own) return;
  throw new AuditDirectoryError(
    `The audit directory ${directory} belongs to another node: give each node a path of its own in audit_stream.`,
  );
}

function ownerId(file: string, entropy: Entropy, otherwise?: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const id = otherwise ?? toHex(entropy.bytes(16));
  writeFileSync(file, `${id}\n`, { mode: 0o600, flag: "wx" });
  return id;
}

export function openAudit(parts: WorkerAuditParts): WorkerAudit {
  const { settings, barrier, clock, timers, entropy, logger, metrics } = parts;
  const { audit, dataDirectory } = settings;
  const disk = new NodeAuditDisk(audit.directory);
  const salt = new AuditSalt(barrier);
  const log = new AuditLog(
    {
      node: settings.name,
      worker: `worker-${parts.index}`,
      segmentBytes: audit.segmentBytes,
      segmentAgeMs: audit.segmentAgeMs,
      fsync: audit.fsync,
    },
    { disk, salt, clock, timers, entropy, logger, metrics },
  );
  const own = [dataDirectory, audit.directory].map((directory) => realpathSync(directory));
  let devices: AuditDevices | undefined;
  return {
    log,
    devices: {
      statuses: () => devices?.statuses() ?? statusOf(disk),
      probe: (type, options) =>
        probeDevice(type, options, { fileDirectories: audit.fileDirectories, ownDirectories: own, clock, timers }),
    },
    startDevices: ({ core, store }) => {
      const running = new AuditDevices(deviceOptions(audit, own), {
        disk,
        salt,
        clock,
        timers,
        logger,
        metrics,
        stdout: writeOut,
        record: (event) => log.control(event),
      });
      devices = running;
      running.start();
      const follow = (): void => {
        const table = core.auditDevices();
        if (table === undefined) return;
        running.configure(table).catch((error: unknown) => {
          logger.error("audit devices could not be changed", { error: asError(error) });
        });
      };
      follow();
      // The table says by an invalidation that it has changed; that the node was opened says nobody.
      const unsubscribe = store.onInvalidation((event) => {
        if (event.type === "all" || event.keys.some((key) => key.length === 1)) timers.immediate(follow);
      });
      const stop = timers.every(TABLE_INTERVAL_MS, follow);
      return async () => {
        stop();
        unsubscribe();
        await running.close();
      };
    },
    reopenDevices: () => devices?.reopen(),
    close: () => log.close(),
  };
}

function deviceOptions(
  { retentionBytes, retentionAgeMs, fileDirectories }: AuditStreamSettings,
  ownDirectories: readonly string[],
): ConstructorParameters<typeof AuditDevices>[0] {
  return { maxBytes: retentionBytes, maxAgeMs: retentionAgeMs, fileDirectories, ownDirectories };
}

function statusOf(disk: NodeAuditDisk): readonly DeviceStatus[] {
  try {
    const { bytes } = disk.stat(DEVICE_STATUS_FILE) ?? { bytes: 0 };
    if (bytes === 0) return [];
    return JSON.parse(Buffer.from(disk.read(DEVICE_STATUS_FILE, 0, bytes)).toString("utf8")) as readonly DeviceStatus[];
  } catch {
    return [];
  }
}

function writeOut(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}
