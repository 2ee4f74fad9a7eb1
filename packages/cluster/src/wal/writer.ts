/**
 * The log's logic without a disk: groups and completions go in, batches of file operations come out. All groups that
 * arrived while a batch was under way are the next batch, which ends in one sync; two batches at most are under way, so
 * that the disk finds the second waiting when it has finished the first.
 */
import { type Entry, type HardState, type Index, toIndex, toTerm } from "@strongroom/raft";
import { assert, present } from "@strongroom/runtime";
import type { WalOperation } from "./operations.ts";
import { encodeEntriesInto, encodeHardState, encodeInstalled, entriesPayloadBytes, entryBytes } from "./payload.ts";
import { RECORD_HEADER_BYTES, RECORD_TYPE, type RecordType, recordBytes, sealRecord } from "./record.ts";
import {
  encodeHeadRecord,
  makeSegment,
  NEXT_SEGMENT,
  RECORD_TARGET_BYTES,
  SEGMENT_BYTES,
  segmentName,
} from "./segment.ts";
import { TermMap } from "./term-map.ts";
import type { InstalledSnapshot, WalContents, WalGroup, WalIdentity, WalSegment } from "./types.ts";

export interface WalWriterOptions {
  /** Bytes of an ordinary segment, a multiple of eight; 16 MiB unless told. */
  readonly segmentBytes?: number;
  /** Zeros written to the next segment in one go, behind a batch; 1 MiB unless told. */
  readonly preparationBytes?: number;
}

export interface WalBatch {
  readonly operations: readonly WalOperation[];
  /** What can wait until the batch was reported as done: the next segment's zeros, segments to remove. */
  readonly afterwards: readonly WalOperation[];
}

interface InFlight {
  readonly tokens: readonly number[];
  /** The end of the stream with this batch in it. */
  readonly end: number;
  readonly syncs: boolean;
}

const MAX_IN_FLIGHT = 2;

export class WalWriter {
  readonly #segmentBytes: number;
  readonly #preparationBytes: number;
  readonly #identity: WalIdentity;
  readonly #terms: TermMap;
  #hardState: HardState;
  #installed: InstalledSnapshot | undefined;
  /** Oldest first, with the place of each one's head in the stream. */
  #segments: (WalSegment & { readonly position: number })[];
  #fileBytes: number;
  #used: number;
  #position: number;
  #chain: number;
  #synced: number;
  #prepared = 0;
  #cutBelow = 0;
  #pending: WalGroup[] = [];
  #inFlight: InFlight[] = [];
  #run: WriteRun | undefined;
  /** Of the batch being encoded, so that its buffer is allocated once. */
  #expectedBytes = 0;

  constructor(contents: WalContents, options: WalWriterOptions = {}) {
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#preparationBytes = options.preparationBytes ?? RECORD_TARGET_BYTES;
    assert(this.#segmentBytes % 8 === 0 && this.#segmentBytes > 0, "a segment's size is a multiple of eight");
    const { resume } = contents;
    this.#identity = contents.identity;
    this.#hardState = contents.hardState;
    this.#installed = contents.installed;
    this.#terms = new TermMap(contents.base);
    for (const entry of contents.entries) this.#terms.push(entry.term);
    this.#segments = resume.segments.map((segment) => ({ ...segment, position: 0 }));
    this.#fileBytes = resume.segmentBytes;
    this.#used = resume.usedBytes;
    this.#position = resume.position;
    this.#chain = resume.chain;
    // Recovery has synced all that it kept.
    this.#synced = resume.position;
  }

  append(group: WalGroup): void {
    this.#pending.push(group);
  }

  /** Segments whose entries all lie below `below` may go. */
  cut(below: Index): void {
    this.#cutBelow = Math.max(this.#cutBelow, below);
  }

  /** Nothing is waiting and nothing under way. */
  get idle(): boolean {
    return this.#pending.length === 0 && this.#inFlight.length === 0;
  }

  /** What to do next, if there is anything and less than two batches are under way. Carry it out in the order given. */
  nextBatch(): WalBatch | undefined {
    if (this.#inFlight.length >= MAX_IN_FLIGHT) return undefined;
    const removals = this.#removableSegments();
    if (this.#pending.length === 0 && removals.length === 0) return undefined;
    const groups = this.#pending;
    this.#pending = [];
    const operations: WalOperation[] = [];
    let syncs = false;
    this.#expectedBytes = expectedBytes(groups);
    for (const group of groups) syncs = this.#encodeGroup(group, operations) || syncs;
    this.#endRun(operations);
    if (syncs) operations.push({ type: "sync", name: this.#currentName() });
    const afterwards = this.#preparation();
    for (const name of removals) afterwards.push({ type: "remove", name });
    this.#inFlight.push({ tokens: groups.map((group) => group.token), end: this.#position, syncs });
    return { operations, afterwards };
  }

  /** The oldest batch under way was carried out. Returns the tokens of its groups. */
  batchDone(): readonly number[] {
    const batch = present(this.#inFlight.shift(), "a batch is under way");
    // A rotation in a later batch may have moved it further already.
    if (batch.syncs) this.#synced = Math.max(this.#synced, batch.end);
    return batch.tokens;
  }

  /** Returns whether the group must be synced: a commit index alone need not be, since entries bring it along. */
  #encodeGroup(group: WalGroup, operations: WalOperation[]): boolean {
    const before = this.#hardState;
    const after = group.hardState ?? before;
    assert(after.term >= before.term && after.commit >= before.commit, "term and commit do not fall");
    if (group.installed !== undefined) this.#encodeInstalled(group.installed, after, operations);
    for (const chunk of chunksOf(group.entries)) this.#encodeEntries(chunk, after, operations);
    assert(after.commit <= this.#terms.lastIndex, "what is committed is in the log");
    const { term, vote, commit } = this.#hardState;
    if (term !== after.term || vote !== after.vote || commit !== after.commit) {
      this.#write(RECORD_TYPE.hardState, encodeHardState(after), operations);
      this.#hardState = after;
    }
    const voted = after.term !== before.term || after.vote !== before.vote;
    return voted || group.entries.length > 0 || group.installed !== undefined;
  }

  #encodeInstalled(installed: InstalledSnapshot, after: HardState, operations: WalOperation[]): void {
    const { index, term } = installed.metadata;
    assert(index >= this.#hardState.commit, "a snapshot is installed only above the commit index");
    const hardState = { ...after, commit: index };
    this.#write(RECORD_TYPE.installed, encodeInstalled({ hardState, installed }), operations);
    this.#hardState = hardState;
    this.#installed = installed;
    this.#terms.reset({ index, term });
  }

  /** Each record states a commit index that its own entries cover, so that any whole number of records is a sound log. */
  #encodeEntries(chunk: Chunk, after: HardState, operations: WalOperation[]): void {
    const { entries } = chunk;
    const first = (entries[0] as Entry).index;
    assert(first > this.#hardState.commit, "committed entries are not overwritten");
    assert(first > this.#terms.baseIndex && first <= this.#terms.lastIndex + 1, "entries continue the log");
    const previousTerm = this.#terms.at(first - 1);
    const payloadBytes = entriesPayloadBytes(chunk.bytes);
    // A new segment's head repeats what the log says so far, so it comes before the entries are counted in.
    this.#reserve(payloadBytes, operations);
    this.#terms.truncateAfter(first - 1);
    for (const entry of entries) {
      assert(entry.index === this.#terms.lastIndex + 1, "entries are contiguous");
      this.#terms.push(entry.term);
    }
    const commit = Math.max(this.#hardState.commit, Math.min(after.commit, this.#terms.lastIndex));
    this.#hardState = { ...after, commit: toIndex(commit) };
    this.#place(RECORD_TYPE.entries, payloadBytes, (buffer, offset) =>
      encodeEntriesInto(buffer, offset, { hardState: this.#hardState, previousTerm, entries }),
    );
  }

  /** The caller changes the writer's own state afterwards: a new segment's head repeats what the log says so far. */
  #write(type: RecordType, payload: Uint8Array, operations: WalOperation[]): void {
    this.#reserve(payload.length, operations);
    this.#place(type, payload.length, (buffer, offset) => buffer.set(payload, offset));
  }

  /** Makes sure that a record of this size fits into the current segment, going on to the next one if it does not. */
  #reserve(payloadBytes: number, operations: WalOperation[]): void {
    const bytes = recordBytes(payloadBytes);
    if (this.#used + bytes > this.#fileBytes) this.#rotate(bytes, operations);
  }

  #place(type: RecordType, payloadBytes: number, fill: (buffer: Uint8Array, offset: number) => void): void {
    const bytes = recordBytes(payloadBytes);
    this.#run ??= new WriteRun(this.#used, this.#expectedBytes);
    const at = this.#run.extend(bytes);
    fill(this.#run.buffer, at + RECORD_HEADER_BYTES);
    const record = { type, payloadBytes, chain: this.#chain, position: this.#position, synced: this.#synced };
    this.#chain = sealRecord(this.#run.buffer, at, record);
    this.#position += bytes;
    this.#used += bytes;
  }

  #endRun(operations: WalOperation[]): void {
    if (this.#run === undefined) return;
    operations.push({
      type: "write",
      name: this.#currentName(),
      offset: this.#run.fileOffset,
      bytes: this.#run.written(),
    });
    this.#run = undefined;
  }

  /**
   * The old segment is durable to its end before the new one has its name, and the new one has its head before it has its
   * name: so a segment without a head, and a hole before one, are never the trace of a crash.
   */
  #rotate(recordToFit: number, operations: WalOperation[]): void {
    this.#endRun(operations);
    operations.push({ type: "sync", name: this.#currentName() });
    const sequence = (this.#segments.at(-1) as WalSegment).sequence + 1;
    const base = { index: toIndex(this.#terms.lastIndex), term: toTerm(this.#terms.lastTerm) };
    const position = this.#position;
    this.#synced = position;
    const payload = {
      identity: this.#identity,
      sequence,
      base,
      hardState: this.#hardState,
      installed: this.#installed,
    };
    const head = encodeHeadRecord(payload, { chain: this.#chain, position });
    this.#fileBytes = Math.max(this.#segmentBytes, head.bytes.length + recordToFit);
    operations.push(...makeSegment({ sequence, head: head.bytes, zeroed: this.#prepared, fileBytes: this.#fileBytes }));
    this.#prepared = 0;
    this.#segments.push({ sequence, firstIndex: base.index + 1, position });
    this.#chain = head.crc;
    this.#used = head.bytes.length;
    this.#position += head.bytes.length;
  }

  /** The next segment is filled in step with the use of this one, half as fast again, so that no group waits for it. */
  #preparation(): WalOperation[] {
    const due = Math.min(this.#segmentBytes, this.#used * 1.5 + this.#preparationBytes);
    if (this.#prepared >= due) return [];
    const bytes = Math.min(this.#preparationBytes, this.#segmentBytes - this.#prepared);
    const offset = this.#prepared;
    this.#prepared += bytes;
    return [
      { type: "zero", name: NEXT_SEGMENT, offset, bytes },
      { type: "sync", name: NEXT_SEGMENT },
    ];
  }

  /** A segment goes when the next one holds all that may still be needed, durably. */
  #removableSegments(): string[] {
    const names: string[] = [];
    for (let next = this.#segments[1]; next !== undefined; next = this.#segments[1]) {
      if (next.firstIndex > this.#cutBelow || next.position >= this.#synced) break;
      names.push(segmentName((this.#segments.shift() as WalSegment).sequence));
    }
    this.#terms.compact(Math.min(this.#cutBelow, this.#hardState.commit));
    return names;
  }

  #currentName(): string {
    return segmentName((this.#segments.at(-1) as WalSegment).sequence);
  }
}

interface Chunk {
  readonly entries: readonly Entry[];
  /** As `entryBytes` counts them. */
  readonly bytes: number;
}

/** The entries of one group as those of its records: each as long as the target allows, and one entry at least. */
function chunksOf(entries: readonly Entry[]): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) {
    const more = entryBytes(entries[i] as Entry);
    if (i > start && bytes + more > RECORD_TARGET_BYTES) {
      chunks.push({ entries: entries.slice(start, i), bytes });
      start = i;
      bytes = 0;
    }
    bytes += more;
  }
  if (start < entries.length) chunks.push({ entries: start === 0 ? entries : entries.slice(start), bytes });
  return chunks;
}

const GROUP_OVERHEAD_BYTES = 128;

function expectedBytes(groups: readonly WalGroup[]): number {
  let bytes = 0;
  for (const group of groups) {
    bytes += GROUP_OVERHEAD_BYTES;
    for (const entry of group.entries) bytes += entryBytes(entry);
  }
  return bytes;
}

/** Records that stand side by side in one file and are written together. */
class WriteRun {
  readonly fileOffset: number;
  #buffer: Uint8Array;
  #length = 0;

  constructor(fileOffset: number, capacity: number) {
    this.fileOffset = fileOffset;
    this.#buffer = new Uint8Array(capacity);
  }

  /** Zero where nothing was written. */
  get buffer(): Uint8Array {
    return this.#buffer;
  }

  /** Makes room for `bytes` more and returns where they begin. */
  extend(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(this.#length * 2);
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    return at;
  }

  written(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}
