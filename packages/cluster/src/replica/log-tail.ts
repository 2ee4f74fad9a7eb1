/**
 * The end of the log, in memory: what raft may read without waiting for a disk. It holds entries that are durable in the
 * WAL, from some index on: followers that are a little behind are served from here, those that are further behind get a
 * snapshot. Bounded by bytes and by count; what is given up has been applied.
 */
import {
  CompactedError,
  type ConfState,
  type Entry,
  type HardState,
  type Index,
  type LogStorage,
  type Snapshot,
  type SnapshotMetadata,
  type Term,
  toIndex,
  UnavailableError,
} from "@strongroom/raft";
import { assert } from "@strongroom/runtime";

export interface LogTailLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

export interface LogTailStart {
  readonly hardState: HardState;
  /** As of the applied index: raft applies the changes above it again. */
  readonly confState: ConfState;
  /** The entry before the first of `entries`. */
  readonly base: { readonly index: Index; readonly term: Term };
  readonly entries: readonly Entry[];
}

/** Bytes that an entry costs beyond its data, roughly. */
const ENTRY_COST_BYTES = 96;

const NO_BYTES = new Uint8Array(0);

export class LogTail implements LogStorage {
  readonly #limits: LogTailLimits;
  readonly #start: LogTailStart;
  /** From `#baseIndex + 1` on, without a gap. */
  #entries: Entry[];
  #baseIndex: number;
  #baseTerm: Term;
  #bytes = 0;
  #hardState: HardState;
  #written: SnapshotMetadata;

  /** `written` describes the state as the table has it: what a snapshot sent now would hold at least. */
  constructor(start: LogTailStart, limits: LogTailLimits, written: SnapshotMetadata) {
    this.#start = start;
    this.#limits = limits;
    this.#entries = [...start.entries];
    this.#baseIndex = start.base.index;
    this.#baseTerm = start.base.term;
    this.#hardState = start.hardState;
    this.#written = written;
    for (const entry of start.entries) this.#bytes += cost(entry);
    assert(
      start.entries.every((entry, i) => entry.index === this.#baseIndex + 1 + i),
      "a recovered log has no gap",
    );
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#start.hardState, confState: this.#start.confState };
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get bytes(): number {
    return this.#bytes;
  }

  entries(lo: Index, hi: Index, maxBytes: number): readonly Entry[] {
    if (lo <= this.#baseIndex) throw new CompactedError();
    if (lo > this.lastIndex()) throw new UnavailableError();
    const from = this.#position(lo);
    const end = Math.min(this.#position(hi), this.#entries.length);
    let bytes = 0;
    for (let to = from; to < end; to++) {
      bytes += 16 + (this.#entries[to] as Entry).data.length;
      if (bytes > maxBytes && to > from) return this.#entries.slice(from, to);
    }
    return this.#entries.slice(from, end);
  }

  term(index: Index): Term {
    if (index === this.#baseIndex) return this.#baseTerm;
    if (index < this.#baseIndex) throw new CompactedError();
    const entry = this.#entries[this.#position(index)];
    if (entry === undefined) throw new UnavailableError();
    return entry.term;
  }

  firstIndex(): Index {
    return toIndex(this.#baseIndex + 1);
  }

  lastIndex(): Index {
    return toIndex(this.#baseIndex + this.#entries.length);
  }

  snapshot(): Snapshot {
    const metadata = this.#written;
    assert(metadata.index >= this.#baseIndex, "what was compacted away has been applied and written");
    return { metadata, data: NO_BYTES };
  }

  /** The table goes as far as this now. */
  setWritten(written: SnapshotMetadata): void {
    this.#written = written;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** Durable entries; they replace all from their first index on. */
  append(entries: readonly Entry[]): void {
    // What lies at or below the base was compacted after it was applied: it is the same entry.
    const above = entries.filter((entry) => entry.index > this.#baseIndex);
    const first = above[0];
    if (first === undefined) return;
    const at = this.#position(first.index);
    assert(at <= this.#entries.length, "an append leaves no gap");
    for (const gone of this.#entries.splice(at)) this.#bytes -= cost(gone);
    for (const entry of above) {
      this.#entries.push(entry);
      this.#bytes += cost(entry);
    }
  }

  /** A snapshot took the log's place; it goes on above it. */
  reset(metadata: SnapshotMetadata): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#baseIndex = metadata.index;
    this.#baseTerm = metadata.term;
    this.#written = metadata;
  }

  /** Gives up the oldest entries up to `applied` if there are more than the limits allow, down to half of them. */
  trim(applied: Index): void {
    if (this.#bytes <= this.#limits.maxBytes && this.#entries.length <= this.#limits.maxEntries) return;
    let gone = 0;
    for (const entry of this.#entries) {
      const few = this.#entries.length - gone <= this.#limits.maxEntries / 2;
      if (entry.index > applied || (few && this.#bytes <= this.#limits.maxBytes / 2)) break;
      this.#bytes -= cost(entry);
      this.#baseIndex = entry.index;
      this.#baseTerm = entry.term;
      gone++;
    }
    this.#entries.splice(0, gone);
  }

  #position(index: number): number {
    return index - this.#baseIndex - 1;
  }
}

function cost(entry: Entry): number {
  return entry.data.length + ENTRY_COST_BYTES;
}
