/** How far one member's log has come, as its leader sees it, and what may be sent to it next. */

import type { Index } from "../entry.ts";
import type { Inflights } from "./inflights.ts";

/**
 * Probe: where the logs agree is not known; one append per heartbeat. Replicate: appends are sent ahead of their
 * answers. Snapshot: a snapshot is on its way, nothing else is sent.
 */
export type ProgressState = "StateProbe" | "StateReplicate" | "StateSnapshot";

/** The invariant of all methods: `0 <= match < next`, and in StateSnapshot `next == pendingSnapshot + 1`. */
export class Progress {
  /** The follower's log is known to agree with the leader's up to here, durably. */
  match: Index;
  /** The first index of the next append. All from `match + 1` to `next - 1` is on its way (or lost). */
  next: Index;
  state: ProgressState = "StateProbe";
  /** The index of the snapshot that was sent, in StateSnapshot; 0 otherwise. */
  pendingSnapshot: Index = 0 as Index;
  /** Something was heard of this member since the last quorum check. */
  recentActive: boolean;
  /** Nothing with entries is sent until an answer or a heartbeat's answer comes. */
  appendPaused = false;
  /** A heartbeat went out by the clock: its answer is a reason to send an append, so that lost ones are found out. */
  appendOwed = false;
  isLearner: boolean;
  readonly inflights: Inflights;
  // The highest commit index that was sent and not lost as far as known; saves appends that would tell nothing new.
  #sentCommit: Index = 0 as Index;

  constructor(fields: { match: Index; next: Index; inflights: Inflights; isLearner: boolean; recentActive: boolean }) {
    this.match = fields.match;
    this.next = fields.next;
    this.inflights = fields.inflights;
    this.isLearner = fields.isLearner;
    this.recentActive = fields.recentActive;
  }

  /** Nothing may be sent now. */
  get paused(): boolean {
    return this.state === "StateSnapshot" || this.appendPaused;
  }

  /** Probes from the first index that is not known to agree. After a snapshot, from the one that follows it. */
  becomeProbe(): void {
    const next = this.state === "StateSnapshot" ? Math.max(this.match, this.pendingSnapshot) + 1 : this.match + 1;
    this.#enter("StateProbe");
    this.#rewind(next);
  }

  becomeReplicate(): void {
    this.#enter("StateReplicate");
    this.next = (this.match + 1) as Index;
  }

  /** A snapshot at `index` was sent. */
  becomeSnapshot(index: Index): void {
    this.#enter("StateSnapshot");
    this.pendingSnapshot = index;
    this.next = (index + 1) as Index;
    this.#sentCommit = index;
  }

  /** Notes an append of `entries` entries with `bytes` of payload that starts at `next`. */
  sentEntries(entries: number, bytes: number): void {
    if (this.state === "StateReplicate") {
      if (entries > 0) {
        this.next = (this.next + entries) as Index;
        this.inflights.add((this.next - 1) as Index, bytes);
      }
      // What is sent while the window is full is a probe, one per heartbeat.
      this.appendPaused = this.inflights.full;
    } else if (entries > 0) {
      this.appendPaused = true;
    }
  }

  /** Notes that `commit` was told. */
  sentCommit(commit: Index): void {
    this.#sentCommit = commit;
  }

  /** Whether telling `commit` would move the follower's own commit index, as far as is known. */
  canBumpCommit(commit: Index): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  /** The follower agrees up to `index`. False if that is old news. */
  maybeUpdate(index: Index): boolean {
    if (index <= this.match) return false;
    this.match = index;
    if (this.next <= index) this.next = (index + 1) as Index;
    this.appendPaused = false;
    return true;
  }

  /**
   * The follower refused an append at `rejected` and can match at `matchHint` at most. False if the answer is stale,
   * that is, to something other than what was sent last.
   */
  maybeDecrease(rejected: Index, matchHint: Index): boolean {
    if (this.state === "StateReplicate") {
      if (rejected <= this.match) return false;
      this.#rewind(this.match + 1);
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.#rewind(Math.max(Math.min(rejected, matchHint + 1), this.match + 1));
    this.appendPaused = false;
    return true;
  }

  /** A copy that changes on its own. */
  clone(): Progress {
    const copy = new Progress({
      match: this.match,
      next: this.next,
      inflights: this.inflights.clone(),
      isLearner: this.isLearner,
      recentActive: this.recentActive,
    });
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.appendPaused = this.appendPaused;
    copy.appendOwed = this.appendOwed;
    copy.#sentCommit = this.#sentCommit;
    return copy;
  }

  #enter(state: ProgressState): void {
    this.appendPaused = false;
    this.pendingSnapshot = 0 as Index;
    this.state = state;
    this.inflights.reset();
  }

  #rewind(next: number): void {
    this.next = next as Index;
    this.#sentCommit = Math.min(this.#sentCommit, next - 1) as Index;
  }
}
