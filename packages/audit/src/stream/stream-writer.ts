/**
 * One worker's stream: records in, whole lines out, one write for all that came since the last. Its files are this worker's
 * alone, so what a failed write left behind is cut off again and the chain goes on from the last record that stands; a
 * stream is given up only when even the cutting fails, and the next one begins by naming how far it came.
 */
import type { Clock, Entropy } from "@strongroom/runtime";
import { closeLine, lineHash, NO_RECORD } from "./chain.ts";
import { type ControlEvent, controlRecord, type StreamEnd } from "./control-record.ts";
import type { AuditDisk, AuditFile } from "./disk.ts";
import { segmentFile, segmentsOf, streamName } from "./names.ts";
import { streamHead } from "./tail.ts";

export interface StreamWriterOptions {
  /** Names the node in the stream's first record. */
  readonly node: string;
  readonly worker: string;
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
}

interface OpenStream {
  readonly name: string;
  segment: number;
  file: AuditFile;
  bytes: number;
  openedMs: number;
  /** Of the last record that stands. */
  seq: number;
  prev: string;
}

const BATCH_BYTES = 256 * 1024;
/** What a busy turn has grown beyond this is given back. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const LINE_BREAK = 0x0a;
const NAMED_ENDS = 16;
const NAME_ATTEMPTS = 100;

export class StreamWriter {
  readonly #options: StreamWriterOptions;
  readonly #disk: AuditDisk;
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  #open: OpenStream | undefined;
  #pending: string[] = [];
  /** Of the stream that had to be given up, until its successor has named it. */
  #abandoned: StreamEnd | undefined;
  /** What is being written: each line is encoded once, and hashed where it lies. */
  #batch: Buffer = Buffer.allocUnsafe(BATCH_BYTES);
  #time = { ms: Number.NaN, text: "" };

  constructor(options: StreamWriterOptions, parts: { disk: AuditDisk; clock: Clock; entropy: Entropy }) {
    this.#options = options;
    this.#disk = parts.disk;
    this.#clock = parts.clock;
    this.#entropy = parts.entropy;
  }

  get stream(): string | undefined {
    return this.#open?.name;
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** RFC 3339 in UTC, with milliseconds. */
  time(): string {
    const ms = Math.floor(this.#clock.wallMs());
    if (ms !== this.#time.ms) this.#time = { ms, text: new Date(ms).toISOString() };
    return this.#time.text;
  }

  /** Adds a record, which is its JSON without the closing brace, to the next write. */
  add(open: string): void {
    this.#pending.push(open);
  }

  addControl(event: ControlEvent): void {
    this.add(controlRecord(this.time(), event));
  }

  /**
   * Writes all that was added, by one write. Throws what the disk says; then none of it stands in the stream, and nothing
   * of it is tried again.
   */
  flush(): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    const stream = this.#ready(pending);
    let { seq, prev } = stream;
    let at = 0;
    for (const open of pending) {
      seq++;
      const line = closeLine(open, { seq, stream: stream.name, prev });
      const end = this.#room(at, line.length) + this.#batch.write(line, at);
      prev = lineHash(this.#batch.subarray(at, end));
      this.#batch[end] = LINE_BREAK;
      at = end + 1;
    }
    const bytes = this.#batch.subarray(0, at);
    try {
      stream.file.append(bytes);
    } catch (error) {
      this.#cutBack(stream);
      throw error;
    }
    if (this.#batch.length > BATCH_BYTES_MAX) this.#batch = Buffer.allocUnsafe(BATCH_BYTES);
    stream.bytes += bytes.length;
    stream.seq = seq;
    stream.prev = prev;
    this.#abandoned = undefined;
  }

  /** Resolves when all that was written would survive a loss of power. */
  async sync(): Promise<void> {
    await this.#open?.file.sync();
  }

  /** Writes what is left and the stream's last record. Throws as `flush`. */
  end(): void {
    if (this.#open === undefined && this.#pending.length === 0) return;
    this.addControl({ event: "end", reason: "closed" });
    try {
      this.flush();
    } finally {
      this.#open?.file.close();
      this.#open = undefined;
    }
  }

  /** The stream to write to: the open one, in a new segment where one is due, or a new one that begins with `pending`. */
  #ready(pending: string[]): OpenStream {
    const stream = this.#open;
    if (stream === undefined) {
      const begun = this.#begin();
      pending.unshift(begun.first);
      this.#open = begun.stream;
      return begun.stream;
    }
    const old = this.#clock.monotonicMs() - stream.openedMs >= this.#options.segmentAgeMs;
    if (stream.bytes > 0 && (stream.bytes >= this.#options.segmentBytes || old)) {
      const file = this.#disk.create(segmentFile(stream.name, stream.segment + 1));
      stream.file.close();
      stream.segment++;
      stream.file = file;
      stream.bytes = 0;
      stream.openedMs = this.#clock.monotonicMs();
    }
    return stream;
  }

  #begin(): { stream: OpenStream; first: string } {
    const segments = segmentsOf(this.#disk.list());
    let number = (segments.at(-1)?.number ?? 0) + 1;
    for (let attempt = 1; ; attempt++) {
      const name = streamName(number, this.#entropy);
      try {
        const file = this.#disk.create(segmentFile(name, 1));
        const openedMs = this.#clock.monotonicMs();
        const first = controlRecord(this.time(), {
          event: "start",
          node: this.#options.node,
          worker: this.#options.worker,
          after: this.#ends(segments),
        });
        return { stream: { name, segment: 1, file, bytes: 0, openedMs, seq: 0, prev: NO_RECORD }, first };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt === NAME_ATTEMPTS) throw error;
        number++;
      }
    }
  }

  /** Where the newest streams stand, so that one that lost its end later is found out by those after it. */
  #ends(segments: ReturnType<typeof segmentsOf>): StreamEnd[] {
    const ends: StreamEnd[] = this.#abandoned === undefined ? [] : [this.#abandoned];
    const streams = [...new Set(segments.map(({ stream }) => stream))].reverse();
    for (const stream of streams.slice(0, 4 * NAMED_ENDS)) {
      const head = streamHead(
        this.#disk,
        segments.filter((segment) => segment.stream === stream),
      );
      if (head?.ended === true) ends.push({ stream, seq: head.link.seq, hash: head.hash });
      if (ends.length === NAMED_ENDS) break;
    }
    return ends;
  }

  /** Makes room for a line of `characters`; gives `at`. */
  #room(at: number, characters: number): number {
    const needed = at + 3 * characters + 1;
    if (needed > this.#batch.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#batch.length));
      this.#batch.copy(larger, 0, 0, at);
      this.#batch = larger;
    }
    return at;
  }

  #cutBack(stream: OpenStream): void {
    try {
      stream.file.truncate(stream.bytes);
      if (stream.seq > 0) return;
      // Not even the first record stands: the next attempt begins anew.
      this.#disk.remove(segmentFile(stream.name, stream.segment));
    } catch {
      // What stands there is not known. It is ended as a crash's leavings are, when the node next starts.
      if (stream.seq > 0) this.#abandoned = { stream: stream.name, seq: stream.seq, hash: stream.prev };
    }
    stream.file.close();
    this.#open = undefined;
  }
}
