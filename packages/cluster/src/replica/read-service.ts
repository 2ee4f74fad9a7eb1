/**
 * Batched ReadIndex. One round is under way at a time, as in etcd, and all requests that come meanwhile share the next: a second
 * one beside it would hide a quarter of a round trip and make the batches half as large, which costs more wherever the
 * processor is busy. A number answers only requests that came before it was asked for. Reads get lost (no leader, a message dropped), so what stays unanswered is asked again under a fresh number:
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

export class ReadService {
  readonly #retryMs: number;
  #nextContext: number;
  #waiting: ReadRequest[] = [];
  #round: Round | undefined;

  /** `firstContext`: drawn so that no earlier life of this node used the numbers that follow it. */
  constructor(options: { readonly firstContext: number; readonly retryMs: number }) {
    assert(Number.isSafeInteger(options.firstContext + 2 ** 32), "read contexts must stay safe integers");
    this.#nextContext = options.firstContext;
    this.#retryMs = options.retryMs;
  }

  request(request: ReadRequest): void {
    this.#waiting.push(request);
  }

  /** The number to ask for now, if requests wait and no round is under way. */
  next(nowMs: number): number | undefined {
    if (this.#waiting.length === 0 || this.#round !== undefined) return undefined;
    this.#round = { context: this.#nextContext++, requests: this.#waiting, askedAtMs: nowMs };
    this.#waiting = [];
    return this.#round.context;
  }

  /** Raft's answer: the requests that it answers. None when the number was given up. */
  resolve(context: number): readonly ReadRequest[] {
    const round = this.#round;
    if (round?.context !== context) return [];
    this.#round = undefined;
    return round.requests;
  }

  /** Gives up the round if it is too old. */
  retryOld(nowMs: number): void {
    if (this.#round !== undefined && nowMs - this.#round.askedAtMs >= this.#retryMs) this.retryAll();
  }

  /** Gives up the round: the leader that it was asked of is no more. */
  retryAll(): void {
    if (this.#round === undefined) return;
    this.#waiting = [...this.#round.requests, ...this.#waiting];
    this.#round = undefined;
  }

  removeWorker(worker: number): void {
    const stays = (request: ReadRequest) => request.worker !== worker;
    this.#waiting = this.#waiting.filter(stays);
    if (this.#round !== undefined) this.#round = { ...this.#round, requests: this.#round.requests.filter(stays) };
  }
}
