/**
 * Committed entries on their way through the state machine into the table. A few batches may be under way to the table
 * at once; their order is kept, and raft hears that entries were applied only when the table has them. After an entry
 * that changed the keyring an unsealed node applies nothing until a worker has published the new MAC keys, since it could
 * not tell a true command from a false one.
 */
import type { Entry, Message, MsgStorageApply } from "@strongroom/raft";
import { assert } from "@strongroom/runtime";
import type { ApplyContext, ApplyResult } from "../state/types.ts";
import type { ReplicaStateMachine } from "./state-machine.ts";

export interface StartedBatch {
  readonly token: number;
  readonly result: ApplyResult;
}

export interface FinishedBatch {
  readonly result: ApplyResult;
  /** To be stepped: the whole of a hand-out has been applied. */
  readonly responses: readonly Message[];
}

const MAX_BATCHES = 3;

interface HandOut {
  entries: readonly Entry[];
  readonly responses: readonly Message[];
}

export class ApplyPipeline {
  #state: ReplicaStateMachine;
  readonly #context: ApplyContext;
  #waiting: HandOut[] = [];
  readonly #batches: { readonly token: number; readonly finished: FinishedBatch }[] = [];
  #nextToken = 1;
  #pausedAt: number | undefined;
  #heldAt: number | undefined;

  constructor(state: ReplicaStateMachine, context: ApplyContext) {
    this.#state = state;
    this.#context = context;
  }

  enqueue(message: MsgStorageApply): void {
    this.#waiting.push({ entries: message.entries, responses: message.responses });
  }

  /** Index of the keyring's entry that is waited after; undefined when nothing is waited for. */
  get pausedAt(): number | undefined {
    return this.#pausedAt;
  }

  get isIdle(): boolean {
    return this.#batches.length === 0;
  }

  /** The keys of the keyring at `keyringIndex` are published, or this node was sealed and checks no more. */
  resume(keyringIndex: number): void {
    if (this.#pausedAt !== undefined && keyringIndex >= this.#pausedAt) this.#pausedAt = undefined;
  }

  /** Applies up to `index`, or no further than it has, and then nothing until `release`. Where that is. */
  hold(index: number): number {
    this.#heldAt = Math.max(index, this.#state.appliedIndex);
    return this.#heldAt;
  }

  release(): void {
    this.#heldAt = undefined;
  }

  /** Applies the next hand-out as far as it goes. `isOpen`: this node checks MACs. */
  start(isOpen: boolean): StartedBatch | undefined {
    const handOut = this.#waiting[0];
    if (handOut === undefined || this.#batches.length >= MAX_BATCHES || this.#pausedAt !== undefined) return undefined;
    const heldAt = this.#heldAt;
    const entries = heldAt === undefined ? handOut.entries : handOut.entries.filter((entry) => entry.index <= heldAt);
    if (entries.length === 0 && handOut.entries.length > 0) return undefined;
    const result = this.#state.apply(entries, this.#context);
    assert(result.consumed > 0 || handOut.entries.length === 0, "applying makes progress");
    const whole = result.consumed === handOut.entries.length;
    if (whole) this.#waiting.shift();
    else handOut.entries = handOut.entries.slice(result.consumed);
    if (result.keyringChanged && isOpen) this.#pausedAt = result.appliedIndex;
    const token = this.#nextToken++;
    this.#batches.push({ token, finished: { result, responses: whole ? handOut.responses : [] } });
    return { token, result };
  }

  /** The table has the batch. */
  written(token: number): FinishedBatch {
    const batch = this.#batches.shift();
    assert(batch?.token === token, "batches are written in order");
    this.#state.written();
    return batch.finished;
  }

  /**
   * Another state took the place of this one. What was to be applied is part of it; the answers are due all the same,
   * for raft counts by them what is under way.
   */
  reset(state: ReplicaStateMachine): readonly Message[] {
    assert(this.#batches.length === 0, "the state is replaced when nothing is on its way into the old one");
    const responses = this.#waiting.flatMap((handOut) => handOut.responses);
    this.#waiting = [];
    this.#pausedAt = undefined;
    this.#state = state;
    return responses;
  }
}
