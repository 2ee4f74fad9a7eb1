/** Asks the core on a call's behalf: what every service of this door does the same way. */
import type { Metadata } from "@grpc/grpc-js";
import { type Core, type CoreRequest, type CoreResult, randomUuid } from "@strongroom/core";
import type { Clock, Entropy } from "@strongroom/runtime";
import { namespaceOf, refuseWrapping, tokenOf } from "./call-metadata.ts";

/** What a handler sees of a call. */
export interface Call {
  readonly id: string;
  readonly metadata: Metadata;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Absolute, in the clock's monotonic milliseconds. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Of its method: what is recorded of a call that gets no further than this door. */
  readonly method: string;
  /** The core has it, and records it. */
  asked: boolean;
}

export interface AskerParts {
  readonly core: Pick<Core, "handle" | "refused">;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export interface Question {
  readonly operation: CoreRequest["operation"];
  readonly path: string;
  readonly query?: CoreRequest["query"];
  readonly body?: Uint8Array;
  readonly requestId?: string;
  readonly engine?: CoreRequest["engine"];
}

/**
 * Before the client stops waiting the core must have given up, so that the client hears what became of its write: this part
 * of the time that is left, and no more than so many milliseconds, which are a little more than the store goes on for after
 * a deadline to learn a write's outcome.
 */
const MARGIN_SHARE = 0.25;
const MARGIN_MS_MAX = 600;
const NO_QUERY: CoreRequest["query"] = new Map();

export class Asker {
  readonly #parts: AskerParts;
  readonly #maxDurationMs: number;

  constructor(parts: AskerParts, maxDurationMs: number) {
    this.#parts = parts;
    this.#maxDurationMs = maxDurationMs;
  }

  newId(): string {
    return randomUuid(this.#parts.entropy);
  }

  /** From gRPC's deadline: a wall time, or infinity. */
  deadlineFrom(deadline: Date | number): number {
    const { clock } = this.#parts;
    const leftMs = Math.max(0, Number(deadline) - clock.wallMs());
    const usableMs = leftMs - Math.min(MARGIN_MS_MAX, leftMs * MARGIN_SHARE);
    return clock.monotonicMs() + Math.min(usableMs, this.#maxDurationMs);
  }

  /** With the call's token. Throws `GrpcRefusal`, and what the core throws. */
  ask(call: Call, question: Question): Promise<CoreResult> {
    return this.#ask(call, question, tokenOf(call.metadata));
  }

  /** Of what is open to anybody; a token that came along is not looked at. */
  askOpenly(call: Call, question: Question): Promise<CoreResult> {
    return this.#ask(call, question, undefined);
  }

  /** Records what was refused before the core was asked. Gives the error to answer. */
  async refused(call: Call, thrown: unknown): Promise<unknown> {
    if (call.asked) return thrown;
    const { id, method: path, remoteAddress, remotePort } = call;
    return this.#parts.core.refused({ id, operation: "", path, namespace: "", remoteAddress, remotePort }, thrown);
  }

  #ask(call: Call, question: Question, token: Uint8Array | undefined): Promise<CoreResult> {
    const { operation, path, query = NO_QUERY, body, requestId, engine } = question;
    const namespace = namespaceOf(call.metadata);
    refuseWrapping(call.metadata);
    call.asked = true;
    return this.#parts.core.handle({
      id: call.id,
      operation,
      path,
      query,
      remoteAddress: call.remoteAddress,
      remotePort: call.remotePort,
      header: (name) => call.metadata.get(name).map(String),
      namespace,
      deadlineMs: call.deadlineMs,
      signal: call.signal,
      ...(token === undefined ? undefined : { token }),
      ...(body === undefined ? undefined : { body }),
      ...(engine === undefined ? undefined : { engine }),
      ...(requestId === undefined || requestId === "" ? undefined : { idempotencyKey: requestId }),
    });
  }
}
