/** The end of a stream's files: its last whole record, and what a crash left behind it. */
import { lineHash, type ParsedLink, parseLink } from "./chain.ts";
import type { AuditDisk } from "./disk.ts";
import type { SegmentName } from "./names.ts";

export interface StreamHead {
  readonly link: ParsedLink;
  /** Of the line. */
  readonly hash: string;
  /** The record says that it is the stream's last. */
  readonly ended: boolean;
}

export interface SegmentTail {
  /** Undefined when the segment has no whole record. */
  readonly head: StreamHead | undefined;
  /** Bytes after the last line break, or lines that are no records. */
  readonly tornBytes: number;
  /** Whether the file ends within a line. */
  readonly midLine: boolean;
}

const STEP_BYTES = 64 * 1024;
const LINE_BREAK = 0x0a;
const ENDED = /"type":"stream","event":"end"/;

/** The head of `segments`, which are one stream's in order; undefined when it has no record at all. */
export function streamHead(disk: AuditDisk, segments: readonly SegmentName[]): StreamHead | undefined {
  for (const { name } of [...segments].reverse()) {
    const { head } = segmentTail(disk, name);
    if (head !== undefined) return head;
  }
  return undefined;
}

/** Reads backwards until a whole record is found. */
export function segmentTail(disk: AuditDisk, name: string): SegmentTail {
  const size = disk.stat(name)?.bytes ?? 0;
  let start = size;
  let bytes: Uint8Array = new Uint8Array(0);
  while (start > 0) {
    const more = Math.min(STEP_BYTES, start);
    start -= more;
    bytes = Buffer.concat([disk.read(name, start, more), bytes]);
    const found = lastRecord(bytes, start === 0);
    if (found === undefined) continue;
    return { head: found.head, tornBytes: bytes.length - found.end, midLine: bytes.at(-1) !== LINE_BREAK };
  }
  return { head: undefined, tornBytes: size, midLine: size > 0 && bytes.at(-1) !== LINE_BREAK };
}

function lastRecord(bytes: Uint8Array, whole: boolean): { head: StreamHead; end: number } | undefined {
  let end = bytes.lastIndexOf(LINE_BREAK);
  while (end >= 0) {
    const before = end === 0 ? -1 : bytes.lastIndexOf(LINE_BREAK, end - 1);
    if (before < 0 && !whole) return undefined;
    const line = bytes.subarray(before + 1, end);
    const head = headOf(line);
    if (head !== undefined) return { head, end: end + 1 };
    end = before;
  }
  return undefined;
}

function headOf(line: Uint8Array): StreamHead | undefined {
  const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString("utf8");
  const link = parseLink(text);
  if (link === undefined || !isJson(text)) return undefined;
  return { link, hash: lineHash(line), ended: ENDED.test(text.slice(0, 200)) };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
