/**
 * The devices of one node: a consumer for each that the cluster's table has, and what is kept of the node's own streams. It
 * runs in one worker; how the devices are doing lies in a file, where the other workers find it.
 */
import {
  asError,
  type Cancel,
  type Clock,
  type Gauge,
  type Logger,
  type Metrics,
  type Timers,
  utf8,
} from "@strongroom/runtime";
import type { DeviceConfig } from "../devices/device.ts";
import { type DeviceWorld, openDevice } from "../devices/open-device.ts";
import { parseDevice } from "../devices/options.ts";
import { Slots } from "../devices/slots.ts";
import type { AuditSalt } from "../salt.ts";
import type { ControlEvent } from "../stream/control-record.ts";
import type { AuditDisk } from "../stream/disk.ts";
import { DeviceConsumer, type DeviceStatus } from "./device-consumer.ts";
import { enforceRetention, type RetentionConsumer, type RetentionOptions } from "./retention.ts";
import { Rewriter } from "./rewrite.ts";

export interface AuditDevicesOptions extends RetentionOptions {
  readonly fileDirectories: readonly string[];
  readonly ownDirectories: readonly string[];
  /** How often what is kept is looked through. */
  readonly retentionIntervalMs?: number;
}

export interface AuditDevicesParts {
  readonly disk: AuditDisk;
  readonly salt: AuditSalt;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly stdout: (bytes: Uint8Array) => Promise<void>;
  /** Adds a record to this worker's own stream. */
  readonly record: (event: ControlEvent) => void;
}

interface Running {
  readonly config: DeviceConfig;
  /** Undefined for a device that this node cannot have; `error` says why. */
  readonly consumer: DeviceConsumer | undefined;
  readonly error: string;
}

export const DEVICE_STATUS_FILE = "devices.json";
const STATUS_MS = 1000;
const RETENTION_MS = 10_000;
/** Of four threads that the process has for such things; a file system that hangs shall not take all. */
const FILE_SLOTS = 2;

export class AuditDevices {
  readonly #options: AuditDevicesOptions;
  readonly #parts: AuditDevicesParts;
  readonly #world: DeviceWorld;
  readonly #running = new Map<string, Running>();
  readonly #gauges: { readonly devices: Gauge; readonly failing: Gauge; readonly lag: Gauge };
  readonly #dropped: { add(amount?: number): void };
  readonly #cancels: Cancel[] = [];
  #changing: Promise<void> = Promise.resolve();
  /** Which devices there are is known. A sealed node cannot read it, and deletes nothing that one of them may still want. */
  #configured = false;
  /** The status as it was kept last. */
  #written = "";
  #writing = false;

  constructor(options: AuditDevicesOptions, parts: AuditDevicesParts) {
    this.#options = options;
    this.#parts = parts;
    const { metrics, clock, timers, stdout } = parts;
    const { fileDirectories, ownDirectories } = options;
    this.#world = { clock, timers, stdout, fileDirectories, ownDirectories, slots: new Slots(FILE_SLOTS) };
    this.#gauges = {
      devices: metrics.gauge("vault_audit_devices", "Audit devices of this node."),
      failing: metrics.gauge("vault_audit_devices_failing", "Audit devices that take nothing at the moment."),
      lag: metrics.gauge("vault_audit_device_lag_bytes", "Records that audit devices have not had yet, in bytes."),
    };
    this.#dropped = metrics.counter(
      "vault_audit_device_dropped_records",
      "Records that were deleted before an audit device had them.",
    );
  }

  start(): void {
    const { timers } = this.#parts;
    this.#cancels.push(
      timers.every(STATUS_MS, () => this.#report()),
      timers.every(this.#options.retentionIntervalMs ?? RETENTION_MS, () => this.#retain()),
    );
  }

  /** Makes the devices those of `table`. Calls follow one another. */
  configure(table: readonly DeviceConfig[]): Promise<void> {
    this.#changing = this.#changing.then(() => this.#configure(table));
    return this.#changing;
  }

  /** New file handles and connections, as a log rotation asks for. */
  reopen(): void {
    for (const { consumer } of this.#running.values()) consumer?.reopen();
  }

  statuses(): readonly DeviceStatus[] {
    return [...this.#running.values()].map(
      ({ config, consumer, error }) =>
        consumer?.status() ?? { path: config.path, type: config.type, error, lagBytes: 0, delivered: 0 },
    );
  }

  /** Idempotent. */
  async close(): Promise<void> {
    for (const cancel of this.#cancels.splice(0)) cancel();
    await this.#changing;
    await Promise.all([...this.#running.values()].map(async ({ consumer }) => consumer?.stop()));
    this.#running.clear();
  }

  async #configure(table: readonly DeviceConfig[]): Promise<void> {
    const wanted = new Map(table.map((config) => [config.uuid, config]));
    for (const [uuid, { consumer, config }] of this.#running) {
      if (wanted.has(uuid)) continue;
      this.#running.delete(uuid);
      await consumer?.stop();
      if (!table.some(({ path }) => path === config.path)) consumer?.forget();
    }
    for (const config of table) {
      if (!this.#running.has(config.uuid)) this.#running.set(config.uuid, this.#open(config));
    }
    this.#configured = true;
    this.#report();
  }

  #open(config: DeviceConfig): Running {
    const { disk, salt, clock, timers, logger } = this.#parts;
    try {
      const { target, hmacAccessor, elideListResponses } = parseDevice(config.type, config.options);
      const device = openDevice(target, this.#world);
      const rewriter = new Rewriter({ hmacAccessor, elideListResponses, maxLineBytes: device.maxLineBytes }, salt);
      const consumer = new DeviceConsumer({ config, device, rewriter, disk, clock, timers, logger });
      consumer.start();
      return { config, consumer, error: "" };
    } catch (error) {
      logger.warn("this node cannot have an audit device", { device: config.path, error: asError(error) });
      return { config, consumer: undefined, error: asError(error).message };
    }
  }

  #report(): void {
    const statuses = this.statuses();
    this.#gauges.devices.set(statuses.length);
    this.#gauges.failing.set(statuses.filter(({ error }) => error !== "").length);
    this.#gauges.lag.set(statuses.reduce((sum, { lagBytes }) => sum + lagBytes, 0));
    const text = `${JSON.stringify(statuses)}\n`;
    if (text === this.#written || this.#writing) return;
    this.#writing = true;
    this.#parts.disk
      .replace(DEVICE_STATUS_FILE, utf8(text))
      .then(
        () => {
          this.#written = text;
        },
        (error: unknown) => {
          this.#parts.logger.debug("the status of audit devices was not kept", { error: asError(error) });
        },
      )
      .finally(() => {
        this.#writing = false;
      });
  }

  #retain(): void {
    if (!this.#configured) return;
    const { disk, clock, record, logger } = this.#parts;
    const consumers = [...this.#running.values()].map(({ consumer, config }) => consumer ?? waiting(config));
    try {
      const lost = enforceRetention(this.#options, { disk, clock, consumers, record });
      if (lost === 0) return;
      this.#dropped.add(lost);
      logger.error("audit records were deleted before all devices had them", { records: lost });
    } catch (error) {
      logger.warn("old audit records could not be deleted", { error: asError(error) });
    }
  }
}

/** What retention sees of a device that this node cannot have yet: it waits for all of its records. */
function waiting({ path, type, enabledMs }: DeviceConfig): RetentionConsumer {
  return {
    hasConsumed: (_segment, _bytes, changedMs) => changedMs < enabledMs,
    settledSeq: () => 0,
    status: () => ({ path, type, error: "", lagBytes: 0, delivered: 0 }),
  };
}
