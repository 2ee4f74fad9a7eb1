/**
 * What a node's log must hold, kept beside its disk by somebody who heard of every order to write and of every answer. With
 * it, a vote or an acknowledgement that leaves a node can be held against what is durable there, and so can what a recovery
 * finds.
 */
import type { WalContents, WalGroup } from "@strongroom/cluster";
import type { Entry, HardState } from "@strongroom/raft";
import type { Tally } from "./tally.ts";
import { violated } from "./violation.ts";

/** The newest batches, of which the log's format admits that rot in them may look like a torn end. */
const UNVOUCHED_BATCHES = 2;

interface Synced {
  readonly lastIndex: number;
  readonly term: number;
}

export class LogMirror {
  readonly #node: number;
  readonly #tally: Tally;
  /** By index, from `#base + 1` on. */
  #entries: Entry[] = [];
  #base = 0;
  #baseTerm = 0;
  #hardState: HardState | undefined;
  #pending: WalGroup[] = [];
  /** As of the last few syncs, oldest first. */
  #syncs: Synced[] = [];

  constructor(node: number, tally: Tally) {
    this.#node = node;
    this.#tally = tally;
  }

  get lastIndex(): number {
    return this.#base + this.#entries.length;
  }

  get term(): number {
    return this.#hardState?.term ?? 0;
  }

  /** As the process has it, what is still being written included. */
  get volatileTerm(): number {
    let { term } = this;
    for (const { hardState } of this.#pending) term = Math.max(term, hardState?.term ?? 0);
    return term;
  }

  get vote(): number {
    return this.#hardState?.vote ?? 0;
  }

  /** Of the durable entry at `index`; 0 if it was compacted away, undefined if it is not there. */
  termAt(index: number): number | undefined {
    if (index < this.#base) return 0;
    if (index === this.#base) return this.#baseTerm;
    return this.#entries[index - this.#base - 1]?.term;
  }

  /** Of the entry at `index` as the process sees it, what is still being written included. */
  volatileTermAt(index: number): number | undefined {
    for (let i = this.#pending.length - 1; i >= 0; i--) {
      const { entries, installed } = this.#pending[i] as WalGroup;
      const first = entries[0];
      if (first !== undefined && index >= first.index) return entries[index - first.index]?.term;
      if (installed !== undefined && index <= installed.metadata.index) return 0;
    }
    return this.termAt(index);
  }

  /** Whether a change of membership stands above `index`, durable or on its way to the disk. */
  hasConfChangeAbove(index: number): boolean {
    const isOne = (entry: Entry): boolean => entry.index > index && entry.type !== "EntryNormal";
    return this.#entries.some(isOne) || this.#pending.some(({ entries }) => entries.some(isOne));
  }

  append(group: WalGroup): void {
    this.#pending.push(group);
  }

  /** The disk has the oldest groups, up to this token. */
  synced(token: number): void {
    while (this.#pending.length > 0 && (this.#pending[0] as WalGroup).token <= token)
      this.#take(this.#pending.shift() as WalGroup);
  }

  /** A sync is complete; all groups that it covers were told of. */
  batchSynced(): void {
    this.#syncs.push({ lastIndex: this.lastIndex, term: this.term });
    if (this.#syncs.length > UNVOUCHED_BATCHES + 1) this.#syncs.shift();
  }

  /** What the log let go of. */
  cut(below: number): void {
    const count = Math.min(below - 1, this.lastIndex) - this.#base;
    if (count < 512) return;
    this.#baseTerm = this.termAt(this.#base + count) as number;
    this.#entries = this.#entries.slice(count);
    this.#base += count;
  }

  /**
   * Holds a recovered log against what was durable before. `wasDamaged`: bytes were changed; then "forgotten" is returned for
   * the one loss that the format admits. From here on what was recovered is what is durable.
   */
  recovered(contents: WalContents, wasDamaged: boolean): "whole" | "forgotten" {
    const loss = this.#loss(contents);
    if (loss !== undefined) {
      const vouched = this.#syncs[0];
      const lastIndex = contents.base.index + contents.entries.length;
      const admitted =
        wasDamaged &&
        (vouched === undefined || (lastIndex >= vouched.lastIndex && contents.hardState.term >= vouched.term));
      if (!admitted) violated("what was synced is kept", `node ${this.#node} ${loss}`);
      return "forgotten";
    }
    if (this.#pending.length > 0)
      this.#tally.mark(
        contents.base.index + contents.entries.length > this.lastIndex
          ? "unsynced writes kept"
          : "unsynced writes lost",
      );
    this.#base = contents.base.index;
    this.#baseTerm = contents.base.term;
    this.#entries = [...contents.entries];
    this.#hardState = contents.hardState;
    this.#pending = [];
    this.#syncs = [];
    return "whole";
  }

  #loss(contents: WalContents): string | undefined {
    const { hardState, base, entries } = contents;
    const { term, vote } = this;
    if (hardState.term < term) return `came back in term ${hardState.term}, ${term} was synced`;
    if (hardState.term === term && vote !== 0 && hardState.vote !== vote)
      return `came back with a vote for ${hardState.vote} in term ${term}, one for ${vote} was synced`;
    // What was being written may have replaced entries from somewhere on, or all of them.
    let replacedFrom = this.lastIndex + 1;
    for (const { installed, entries: pending } of this.#pending) {
      if (installed !== undefined && base.index >= installed.metadata.index) return undefined;
      if (pending[0] !== undefined) replacedFrom = Math.min(replacedFrom, pending[0].index);
    }
    const end = Math.min(this.lastIndex, replacedFrom - 1);
    if (base.index + entries.length < end) return `came back with a log that ends before ${end}, which was synced`;
    for (let index = Math.max(base.index, this.#base) + 1; index <= end; index++) {
      const found = entries[index - base.index - 1];
      const known = this.#entries[index - this.#base - 1];
      if (found === undefined || known === undefined) return `has a gap at ${index}`;
      if (found.term !== known.term || Buffer.compare(found.data, known.data) !== 0)
        return `came back with another entry at ${index}`;
    }
    return undefined;
  }

  #take({ entries, hardState, installed }: WalGroup): void {
    if (installed !== undefined) {
      this.#base = installed.metadata.index;
      this.#baseTerm = installed.metadata.term;
      this.#entries = [];
    }
    const first = entries[0];
    if (first !== undefined) {
      // What was let go of here is not written again.
      const skip = Math.max(0, this.#base + 1 - first.index);
      this.#entries.length = Math.min(this.#entries.length, Math.max(0, first.index - this.#base - 1));
      for (let i = skip; i < entries.length; i++) this.#entries.push(entries[i] as Entry);
    }
    if (hardState !== undefined) this.#hardState = hardState;
  }
}
