/**
 * Deletes what is kept long enough. Above `maxBytes` the oldest segments go whatever has become of them, since a disk that runs
 * full stops the node; below it a segment goes when it is older than `maxAgeMs` and every device has it. What a device had
 * not had is named by a record in the stream.
 */
import type { Clock } from "@strongroom/runtime";
import { parseLink } from "../stream/chain.ts";
import type { ControlEvent } from "../stream/control-record.ts";
import type { AuditDisk } from "../stream/disk.ts";
import { type SegmentName, segmentsOf } from "../stream/names.ts";
import { segmentTail } from "../stream/tail.ts";
import type { DeviceStatus } from "./device-consumer.ts";

export interface RetentionOptions {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** A device, as far as it concerns what is kept for it. */
export interface RetentionConsumer {
  /** `changedMs`: when the segment was last written. */
  hasConsumed(segment: SegmentName, bytes: number, changedMs: number): boolean;
  settledSeq(stream: string): number;
  status(): Pick<DeviceStatus, "path">;
}

interface Candidate extends SegmentName {
  readonly bytes: number;
  readonly changedMs: number;
}

const FIRST_LINE_BYTES = 64 * 1024;

/** One pass. `consumers` are those of all devices. Returns the number of records that devices lost. */
export function enforceRetention(
  options: RetentionOptions,
  parts: {
    readonly disk: AuditDisk;
    readonly clock: Clock;
    readonly consumers: readonly RetentionConsumer[];
    readonly record: (event: ControlEvent) => void;
  },
): number {
  const { disk, clock, consumers } = parts;
  const all = segmentsOf(disk.list()).flatMap((segment): Candidate[] => {
    const stat = disk.stat(segment.name);
    return stat === undefined ? [] : [{ ...segment, ...stat }];
  });
  let total = all.reduce((sum, { bytes }) => sum + bytes, 0);
  let lost = 0;
  const complete = all.filter((segment) => isComplete(disk, segment, all)).sort((a, b) => a.changedMs - b.changedMs);
  for (const segment of complete) {
    const lagging = consumers.filter((consumer) => !consumer.hasConsumed(segment, segment.bytes, segment.changedMs));
    const tooMuch = total > options.maxBytes;
    const old = clock.wallMs() - segment.changedMs > options.maxAgeMs;
    if (!tooMuch && !(old && lagging.length === 0)) continue;
    if (lagging.length > 0) lost += recordDropped(parts, segment, lagging);
    disk.remove(segment.name);
    total -= segment.bytes;
  }
  return lost;
}

/** Nothing is written to it any more. */
function isComplete(disk: AuditDisk, segment: Candidate, all: readonly Candidate[]): boolean {
  if (all.some((other) => other.stream === segment.stream && other.segment > segment.segment)) return true;
  return segmentTail(disk, segment.name).head?.ended === true;
}

function recordDropped(
  { disk, record }: { readonly disk: AuditDisk; readonly record: (event: ControlEvent) => void },
  segment: Candidate,
  lagging: readonly RetentionConsumer[],
): number {
  const last = segmentTail(disk, segment.name).head?.link.seq;
  if (last === undefined) return 0;
  const first = firstSeq(disk, segment.name) ?? last;
  const from = Math.max(first, Math.min(...lagging.map((consumer) => consumer.settledSeq(segment.stream))) + 1);
  const devices = lagging.map((consumer) => consumer.status().path);
  record({ event: "dropped", stream: segment.stream, fromSeq: from, toSeq: last, devices });
  return last - from + 1;
}

function firstSeq(disk: AuditDisk, name: string): number | undefined {
  const bytes = Buffer.from(disk.read(name, 0, FIRST_LINE_BYTES));
  const end = bytes.indexOf(0x0a);
  return end < 0 ? undefined : parseLink(bytes.toString("utf8", 0, end))?.seq;
}
