/**
 * Gives one device what the node's streams hold, in order and at least once. It reads from the disk at the device's pace and
 * keeps on disk how far that has come; so a device that fails, hangs or is away for a day loses nothing, and nobody waits
 * for it. A device that had records which may have been lost on their way gets them again.
 */
import { asError, type Cancel, type Clock, type Logger, type Timers } from "@strongroom/runtime";
import type { AuditDevice, DeviceConfig } from "../devices/device.ts";
import { parseLink } from "../stream/chain.ts";
import type { AuditDisk } from "../stream/disk.ts";
import { type SegmentName, segmentFile } from "../stream/names.ts";
import { cursorFile, decodeCursor, encodeCursor, type Position } from "./position.ts";
import type { Rewriter } from "./rewrite.ts";
import { type Batch, StreamReader } from "./stream-reader.ts";

export interface DeviceStatus {
  readonly path: string;
  readonly type: string;
  /** Empty while it takes what it gets. */
  readonly error: string;
  /** Bytes of records that it has not had yet. */
  readonly lagBytes: number;
  readonly delivered: number;
}

export interface DeviceConsumerParts {
  readonly config: DeviceConfig;
  readonly device: AuditDevice;
  readonly rewriter: Rewriter;
  readonly disk: AuditDisk;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

const POLL_MS = 50;
const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 10_000;
const SAVE_MS = 500;
const CLOSE_MS = 1_000;
const TIME_AT = '{"time":"'.length;
const TIME_LENGTH = "2030-01-01T00:00:00.000Z".length;

export class DeviceConsumer {
  readonly #parts: DeviceConsumerParts;
  readonly #reader: StreamReader;
  readonly #abort = new AbortController();
  readonly #stopped = Promise.withResolvers<never>();
  /** What the device was given. */
  #positions: Map<string, Position>;
  /** What it keeps for sure, and what else it was given when. */
  #settled: Map<string, Position>;
  #unsettled: { readonly atMs: number; readonly stream: string; readonly position: Position }[] = [];
  /** Records from before that are not the device's; undefined once it has a cursor. */
  readonly #since: string;
  #savedMs = 0;
  #dirty = false;
  #saving: Promise<void> | undefined;
  #error = "";
  #delivered = 0;
  #wake: Cancel = () => {};
  #wakeNow: () => void = () => {};
  #running: Promise<void> | undefined;

  constructor(parts: DeviceConsumerParts) {
    this.#parts = parts;
    this.#reader = new StreamReader(parts.disk);
    const { disk, config } = parts;
    const name = cursorFile(config.path);
    const cursor = disk.stat(name) === undefined ? undefined : decodeCursor(disk.read(name, 0, 64 * 1024 * 1024));
    const known = cursor?.uuid === config.uuid ? cursor.positions : new Map<string, Position>();
    this.#positions = new Map(known);
    this.#settled = new Map(known);
    this.#since = new Date(Math.floor(config.enabledMs)).toISOString();
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends what is under way, and keeps on disk how far the device has come. Idempotent. */
  async stop(): Promise<void> {
    const reason = new Error("the audit device is stopped");
    this.#stopped.promise.catch(() => undefined);
    this.#abort.abort(reason);
    this.#stopped.reject(reason);
    this.#wakeNow();
    await this.#running;
    await this.#saving;
    await this.#save();
    await this.#closeDevice();
  }

  /** What hangs in a file system is not waited for. */
  async #closeDevice(): Promise<void> {
    const { device, timers } = this.#parts;
    const late = Promise.withResolvers<void>();
    const cancel = timers.after(CLOSE_MS, late.resolve);
    await Promise.race([device.close(), late.promise]);
    cancel();
  }

  /** The device is gone for good: nothing of it is kept. */
  forget(): void {
    this.#parts.disk.remove(cursorFile(this.#parts.config.path));
    this.#dirty = false;
  }

  reopen(): void {
    this.#parts.device.reopen();
    this.#wakeNow();
  }

  /** Whether the device keeps all of a segment of `bytes` bytes, or it is from before the device's time. */
  hasConsumed({ stream, segment }: SegmentName, bytes: number, changedMs: number): boolean {
    const position = this.#settled.get(stream);
    if (position === undefined) return changedMs < this.#parts.config.enabledMs;
    return position.segment > segment || (position.segment === segment && position.offset >= bytes);
  }

  /** The last record of a stream that the device keeps; 0 for none. */
  settledSeq(stream: string): number {
    return this.#settled.get(stream)?.seq ?? 0;
  }

  status(): DeviceStatus {
    const { path, type } = this.#parts.config;
    return { path, type, error: this.#error, lagBytes: this.#lagBytes(), delivered: this.#delivered };
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    let retryMs = RETRY_MIN_MS;
    while (!signal.aborted) {
      try {
        const more = await this.#step();
        if (more) retryMs = RETRY_MIN_MS;
        else await this.#sleep(POLL_MS);
      } catch (error) {
        if (signal.aborted) break;
        this.#failed(asError(error));
        await this.#sleep(retryMs);
        retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
      }
    }
  }

  /** False when there was nothing to give. */
  async #step(): Promise<boolean> {
    const batch = await this.#reader.next(this.#positions);
    this.#settle();
    if (batch === undefined) {
      this.#forgetGone();
      return false;
    }
    const { lines, seq } = this.#linesFor(batch);
    // Ended with the consumer, even if the device hangs in the file system, from which nobody can call it back.
    if (lines.length > 0)
      await Promise.race([this.#parts.device.write(lines, this.#abort.signal), this.#stopped.promise]);
    if (this.#error !== "") this.#recovered();
    this.#delivered += lines.length;
    this.#given(batch.stream, { ...batch.position, seq });
    return true;
  }

  #linesFor(batch: Batch): { lines: Uint8Array[]; seq: number } {
    const { rewriter } = this.#parts;
    const lines: Uint8Array[] = [];
    let { seq } = batch.position;
    const isNew = !this.#settled.has(batch.stream);
    for (const line of batch.lines) {
      if (isNew && timeOf(line) < this.#since) continue;
      const rewritten = rewriter.rewrite(line);
      if (rewritten.length > 0) lines.push(rewritten);
    }
    const last = batch.lines.at(-1);
    if (last !== undefined) seq = seqOf(last) ?? seq;
    return { lines, seq };
  }

  #given(stream: string, position: Position): void {
    this.#positions.set(stream, position);
    if (this.#parts.device.settleMs === 0) this.#settled.set(stream, position);
    else this.#unsettled.push({ atMs: this.#parts.clock.monotonicMs(), stream, position });
    this.#dirty = true;
    this.#saveInAWhile();
  }

  #settle(): void {
    const { clock, device } = this.#parts;
    const before = clock.monotonicMs() - device.settleMs;
    const due = this.#unsettled.findIndex(({ atMs }) => atMs > before);
    for (const { stream, position } of this.#unsettled.splice(0, due < 0 ? this.#unsettled.length : due)) {
      this.#settled.set(stream, position);
      this.#dirty = true;
    }
    this.#saveInAWhile();
  }

  #failed(error: Error): void {
    const { logger, config } = this.#parts;
    if (this.#error === "") logger.warn("an audit device takes nothing", { device: config.path, error });
    this.#error = error.message;
    this.#unsettled = [];
    this.#positions = new Map(this.#settled);
  }

  #recovered(): void {
    this.#error = "";
    this.#parts.logger.info("an audit device takes records again", { device: this.#parts.config.path });
  }

  /** A cursor grows with the streams that there are, not with those that there ever were. */
  #forgetGone(): void {
    for (const stream of this.#positions.keys()) {
      if (this.#reader.segments.has(stream)) continue;
      this.#positions.delete(stream);
      this.#settled.delete(stream);
      this.#dirty = true;
    }
  }

  #saveInAWhile(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (!this.#dirty || this.#saving !== undefined || nowMs - this.#savedMs < SAVE_MS) return;
    this.#savedMs = nowMs;
    this.#saving = this.#save().finally(() => {
      this.#saving = undefined;
    });
  }

  /** Never rejects. */
  async #save(): Promise<void> {
    if (!this.#dirty) return;
    const { disk, config, logger } = this.#parts;
    this.#dirty = false;
    try {
      await disk.replace(cursorFile(config.path), encodeCursor({ uuid: config.uuid, positions: this.#settled }));
    } catch (error) {
      this.#dirty = true;
      // A place that is not kept only means that records come twice.
      logger.debug("the place of an audit device was not kept", { device: config.path, error: asError(error) });
    }
  }

  #lagBytes(): number {
    const { disk } = this.#parts;
    let lag = 0;
    for (const [stream, segments] of this.#reader.segments) {
      const position = this.#positions.get(stream);
      for (const { segment } of segments) {
        if (position !== undefined && segment < position.segment) continue;
        const bytes = disk.stat(segmentFile(stream, segment))?.bytes ?? 0;
        lag += position?.segment === segment ? Math.max(0, bytes - position.offset) : bytes;
      }
    }
    return lag;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake();
        resolve();
      };
      this.#wake = this.#parts.timers.after(ms, done);
      this.#wakeNow = done;
      if (this.#abort.signal.aborted) done();
    });
  }
}

/** All records begin with their time, in one form. */
function timeOf(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset + TIME_AT, Math.min(TIME_LENGTH, line.length - TIME_AT)).toString(
    "latin1",
  );
}

function seqOf(line: Uint8Array): number | undefined {
  const end = Buffer.from(line.buffer, line.byteOffset, line.length).toString(
    "utf8",
    Math.max(0, line.length - 401),
    line.length - 1,
  );
  return parseLink(end)?.seq;
}
