/**
 * A worker's sequences. Each command carries the lowest sequence that is still open, below which the state machine may
 * forget; a sequence stays open until its verdict has come or it is known never to be committed, whatever its client was
 * told meanwhile, for a resent command must never be taken for a new one.
 */
import { assert } from "@strongroom/runtime";
import type { Verdict } from "@strongroom/storage";
import type { NotCommittedReason } from "./messages.ts";

/** The state machine keeps this many verdicts of a proposer, so no more may be open. */
export const SEQUENCE_WINDOW = 1_024;

export interface Waiting {
  verdict(verdict: Verdict): void;
  notCommitted(reason: NotCommittedReason): void;
  unknown(): void;
}

export class OpenCommits {
  /** Insertion order is ascending; the waiting part is undefined once its client was told something final. */
  readonly #open = new Map<number, Waiting | undefined>();
  #next = 1;

  /** Whether another sequence may be opened now. */
  get hasRoom(): boolean {
    return this.#next < this.floor + SEQUENCE_WINDOW;
  }

  /** The lowest open sequence; the next one if none is open. */
  get floor(): number {
    for (const sequence of this.#open.keys()) return sequence;
    return this.#next;
  }

  open(waiting: Waiting): number {
    assert(this.hasRoom, "the window of sequences has room");
    const sequence = this.#next++;
    this.#open.set(sequence, waiting);
    return sequence;
  }

  /** The client waits no more; the sequence stays open. */
  abandon(sequence: number): void {
    if (this.#open.has(sequence)) this.#open.set(sequence, undefined);
  }

  /** It was never posted: a gap among the sequences, like any that was never committed. */
  cancel(sequence: number): void {
    this.#open.delete(sequence);
  }

  verdict(sequence: number, verdict: Verdict): void {
    const waiting = this.#open.get(sequence);
    this.#open.delete(sequence);
    waiting?.verdict(verdict);
  }

  notCommitted(sequence: number, reason: NotCommittedReason): void {
    const waiting = this.#open.get(sequence);
    this.#open.delete(sequence);
    waiting?.notCommitted(reason);
  }

  unknown(sequence: number): void {
    const waiting = this.#open.get(sequence);
    this.abandon(sequence);
    waiting?.unknown();
  }

  /** The replica is gone: nobody will ever know here. */
  endAll(): void {
    for (const waiting of this.#open.values()) waiting?.unknown();
    this.#open.clear();
  }
}
