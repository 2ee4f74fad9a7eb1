/**
 * The log as its records tell it, one after the other. Each method checks what a sound log keeps true, so that a record
 * whose checksum is right but whose place is wrong is found too. Throws `WalDamage`.
 */
import { EMPTY_HARD_STATE, type Entry, type HardState, toIndex, toTerm } from "@strongroom/raft";
import type { EntriesPayload, HeadPayload, InstalledPayload } from "./payload.ts";
import type { InstalledSnapshot, WalBase, WalIdentity } from "./types.ts";

/** Why the log cannot be believed. Becomes the `reason` of a recovery; never leaves it as an error. */
export class WalDamage extends Error {}

export class RecoveredLog {
  #identity: WalIdentity | undefined;
  #hardState: HardState = EMPTY_HARD_STATE;
  #installed: InstalledSnapshot | undefined;
  #base: WalBase = { index: toIndex(0), term: toTerm(0) };
  #entries: Entry[] = [];

  get identity(): WalIdentity | undefined {
    return this.#identity;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get installed(): InstalledSnapshot | undefined {
    return this.#installed;
  }

  get base(): WalBase {
    return this.#base;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get lastIndex(): number {
    return this.#entries.at(-1)?.index ?? this.#base.index;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#base.term;
  }

  /** The first head is where the log begins; a later one must say what the records before it said. */
  head(head: HeadPayload): void {
    if (this.#identity === undefined) {
      this.#hardState = head.hardState;
      this.#installed = head.installed;
      this.#base = head.base;
    } else {
      check(head.identity.nodeId === this.#identity.nodeId, "a segment belongs to another node");
      check(sameHardState(head.hardState, this.#hardState), "a segment's head has another hard state than the log");
      check(head.base.index === this.lastIndex, "a segment does not begin where the one before it ends");
      check(head.base.term === this.lastTerm, "a segment begins after an entry of another term");
      check(head.installed?.generation === this.#installed?.generation, "a segment's head has another snapshot");
    }
    this.#identity = head.identity;
    check(this.#hardState.commit <= this.lastIndex, "the commit index lies past the last entry");
  }

  group(payload: EntriesPayload): void {
    const { entries, previousTerm } = payload;
    const first = entries[0] as Entry;
    check(first.index > this.#hardState.commit, "a committed entry is overwritten");
    check(first.index <= this.lastIndex + 1, "there is a gap between entries");
    if (first.index <= this.#base.index) {
      // What the missing, older segments held above `first` was given up when this group was written.
      this.#base = { index: toIndex(first.index - 1), term: toTerm(previousTerm) };
      this.#entries = [];
    }
    this.#entries.length = first.index - 1 - this.#base.index;
    check(this.lastTerm === previousTerm, "entries follow an entry of another term");
    for (const entry of entries) {
      check(entry.term >= this.lastTerm, "an entry's term is lower than that of the entry before it");
      this.#entries.push(entry);
    }
    this.state(payload.hardState);
    check(this.lastTerm <= this.#hardState.term, "an entry's term is higher than the node's");
  }

  state(hardState: HardState): void {
    check(hardState.term >= this.#hardState.term, "the term falls");
    check(hardState.commit >= this.#hardState.commit, "the commit index falls");
    check(hardState.commit <= this.lastIndex, "the commit index lies past the last entry");
    this.#hardState = hardState;
  }

  install(payload: InstalledPayload): void {
    const { index, term } = payload.installed.metadata;
    check(index >= this.#hardState.commit, "a snapshot lies below the commit index");
    this.#base = { index, term };
    this.#entries = [];
    this.#installed = payload.installed;
    this.state(payload.hardState);
  }
}

function check(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new WalDamage(reason);
}

function sameHardState(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}
