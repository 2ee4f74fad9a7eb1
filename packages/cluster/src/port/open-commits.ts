/**
 * A worker's sequences. Each command carries the lowest sequence that is still open, below which the state machine runs
 * nothing more and may forget. A sequence is open until its end is known; until its client was told that it is not, since then
 * nobody waits for it; or until the replica has given it up and the floor is to pass it, so that its end becomes known.
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
  /** Passed by the floor; their clients still wait. */
  readonly #givenUp = new Map<number, Waiting>();
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

  /** The client waits no more; the sequence stays open until the replica says that its time is over. */
  abandon(sequence: number): void {
    if (this.#open.has(sequence)) this.#open.set(sequence, undefined);
    this.#givenUp.delete(sequence);
  }

  /** The floor passes it. True if a client waits for what the next command will tell. */
  giveUp(sequence: number): boolean {
    const waiting = this.#open.get(sequence);
    this.#open.delete(sequence);
    if (waiting === undefined) return false;
    this.#givenUp.set(sequence, waiting);
    return true;
  }

  /** It was never posted: a gap among the sequences, like any that was never committed. */
  cancel(sequence: number): void {
    this.#open.delete(sequence);
  }

  verdict(sequence: number, verdict: Verdict): void {
    this.#take(sequence)?.verdict(verdict);
  }

  notCommitted(sequence: number, reason: NotCommittedReason): void {
    this.#take(sequence)?.notCommitted(reason);
  }

  /** A verdict that comes after all has nobody to go to. */
  unknown(sequence: number): void {
    this.#take(sequence)?.unknown();
  }

  /** The replica is gone: nobody will ever know here. */
  endAll(): void {
    for (const waiting of [...this.#open.values(), ...this.#givenUp.values()]) waiting?.unknown();
    this.#open.clear();
    this.#givenUp.clear();
  }

  #take(sequence: number): Waiting | undefined {
    const waiting = this.#open.get(sequence) ?? this.#givenUp.get(sequence);
    this.#open.delete(sequence);
    if (this.#givenUp.size > 0) this.#givenUp.delete(sequence);
    return waiting;
  }
}
