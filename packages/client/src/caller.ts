/**
 * Makes calls until one is answered: at the node that answered last, then at the next, around the list with growing pauses,
 * until the deadline. A write carries one request id through all its tries, so it happens once; if a try may have been done
 * and no later one was answered, the error says so, whatever the last node said.
 */
import { Metadata, status } from "@grpc/grpc-js";
import type { DescMessage, MessageInitShape, MessageShape } from "@strongroom/proto";
import { asError, type Clock, type Random, type Timers } from "@strongroom/runtime";
import type { Channel, UnaryMethod } from "./channel.ts";
import { AbortedError, type CallError, ClientOptionsError, NotCommittedError, OutcomeUnknownError } from "./errors.ts";
import { type Failure, readFailure } from "./failure.ts";
import type { CallOptions, RetryOptions } from "./types.ts";

/** Of several nodes one may hold a call for this part of its time, then the next is asked. */
const TRY_SHARE = 1 / 3;
const TRY_MS_MIN = 1000;
/** With less than this part of the deadline left, and at most so many milliseconds, a try would only cover up what the last one learned. */
const LAST_TRY_SHARE = 0.2;
const LAST_TRY_MS_MAX = 200;

export interface CallerOptions {
  readonly channels: readonly Channel[];
  readonly token: string | undefined;
  readonly namespace: string | undefined;
  readonly deadlineMs: number;
  readonly retry: RetryOptions;
}

export interface CallerParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

export interface CallKind {
  /** Whether the call changes something: then it matters whether a lost try was done. */
  readonly write: boolean;
  /** Whether the token goes with it. */
  readonly authenticated: boolean;
}

export class Caller {
  readonly #options: CallerOptions;
  readonly #parts: CallerParts;
  #preferred: number;
  #closed = false;

  constructor(options: CallerOptions, parts: CallerParts) {
    this.#options = options;
    this.#parts = parts;
    // Many clients with one list of nodes spread over them.
    this.#preferred = parts.random.below(options.channels.length);
  }

  /** Throws a `CallError`. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: UnaryMethod<I, O>,
    request: MessageInitShape<I>,
    kind: CallKind,
    { deadlineMs = this.#options.deadlineMs, signal }: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const { clock } = this.#parts;
    const { channels } = this.#options;
    const endMs = clock.monotonicMs() + deadlineMs;
    const tries = new Tries(kind.write, channels.length, this.#options.retry);
    const metadata = this.#metadata(kind);
    for (;;) {
      if (this.#closed) throw new ClientOptionsError("this client is closed");
      const index = this.#preferred;
      const channel = channels[index] as Channel;
      throwIfAborted(channel.address, signal);
      const remainingMs = Math.max(1, endMs - clock.monotonicMs());
      const tryMs =
        channels.length === 1 ? remainingMs : Math.min(remainingMs, Math.max(TRY_MS_MIN, deadlineMs * TRY_SHARE));
      try {
        return await channel.unary(method, request, { metadata, deadlineWallMs: clock.wallMs() + tryMs, signal });
      } catch (thrown) {
        throwIfAborted(channel.address, signal);
        const failure = readFailure(asError(thrown), channel.address);
        const pauseBoundMs = tries.failed(failure);
        // Another call may have moved on already.
        if (this.#preferred === index) this.#preferred = (index + 1) % channels.length;
        const pauseMs = pauseBoundMs === 0 ? 0 : this.#parts.random.below(Math.ceil(pauseBoundMs) + 1);
        const neededMs = pauseMs + Math.min(LAST_TRY_MS_MAX, deadlineMs * LAST_TRY_SHARE);
        if (clock.monotonicMs() + neededMs >= endMs) throw tries.verdict(failure);
        if (pauseMs > 0) await this.#pause(pauseMs, signal);
      }
    }
  }

  /** Calls under way fail. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const channel of this.#options.channels) channel.close();
  }

  #metadata({ authenticated }: CallKind): Metadata {
    const { token, namespace } = this.#options;
    const metadata = new Metadata();
    if (authenticated && token !== undefined) metadata.set("x-vault-token", token);
    if (authenticated && namespace !== undefined) metadata.set("x-vault-namespace", namespace);
    return metadata;
  }

  #pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const cancel = this.#parts.timers.after(delayMs, finish);
      signal?.addEventListener("abort", finish, { once: true });
    });
  }
}

/** What is known of a call from its tries so far. */
class Tries {
  readonly #write: boolean;
  readonly #channels: number;
  readonly #retry: RetryOptions;
  readonly #sealed = new Set<string>();
  #count = 0;
  #uncertain: Failure | undefined;

  constructor(write: boolean, channels: number, retry: RetryOptions) {
    this.#write = write;
    this.#channels = channels;
    this.#retry = retry;
  }

  /** How long to pause at most before the next try, in milliseconds; throws when there should be none. */
  failed(failure: Failure): number {
    this.#count += 1;
    if (failure.kind === "final") throw this.verdict(failure);
    if (failure.kind === "uncertain") this.#uncertain = failure;
    if (failure.kind === "sealed") this.#sealed.add(failure.error.address);
    else this.#sealed.delete(failure.error.address);
    // A person has to open a node, which no call waits for.
    if (this.#sealed.size === this.#channels) throw this.verdict(failure);
    if (this.#count >= this.#retry.maxTries) throw this.verdict(failure);
    if (this.#count % this.#channels !== 0) return 0;
    const round = Math.min(this.#count / this.#channels, 30);
    return Math.min(this.#retry.maxDelayMs, this.#retry.firstDelayMs * 2 ** (round - 1));
  }

  /**
   * The error that the caller gets when `last` was the last word. A refusal under the same request id is the word on all
   * tries: one that had been done would have been answered alike, and one that is still on its way was proposed on rows
   * that have changed since, or it would be refused itself.
   */
  verdict(last: Failure): CallError {
    if (!this.#write || isRefusal(last)) return last.error;
    if (this.#uncertain === undefined) return last.kind === "clean" ? notCommitted(last.error) : last.error;
    return new OutcomeUnknownError(
      `the write may have happened or not: ${this.#uncertain.error.message}; read, or send it again with the same request id`,
      {
        code: "outcome_unknown",
        address: this.#uncertain.error.address,
        grpcStatus: this.#uncertain.error.grpcStatus,
        recordedAs: this.#uncertain.error.recordedAs,
        cause: last.error,
      },
    );
  }
}

const REFUSALS: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.FAILED_PRECONDITION,
]);

/** A write that no node took, or that was dropped: for the caller that is one and the same. */
function notCommitted(error: CallError): NotCommittedError {
  if (error instanceof NotCommittedError) return error;
  const { address, grpcStatus, recordedAs } = error;
  return new NotCommittedError(error.message, {
    code: "not_committed",
    address,
    grpcStatus,
    recordedAs,
    cause: error,
  });
}

/** Whether a server judged the request itself; not its id, which says nothing of what became of it. */
function isRefusal({ kind, error }: Failure): boolean {
  return kind === "final" && REFUSALS.has(error.grpcStatus) && !error.code.startsWith("idempotency_key_");
}

function throwIfAborted(address: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || !signal.aborted) return;
  throw new AbortedError("the call was aborted", {
    code: "aborted",
    address,
    grpcStatus: status.CANCELLED,
    cause: signal.reason,
  });
}
