/**
 * One request's way through the audit: recorded once before it is executed, however often its transaction runs, and once
 * with its answer or refusal. A refusal that came before the request was recorded is recorded with it.
 */
import { asError } from "@strongroom/runtime";
import type { AuditRequest, AuditSink } from "../audit-sink.ts";
import type { CoreResult, WrapInfo } from "../request.ts";

export class AuditTrail {
  readonly #sink: AuditSink;
  #record: AuditRequest;
  #recorded = false;

  /** `record`: what is known of the request as it comes in. */
  constructor(sink: AuditSink, record: AuditRequest) {
    this.#sink = sink;
    this.#record = record;
  }

  /** Adds what was found out, for whichever record is written next. */
  learn(more: Partial<AuditRequest>): void {
    this.#record = { ...this.#record, ...more };
  }

  /** Before the request is executed. Throws what the sink throws. */
  request(): void {
    if (this.#recorded) return;
    this.#sink.request(this.#record);
    this.#recorded = true;
  }

  /** Before the answer is given. Throws what the sink throws. */
  response(result: CoreResult, wrap: WrapInfo | undefined): void {
    this.request();
    this.#sink.response({ request: this.#record, result, wrap, error: undefined });
  }

  /** Throws what the sink throws. */
  refusal(error: unknown): void {
    this.request();
    this.#sink.response({ request: this.#record, result: undefined, wrap: undefined, error: asError(error) });
  }
}
