/** A log storage in memory: for tests, for the simulator, and as the cache in front of a disk. */

import {
  type ConfState,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  type HardState,
  type Index,
  limitBytes,
  type Snapshot,
  type Term,
} from "../entry.ts";
import { CompactedError, fail, SnapshotOutOfDateError, UnavailableError } from "../errors.ts";
import type { LogStorage } from "./log-storage.ts";

const EMPTY_SNAPSHOT: Snapshot = {
  metadata: { index: 0 as Index, term: 0 as Term, confState: EMPTY_CONF_STATE },
  data: new Uint8Array(0),
};

/** The log from just above some index whose term is kept, and the newest snapshot, which is at that index or above. */
export class MemoryLogStorage implements LogStorage {
  #hardState: HardState = EMPTY_HARD_STATE;
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  // The entry before the first kept one: compacted away, but its term still answers whether logs match there.
  #baseIndex = 0;
  #baseTerm: Term = 0 as Term;
  #entries: Entry[] = [];

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState };
  }

  entries(lo: Index, hi: Index, maxBytes: number): readonly Entry[] {
    if (lo <= this.#baseIndex) throw new CompactedError();
    if (lo > this.lastIndex()) throw new UnavailableError();
    if (hi > this.lastIndex() + 1) fail(`entries up to ${hi} were asked for, the last index is ${this.lastIndex()}`);
    const from = this.#baseIndex + 1;
    return limitBytes(this.#entries.slice(lo - from, hi - from), maxBytes);
  }

  term(index: Index): Term {
    if (index < this.#baseIndex) throw new CompactedError();
    if (index === this.#baseIndex) return this.#baseTerm;
    const entry = this.#entries[index - this.#baseIndex - 1];
    if (entry === undefined) throw new UnavailableError();
    return entry.term;
  }

  firstIndex(): Index {
    return (this.#baseIndex + 1) as Index;
  }

  lastIndex(): Index {
    return (this.#baseIndex + this.#entries.length) as Index;
  }

  snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Replaces the hard state. */
  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /**
   * Appends entries, which must follow each other; from the first of them on, what was there before is dropped. Those
   * that were compacted away already are skipped. A gap is a `RaftInvariantError`.
   */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const skip = Math.max(0, this.#baseIndex + 1 - first.index);
    if (skip >= entries.length) return;
    const keep = first.index + skip - this.#baseIndex - 1;
    if (keep > this.#entries.length) fail(`missing log entries: last is ${this.lastIndex()}, append at ${first.index}`);
    this.#entries.length = keep;
    for (let i = skip; i < entries.length; i++) this.#entries.push(entries[i] as Entry);
  }

  /** Replaces the whole log by a snapshot. Throws `SnapshotOutOfDateError` unless it is newer than the present one. */
  applySnapshot(snapshot: Snapshot): void {
    if (this.#snapshot.metadata.index >= snapshot.metadata.index) throw new SnapshotOutOfDateError();
    this.#snapshot = snapshot;
    this.#baseIndex = snapshot.metadata.index;
    this.#baseTerm = snapshot.metadata.term;
    this.#entries = [];
  }

  /** Notes the state machine's state at `index`, which must be in the log. Compacts nothing. Throws `SnapshotOutOfDateError`. */
  createSnapshot(index: Index, confState: ConfState, data: Uint8Array): Snapshot {
    if (index <= this.#snapshot.metadata.index) throw new SnapshotOutOfDateError();
    if (index > this.lastIndex()) fail(`snapshot at ${index} is out of bound, the last index is ${this.lastIndex()}`);
    this.#snapshot = { metadata: { index, term: this.term(index), confState }, data };
    return this.#snapshot;
  }

  /** Drops all entries up to and including `index`. Throws `CompactedError` if they are gone already. */
  compact(index: Index): void {
    if (index <= this.#baseIndex) throw new CompactedError();
    if (index > this.lastIndex()) fail(`compact to ${index} is out of bound, the last index is ${this.lastIndex()}`);
    this.#baseTerm = this.term(index);
    this.#entries.splice(0, index - this.#baseIndex);
    this.#baseIndex = index;
  }
}
