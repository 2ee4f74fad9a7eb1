/**
 * Reads committed entries back out of a log that is in use, beside its writer and without a word to it: for whoever has to
 * judge entries that were stored unjudged. What it is asked for has to be durable already; what the writer adds meanwhile,
 * and what a write under way has left half done, lies behind that and ends the reading.
 */
import type { Entry } from "@strongroom/raft";
import { decodeEntries, decodeHead, decodeInstalled, type EntriesPayload } from "./payload.ts";
import { RECORD_TYPE, type RecordFrame, readRecord } from "./record.ts";
import { segmentName, segmentSequence } from "./segment.ts";
import type { WalDisk } from "./wal-disk.ts";

export type LogFiles = Pick<WalDisk, "list" | "read">;

/**
 * The entries from `from` to `to` in order, as the log's last word on each; it ends early where the log does not have them.
 * `to` is known to be committed. Throws what the disk throws.
 */
export function* readCommitted(
  disk: LogFiles,
  { from, to }: { readonly from: number; readonly to: number },
): Generator<Entry, void, void> {
  const pending = new PendingEntries(from, to);
  let before: RecordFrame | undefined;
  for (const name of segmentsFrom(disk, from)) {
    const bytes = disk.read(name);
    for (let at = 0; ; at += before.bytes) {
      const record = nextRecord(bytes, at, before);
      // What is missing between two segments may have been the last word on what came before it.
      if (record === undefined && at === 0) return;
      if (record === undefined) break;
      before = record;
      if (record.type === RECORD_TYPE.entries) yield* pending.group(decodeEntries(record.payload));
      else if (record.type === RECORD_TYPE.installed)
        pending.installed(decodeInstalled(record.payload).installed.metadata.index);
      if (pending.isDone) return;
    }
  }
  yield* pending.rest();
}

/** The record at `at` if it is the one that follows `before` in the log. */
function nextRecord(bytes: Uint8Array, at: number, before: RecordFrame | undefined): RecordFrame | undefined {
  const record = readRecord(bytes, at);
  if (record === undefined || before === undefined) return record;
  return record.position === before.position + before.bytes && record.chain === before.crc ? record : undefined;
}

/** What may still be overwritten waits until the log calls it committed. */
class PendingEntries {
  readonly #to: number;
  #next: number;
  #entries: Entry[] = [];

  constructor(from: number, to: number) {
    this.#next = from;
    this.#to = to;
  }

  get isDone(): boolean {
    return this.#next > this.#to;
  }

  *group({ entries, hardState }: EntriesPayload): Generator<Entry, void, void> {
    // A group cuts off all from its first entry on; what was given out was committed, which no group overwrites.
    if ((entries[0] as Entry).index < this.#next) this.#entries = [];
    for (const entry of entries) {
      const place = entry.index - this.#next;
      // Below: given out already, or not asked for. Beyond the end: the log lacks what lies between.
      if (place < 0 || place > this.#entries.length) continue;
      this.#entries.length = place;
      this.#entries.push(entry);
    }
    yield* this.#upTo(Math.min(hardState.commit, this.#to));
  }

  /** The log was emptied: what it held above its commit index counts no more. */
  installed(index: number): void {
    this.#entries = [];
    if (index >= this.#next) this.#next = this.#to + 1;
  }

  rest(): Generator<Entry, void, void> {
    return this.#upTo(this.#to);
  }

  *#upTo(index: number): Generator<Entry, void, void> {
    const count = Math.min(this.#entries.length, Math.max(0, index - this.#next + 1));
    const ready = this.#entries.splice(0, count);
    this.#next += ready.length;
    yield* ready;
  }
}

/** Names of the segments that may hold entries from `from` on, oldest first. */
function segmentsFrom(disk: LogFiles, from: number): readonly string[] {
  const sequences = disk
    .list()
    .map(segmentSequence)
    .filter((sequence) => sequence !== undefined)
    .sort((a, b) => b - a);
  const names: string[] = [];
  for (const sequence of sequences) {
    const name = segmentName(sequence);
    names.unshift(name);
    const head = readRecord(disk.read(name), 0);
    if (head?.type === RECORD_TYPE.head && decodeHead(head.payload).base.index < from) break;
  }
  return names;
}
