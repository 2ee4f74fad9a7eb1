/**
 * The end of the log that is not known to be durable: entries, and perhaps a snapshot below them. What was handed
 * out to be written is "in progress"; it leaves when its write is acknowledged, unless it was replaced meanwhile.
 */

import type { RaftLogger } from "../config.ts";
import type { Entry, EntryId, Index, Snapshot, Term } from "../entry.ts";
import { fail } from "../errors.ts";

/** `entries[i]` stands at `offset + i`. Invariants: `offset <= offsetInProgress <= offset + entries.length`. */
export class Unstable {
  #offset: number;
  #offsetInProgress: number;
  #entries: Entry[] = [];
  #snapshot: Snapshot | undefined;
  #snapshotInProgress = false;
  readonly #logger: RaftLogger;

  constructor(offset: Index, logger: RaftLogger) {
    this.#offset = offset;
    this.#offsetInProgress = offset;
    this.#logger = logger;
  }

  get offset(): Index {
    return this.#offset as Index;
  }

  get offsetInProgress(): Index {
    return this.#offsetInProgress as Index;
  }

  get length(): number {
    return this.#entries.length;
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** The last index, if there is a snapshot or an entry. */
  lastIndex(): Index | undefined {
    if (this.#entries.length > 0) return (this.#offset + this.#entries.length - 1) as Index;
    return this.#snapshot?.metadata.index;
  }

  /** The term at `index`, if it is here. */
  term(index: Index): Term | undefined {
    if (index < this.#offset)
      return this.#snapshot?.metadata.index === index ? this.#snapshot.metadata.term : undefined;
    return this.#entries[index - this.#offset]?.term;
  }

  /** Entries not yet handed out to be written. The array is the caller's. */
  nextEntries(): readonly Entry[] {
    return this.#entries.slice(this.#offsetInProgress - this.#offset);
  }

  get hasNextEntries(): boolean {
    return this.#entries.length > this.#offsetInProgress - this.#offset;
  }

  /** The snapshot, if it was not yet handed out to be written. */
  nextSnapshot(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.#snapshot;
  }

  /** All that `nextEntries` and `nextSnapshot` gave is being written now. */
  acceptInProgress(): void {
    this.#offsetInProgress = this.#offset + this.#entries.length;
    if (this.#snapshot !== undefined) this.#snapshotInProgress = true;
  }

  /** The log is durable up to `id`. Ignored if the entry at that index is another one by now. */
  stableTo(id: EntryId): void {
    const term = this.term(id.index);
    if (term === undefined) {
      this.#logger.info(`entry at index ${id.index} missing from unstable log; ignoring`);
      return;
    }
    if (id.index < this.#offset) {
      this.#logger.info(`entry at index ${id.index} matched unstable snapshot; ignoring`);
      return;
    }
    if (term !== id.term) {
      this.#logger.info(
        `entry at (index,term)=(${id.index},${id.term}) mismatched with entry at (${id.index},${term}) in unstable log; ignoring`,
      );
      return;
    }
    this.#entries.splice(0, id.index + 1 - this.#offset);
    this.#offset = id.index + 1;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset);
  }

  /** The snapshot at `index` is installed. */
  stableSnapshotTo(index: Index): void {
    if (this.#snapshot?.metadata.index !== index) return;
    this.#snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  /** Replaces all by a snapshot. */
  restore(snapshot: Snapshot): void {
    this.#offset = snapshot.metadata.index + 1;
    this.#offsetInProgress = this.#offset;
    this.#entries = [];
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Appends entries that follow each other; what stands from the first of them on is dropped. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = (entries[0] as Entry).index;
    const end = this.#offset + this.#entries.length;
    if (from > end) fail(`unstable log ends at ${end}, cannot append at ${from}`);
    if (from < end) {
      const what = from <= this.#offset ? "replace the unstable entries from" : "truncate the unstable entries before";
      this.#logger.info(`${what} index ${from}`);
      // What was being written beyond `from` is written again with the new content; its acknowledgement will not match.
      this.#offset = Math.min(this.#offset, from);
      this.#offsetInProgress = Math.min(this.#offsetInProgress, from);
      this.#entries.length = from - this.#offset;
    }
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Entries from `lo` to before `hi`. Both must be within. The array is the caller's. */
  slice(lo: Index, hi: Index): readonly Entry[] {
    if (lo > hi || lo < this.#offset || hi > this.#offset + this.#entries.length) {
      fail(`unstable.slice[${lo},${hi}) is out of [${this.#offset},${this.#offset + this.#entries.length}]`);
    }
    return this.#entries.slice(lo - this.#offset, hi - this.#offset);
  }
}
