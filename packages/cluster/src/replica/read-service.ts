/**
 * Batched ReadIndex. All requests of a turn share one number; a number answers only requests that came before it was
 * asked for. Reads get lost (no leader, a message dropped), so what stays unanswered is asked again under a fresh number:
 * reusing one would let an old answer confirm a new read.
 */
import { assert } from "@strongroom/runtime";

export interface ReadRequest {
  readonly worker: number;
  readonly id: number;
}

interface Round {
  readonly context: number;
  readonly requests: ReadRequest[];
  readonly askedAtMs: number;
}

/** Rounds under way at once. The second hides the round trip of the first; more would only make batches smaller. */
const MAX_ROUNDS = 2;

export class ReadService {
  readonly #retryMs: number;
  #nextContext: number;
  #waiting: ReadRequest[] = [];
  #rounds: Round[] = [];

  /** `firstContext`: drawn so that no earlier life of this node used the numbers that follow it. */
  constructor(options: { readonly firstContext: number; readonly retryMs: number }) {
    assert(Number.isSafeInteger(options.firstContext + 2 ** 32), "read contexts must stay safe integers");
    this.#nextContext = options.firstContext;
    this.#retryMs = options.retryMs;
  }

  request(request: ReadRequest): void {
    this.#waiting.push(request);
  }

  /** The number to ask for now, if requests wait and a round is free. */
  next(nowMs: number): number | undefined {
    if (this.#waiting.length === 0 || this.#rounds.length >= MAX_ROUNDS) return undefined;
    const round = { context: this.#nextContext++, requests: this.#waiting, askedAtMs: nowMs };
    this.#rounds.push(round);
    this.#waiting = [];
    return round.context;
  }

  /** Raft's answer: the requests that it answers. None when the number was given up. */
  resolve(context: number): readonly ReadRequest[] {
    const index = this.#rounds.findIndex((round) => round.context === context);
    return index < 0 ? [] : (this.#rounds.splice(index, 1)[0]?.requests ?? []);
  }

  /** Gives up rounds that are too old. */
  retryOld(nowMs: number): void {
    this.#giveUp((round) => nowMs - round.askedAtMs >= this.#retryMs);
  }

  /** Gives up every round: the leader that they were asked of is no more. */
  retryAll(): void {
    this.#giveUp(() => true);
  }

  removeWorker(worker: number): void {
    const stays = (request: ReadRequest) => request.worker !== worker;
    this.#waiting = this.#waiting.filter(stays);
    this.#rounds = this.#rounds.map((round) => ({ ...round, requests: round.requests.filter(stays) }));
  }

  #giveUp(which: (round: Round) => boolean): void {
    const lost = this.#rounds.filter(which);
    if (lost.length === 0) return;
    this.#rounds = this.#rounds.filter((round) => !lost.includes(round));
    this.#waiting = [...lost.flatMap((round) => round.requests), ...this.#waiting];
  }
}
