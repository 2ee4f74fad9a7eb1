/**
 * What a crash left: streams without an end. Each gets its end here, before any worker of the new process writes, and the
 * bytes of a torn line are counted in it; so a tail that is missing later was taken away, not lost.
 */
import type { Clock } from "@strongroom/runtime";
import { closeLine, NO_RECORD } from "./chain.ts";
import { controlRecord } from "./control-record.ts";
import type { AuditDisk } from "./disk.ts";
import { type SegmentName, segmentsOf } from "./names.ts";
import { segmentTail, streamHead } from "./tail.ts";

export interface RecoveredStream {
  readonly stream: string;
  /** Of its last whole record; 0 for none. */
  readonly seq: number;
  readonly tornBytes: number;
}

/** Ends all streams that have no end. Nobody else may be writing. Throws what the disk says. */
export function recoverStreams(disk: AuditDisk, clock: Clock): readonly RecoveredStream[] {
  const byStream = new Map<string, SegmentName[]>();
  for (const segment of segmentsOf(disk.list())) {
    const segments = byStream.get(segment.stream) ?? [];
    segments.push(segment);
    byStream.set(segment.stream, segments);
  }
  const recovered: RecoveredStream[] = [];
  for (const segments of byStream.values()) {
    const one = recoverStream(disk, segments, clock);
    if (one !== undefined) recovered.push(one);
  }
  return recovered;
}

function recoverStream(disk: AuditDisk, segments: readonly SegmentName[], clock: Clock): RecoveredStream | undefined {
  const last = segments.at(-1);
  if (last === undefined) return undefined;
  const { tornBytes, midLine } = segmentTail(disk, last.name);
  const head = streamHead(disk, segments);
  if (head?.ended === true && tornBytes === 0) return undefined;
  const seq = head?.link.seq ?? 0;
  const time = new Date(Math.floor(clock.wallMs())).toISOString();
  const record = controlRecord(time, {
    event: "end",
    reason: "recovered",
    ...(tornBytes === 0 ? {} : { tornBytes }),
  });
  const line = closeLine(record, { seq: seq + 1, stream: last.stream, prev: head?.hash ?? NO_RECORD });
  const file = disk.open(last.name);
  try {
    file.append(Buffer.from(`${midLine ? "\n" : ""}${line}\n`));
  } finally {
    file.close();
  }
  return { stream: last.stream, seq, tornBytes };
}
