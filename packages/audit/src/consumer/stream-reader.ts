/**
 * Reads on in all streams of a node from where a device has come to: whole lines only, stream by stream, each stream in
 * order. A segment is left when the next one exists and nothing more is in it. A stream that gave little is left for the
 * next round: what comes meanwhile is read with it, so that a busy node's records travel in large batches.
 */
import type { AuditDisk } from "../stream/disk.ts";
import { type SegmentName, segmentFile, segmentsOf } from "../stream/names.ts";
import type { Position, Positions } from "./position.ts";

export interface Batch {
  readonly stream: string;
  /** Each with its line break. */
  readonly lines: readonly Uint8Array[];
  /** Where the device is when it has them; its `seq` is that of the position before. */
  readonly position: Position;
}

const CHUNK_BYTES = 256 * 1024;
/** Of a batch that its stream has more behind, perhaps. */
const LARGE_BATCH_BYTES = CHUNK_BYTES / 2;
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const LINE_BREAK = 0x0a;

export class StreamReader {
  readonly #disk: AuditDisk;
  /** Streams that this round has still to come to; undefined between two rounds. */
  #round: string[] | undefined;
  #segments: ReadonlyMap<string, readonly SegmentName[]> = new Map();

  constructor(disk: AuditDisk) {
    this.#disk = disk;
  }

  /** All segments as last listed, by stream, the oldest stream first. */
  get segments(): ReadonlyMap<string, readonly SegmentName[]> {
    return this.#segments;
  }

  /** The next lines of some stream; undefined at the end of a round. */
  async next(positions: Positions): Promise<Batch | undefined> {
    this.#round ??= await this.#list();
    for (let stream = this.#round[0]; stream !== undefined; stream = this.#round[0]) {
      const batch = this.#nextOf(stream, positions.get(stream));
      const large = batch !== undefined && bytesOf(batch) >= LARGE_BATCH_BYTES;
      if (!large) this.#round.shift();
      if (batch !== undefined) return batch;
    }
    this.#round = undefined;
    return undefined;
  }

  async #list(): Promise<string[]> {
    const segments = new Map<string, SegmentName[]>();
    for (const segment of segmentsOf(await this.#disk.listAside())) {
      const known = segments.get(segment.stream);
      if (known === undefined) segments.set(segment.stream, [segment]);
      else known.push(segment);
    }
    this.#segments = segments;
    return [...segments.keys()];
  }

  #nextOf(stream: string, from: Position | undefined): Batch | undefined {
    const segments = this.#segments.get(stream) ?? [];
    const [oldest] = segments;
    if (oldest === undefined) return undefined;
    // What was deleted before it was read is gone: the retention has said so.
    let position = from ?? { segment: oldest.segment, offset: 0, seq: 0 };
    if (position.segment < oldest.segment) position = { segment: oldest.segment, offset: 0, seq: position.seq };
    for (;;) {
      const lines = this.#lines(segmentFile(stream, position.segment), position.offset);
      if (lines.length > 0) {
        const offset = position.offset + bytesOf({ lines });
        return { stream, lines, position: { ...position, offset } };
      }
      const following = segments.find(({ segment }) => segment > position.segment);
      if (following === undefined) return undefined;
      position = { segment: following.segment, offset: 0, seq: position.seq };
    }
  }

  #lines(name: string, offset: number): Uint8Array[] {
    const stat = this.#disk.stat(name);
    if (stat === undefined || stat.bytes <= offset) return [];
    let bytes = this.#disk.read(name, offset, CHUNK_BYTES);
    let end = bytes.lastIndexOf(LINE_BREAK);
    // A line that is longer than a chunk.
    while (end < 0 && bytes.length < Math.min(stat.bytes - offset, MAX_LINE_BYTES)) {
      bytes = this.#disk.read(name, offset, bytes.length + CHUNK_BYTES);
      end = bytes.lastIndexOf(LINE_BREAK);
    }
    const lines: Uint8Array[] = [];
    let start = 0;
    while (start <= end) {
      const next = bytes.indexOf(LINE_BREAK, start) + 1;
      lines.push(bytes.subarray(start, next));
      start = next;
    }
    return lines;
  }
}

function bytesOf({ lines }: Pick<Batch, "lines">): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}
