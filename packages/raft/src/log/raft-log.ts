/**
 * The log as the core sees it: what the storage holds below, what is not yet durable above, and three positions:
 * `applied <= applying <= committed <= lastIndex`.
 */

import type { RaftLogger } from "../config.ts";
import {
  type Entry,
  type EntryId,
  entriesBytes,
  entryBytes,
  type Index,
  limitBytes,
  type Snapshot,
  type Term,
} from "../entry.ts";
import { fail } from "../errors.ts";
import type { LogStorage } from "./log-storage.ts";
import { Unstable } from "./unstable.ts";

export class RaftLog {
  readonly #storage: LogStorage;
  readonly #logger: RaftLogger;
  readonly unstable: Unstable;
  #committed: Index;
  #applying: Index;
  #applied: Index;
  // Bytes handed out to be applied and not yet applied, and whether that stops more from being handed out.
  readonly #maxApplyingBytes: number;
  #applyingBytes = 0;
  #applyingPaused = false;

  constructor(storage: LogStorage, logger: RaftLogger, maxApplyingBytes: number) {
    this.#storage = storage;
    this.#logger = logger;
    this.#maxApplyingBytes = maxApplyingBytes;
    const first = storage.firstIndex();
    this.unstable = new Unstable((storage.lastIndex() + 1) as Index, logger);
    // What is below the first index was committed and applied, else it would not have been compacted.
    this.#committed = (first - 1) as Index;
    this.#applying = this.#committed;
    this.#applied = this.#committed;
  }

  get committed(): Index {
    return this.#committed;
  }

  get applied(): Index {
    return this.#applied;
  }

  get applying(): Index {
    return this.#applying;
  }

  firstIndex(): Index {
    const snapshot = this.unstable.snapshot;
    return snapshot === undefined ? this.#storage.firstIndex() : ((snapshot.metadata.index + 1) as Index);
  }

  lastIndex(): Index {
    return this.unstable.lastIndex() ?? this.#storage.lastIndex();
  }

  lastId(): EntryId {
    const index = this.lastIndex();
    return { index, term: this.term(index) ?? fail(`the term of the last index ${index} is unknown`) };
  }

  /** The term at `index`; undefined if it was compacted away or is not there yet. */
  term(index: Index): Term | undefined {
    const unstable = this.unstable.term(index);
    if (unstable !== undefined) return unstable;
    // The term of the entry before the first is still known.
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    return this.#storage.term(index);
  }

  /** True if the log holds the entry `id`. */
  matches(id: EntryId): boolean {
    return this.term(id.index) === id.term;
  }

  /** True if a log that ends in `id` holds all that this one may have committed (Raft §5.4.1). */
  isUpToDate(id: EntryId): boolean {
    const ours = this.lastId();
    return id.term > ours.term || (id.term === ours.term && id.index >= ours.index);
  }

  /** Appends entries that follow the last one, or replace the uncommitted end. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.index <= this.#committed)
      fail(`append at ${first.index} would replace committed entries (${this.#committed})`);
    this.unstable.truncateAndAppend(entries);
  }

  /**
   * Appends a leader's entries after `previous`, skipping those that are there, and learns of its commit index. Gives the
   * last index that now agrees with the leader's log, or undefined if `previous` does not match.
   */
  maybeAppend(previous: EntryId, entries: readonly Entry[], leaderCommit: Index): Index | undefined {
    if (!this.matches(previous)) return undefined;
    const last = (previous.index + entries.length) as Index;
    const conflict = this.#findConflict(entries);
    if (conflict !== undefined) {
      if (conflict <= this.#committed) {
        fail(
          `entry ${conflict} conflicts with a committed entry (committed ${this.#committed}): two leaders in one term, or a log that lost entries`,
        );
      }
      const from = conflict - previous.index - 1;
      this.append(from === 0 ? entries : entries.slice(from));
    }
    this.commitTo(Math.min(leaderCommit, last) as Index);
    return last;
  }

  #findConflict(entries: readonly Entry[]): Index | undefined {
    for (const entry of entries) {
      if (this.matches(entry)) continue;
      if (entry.index <= this.lastIndex()) {
        this.#logger.info(
          `found conflict at index ${entry.index} [existing term: ${this.term(entry.index) ?? 0}, conflicting term: ${entry.term}]`,
        );
      }
      return entry.index;
    }
    return undefined;
  }

  /**
   * The highest entry at or below `index` whose term is at most `term`: a log in which the entry at `index` has `term`
   * cannot agree with this one above it. The term is 0 where it is unknown.
   */
  findConflictByTerm(index: Index, term: Term): EntryId {
    for (let at = index; at > 0; at--) {
      const ours = this.term(at);
      if (ours === undefined) return { index: at, term: 0 as Term };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0 as Index, term: 0 as Term };
  }

  /** Moves the commit index forward. Never back. */
  commitTo(index: Index): void {
    if (index <= this.#committed) return;
    if (index > this.lastIndex()) {
      fail(
        `commit index ${index} is beyond the last index ${this.lastIndex()}: the log was corrupted, truncated or lost`,
      );
    }
    this.#committed = index;
  }

  /** Commits up to `id` if that is new and the entry there has this term: older ones commit only below it (Raft §5.4.2). */
  maybeCommit(id: EntryId): boolean {
    if (id.term === 0 || id.index <= this.#committed || !this.matches(id)) return false;
    this.commitTo(id.index);
    return true;
  }

  /** Entries from `from` on, as many as fit in `maxBytes`, at least one. Undefined if they were compacted away. */
  entries(from: Index, maxBytes: number): readonly Entry[] | undefined {
    const last = this.lastIndex();
    if (from > last) return [];
    if (from < this.firstIndex()) return undefined;
    return this.slice(from, (last + 1) as Index, maxBytes);
  }

  /** Entries from `lo` to before `hi` within `maxBytes`. Both must be within the log. */
  slice(lo: Index, hi: Index, maxBytes: number): readonly Entry[] {
    if (lo > hi || lo < this.firstIndex() || hi > this.lastIndex() + 1) {
      fail(`slice[${lo},${hi}) is out of [${this.firstIndex()},${this.lastIndex()}]`);
    }
    if (lo === hi) return [];
    const offset = this.unstable.offset;
    if (lo >= offset) return limitBytes(this.unstable.slice(lo, hi), maxBytes);
    const cut = hi < offset ? hi : offset;
    const stable = this.#storage.entries(lo, cut, maxBytes);
    if (stable[0]?.index !== lo) fail(`the storage gave entry ${stable[0]?.index} for ${lo}`);
    if (hi <= offset || stable.length < cut - lo) return stable;
    const room = maxBytes - entriesBytes(stable);
    const rest = this.unstable.slice(offset, hi);
    if (entryBytes(rest[0] as Entry) > room) return stable;
    return [...stable, ...limitBytes(rest, room)];
  }

  /** Committed entries to apply next. `allowUnstable`: those not known to be durable too. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return [];
    const room = this.#maxApplyingBytes - this.#applyingBytes;
    if (room <= 0) fail(`applying entry bytes (${this.#applyingBytes}) are at their limit, yet not paused`);
    return this.slice((this.#applying + 1) as Index, (this.#maxAppliable(allowUnstable) + 1) as Index, room);
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.unstable.snapshot !== undefined) return false;
    return this.#applying < this.#maxAppliable(allowUnstable);
  }

  // An entry that is not durable here can be lost in a crash, and with it a single voter's answer (etcd #14370).
  #maxAppliable(allowUnstable: boolean): Index {
    if (allowUnstable) return this.#committed;
    return Math.min(this.#committed, this.unstable.offset - 1) as Index;
  }

  /** Entries up to `index`, `bytes` in all, were handed out to be applied. */
  acceptApplying(index: Index, bytes: number, allowUnstable: boolean): void {
    if (index > this.#committed) fail(`applying ${index} is beyond the commit index ${this.#committed}`);
    this.#applying = index;
    this.#applyingBytes += bytes;
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes || index < this.#maxAppliable(allowUnstable);
  }

  /** Entries up to `index`, `bytes` in all, have been applied. */
  appliedTo(index: Index, bytes: number): void {
    if (index > this.#committed || index < this.#applied) {
      fail(`applied ${index} is out of [applied ${this.#applied}, committed ${this.#committed}]`);
    }
    this.#applied = index;
    if (this.#applying < index) this.#applying = index;
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes;
  }

  /** Replaces the log by a snapshot, which is committed. */
  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    this.#logger.info(`log [${this.#describe()}] starts to restore snapshot [index: ${index}, term: ${term}]`);
    this.#committed = index;
    this.unstable.restore(snapshot);
  }

  /** The newest snapshot. Throws `SnapshotTemporarilyUnavailableError`. */
  snapshot(): Snapshot {
    return this.unstable.snapshot ?? this.#storage.snapshot();
  }

  #describe(): string {
    const { offset, offsetInProgress, length } = this.unstable;
    return `committed=${this.#committed}, applied=${this.#applied}, applying=${this.#applying}, unstable.offset=${offset}, unstable.offsetInProgress=${offsetInProgress}, len(unstable.Entries)=${length}`;
  }
}
