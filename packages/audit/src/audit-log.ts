/**
 * Where a worker's requests are written down. A record is added when it is known and written with all others of its turn;
 * whoever may only go on once it stands waits for `recorded`. While the disk takes nothing, requests fail before they are
 * executed, and how many did is the first thing written when it takes records again.
 */
import {
  asError,
  type Clock,
  type Entropy,
  type Histogram,
  type Logger,
  type Metrics,
  type Timers,
} from "@strongroom/runtime";
import { AuditUnavailableError } from "./errors.ts";
import { authJson, type EncodedAuth, encodeAuth, requestJson, responseJson } from "./record/encode.ts";
import { quote } from "./record/quote.ts";
import type { AuditAuth, AuditDecision, AuditMount, AuditRequest, AuditResponse } from "./record/types.ts";
import { RefusalMeter } from "./refusals.ts";
import type { AuditSalt } from "./salt.ts";
import type { ControlEvent } from "./stream/control-record.ts";
import type { AuditDisk } from "./stream/disk.ts";
import { StreamWriter } from "./stream/stream-writer.ts";

export interface AuditLogOptions {
  readonly node: string;
  readonly worker: string;
  readonly segmentBytes?: number;
  readonly segmentAgeMs?: number;
  /** Each write is synced before anybody is told that it stands. */
  readonly fsync?: boolean;
}

export interface AuditLogParts {
  readonly disk: AuditDisk;
  readonly salt: AuditSalt;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A request whose record was added; its response's record shares the text. */
export interface RecordedRequest {
  readonly auth: string;
  readonly request: string;
  readonly mount: AuditMount | undefined;
  readonly isList: boolean;
  /** The write that it went with. */
  readonly batch: number;
}

/** What a request was refused for, before anything was executed. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const RETRY_MS = 100;
/** Outages are tried every `RETRY_MS`, and a request lives shorter than this many of them. */
const LOST_BATCHES_MAX = 10_000;
const REFUSAL_INTERVAL_MS = 1000;
/** Upper bounds in milliseconds. */
const DURATION_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 50, 250, 1000];

export class AuditLog {
  readonly #writer: StreamWriter;
  readonly #salt: AuditSalt;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #logger: Logger;
  readonly #fsync: boolean;
  readonly #refusals = new RefusalMeter();
  readonly #requests: Histogram;
  readonly #responses: Histogram;
  readonly #failures: { readonly request: { add(amount?: number): void }; readonly response: { add(): void } };
  readonly #stopRefusals: () => void;
  #auths = new WeakMap<object, EncodedAuth>();
  #authsSealed = false;
  #clearAccessors = false;
  #waiting: PromiseWithResolvers<void> | undefined;
  #syncing: Promise<void> = Promise.resolve();
  #batch = 0;
  readonly #lostBatches = new Set<number>();
  #failed:
    | { readonly error: AuditUnavailableError; readonly reason: string; readonly atMs: number; refused: number }
    | undefined;
  #closed = false;

  constructor(options: AuditLogOptions, parts: AuditLogParts) {
    const { metrics, timers } = parts;
    this.#writer = new StreamWriter(
      {
        node: options.node,
        worker: options.worker,
        segmentBytes: options.segmentBytes ?? 64 * MIB,
        segmentAgeMs: options.segmentAgeMs ?? 24 * HOUR_MS,
      },
      parts,
    );
    this.#salt = parts.salt;
    this.#clock = parts.clock;
    this.#timers = timers;
    this.#logger = parts.logger;
    this.#fsync = options.fsync ?? false;
    this.#requests = metrics.histogram(
      "vault_audit_log_request",
      "Time to make the audit record of a request, in milliseconds.",
      DURATION_BOUNDS,
    );
    this.#responses = metrics.histogram(
      "vault_audit_log_response",
      "Time to make the audit record of a response, in milliseconds.",
      DURATION_BOUNDS,
    );
    this.#failures = {
      request: metrics.counter(
        "vault_audit_log_request_failure",
        "Requests refused because they could not be recorded.",
      ),
      response: metrics.counter(
        "vault_audit_log_response_failure",
        "Answers withheld because they could not be recorded.",
      ),
    };
    this.#stopRefusals = timers.every(REFUSAL_INTERVAL_MS, () => this.#writeRefusals());
  }

  /** Whether accessors stand in the clear, because a device asks for that. */
  set clearAccessors(clear: boolean) {
    if (clear !== this.#clearAccessors) this.#auths = new WeakMap();
    this.#clearAccessors = clear;
  }

  /** HMAC of `input` as records have it. */
  hash(input: string): string {
    return this.#salt.hash(input);
  }

  /**
   * Adds a request's record; `error` is why it will not be executed. `caller` is an object that stands for what `auth` makes,
   * as long as it lives. Throws `AuditUnavailableError` while nothing can be recorded.
   */
  request(
    request: AuditRequest,
    who?: { readonly caller: object; readonly auth: () => AuditAuth; readonly decision: AuditDecision },
    error?: string,
  ): RecordedRequest {
    const startMs = this.#clock.monotonicMs();
    this.#assertWritable();
    const encoded = who === undefined ? undefined : this.#authOf(who.caller, who.auth);
    const auth = authJson(encoded, who?.decision);
    const requestText = requestJson(request, encoded, this.#options());
    const recorded: RecordedRequest = {
      auth: auth === "" ? "" : `,"auth":${auth}`,
      request: `,"request":${requestText}`,
      mount: request.mount,
      isList: request.operation === "list",
      batch: this.#batch,
    };
    this.#writer.add(
      `{"time":"${this.#writer.time()}","type":"request"${recorded.auth}${recorded.request}${errorJson(error)}`,
    );
    this.#requests.observe(this.#clock.monotonicMs() - startMs);
    return recorded;
  }

  /** Adds a response's record. Throws `AuditUnavailableError`, also when the record of its request was lost meanwhile. */
  response(to: RecordedRequest, response: AuditResponse | undefined, error?: string): void {
    const startMs = this.#clock.monotonicMs();
    this.#assertWritable();
    if (this.#lostBatches.has(to.batch)) {
      throw new AuditUnavailableError(
        "the audit record of this request was lost to a failing disk, so it is not answered",
      );
    }
    const options = this.#options();
    const given = response?.auth === undefined ? "" : authJson(encodeAuth(response.auth, options), undefined);
    const text = responseJson(response ?? NOTHING, to.mount, to.isList, options, given);
    const member = text === "" ? "" : `,"response":${text}`;
    // Of a login it is known by now who it was.
    const auth = to.auth !== "" || given === "" ? to.auth : `,"auth":${given}`;
    this.#writer.add(
      `{"time":"${this.#writer.time()}","type":"response"${auth}${to.request}${member}${errorJson(error)}`,
    );
    this.#responses.observe(this.#clock.monotonicMs() - startMs);
  }

  /**
   * Records that a request was refused, in full, or, of a source that is refused all the time, as one of a count; so
   * refusals, which cost their sender nothing, cannot fill the disk. True: two records were added.
   */
  refusal(request: AuditRequest, refusal: Refusal, who?: Parameters<AuditLog["request"]>[1]): boolean {
    this.#assertWritable();
    if (!this.#refusals.admit(request.remoteAddress, refusal.code)) return false;
    const recorded = this.request(request, who, refusal.message);
    this.response(recorded, undefined, refusal.message);
    return true;
  }

  control(event: ControlEvent): void {
    this.#writer.addControl(event);
    this.recorded().catch(() => undefined);
  }

  /**
   * Resolves when what was just added stands in the stream, and rejects with `AuditUnavailableError` if it does not. To be
   * called in the turn in which the record was added.
   */
  recorded(): Promise<void> {
    if (this.#writer.pending === 0 && this.#waiting === undefined) return DONE;
    if (this.#waiting === undefined) {
      this.#waiting = Promise.withResolvers<void>();
      this.#timers.immediate(() => this.#flush());
    }
    return this.#waiting.promise;
  }

  /** Counts an answer that was withheld. */
  responseFailed(): void {
    this.#failures.response.add();
  }

  /** Writes what is left, and the stream's end. What cannot be written any more is given up. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopRefusals();
    this.#writeRefusals();
    await this.recorded().catch(() => undefined);
    try {
      this.#writer.end();
    } catch {
      // The stream stays without its end, and gets one when the node next starts.
    }
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    try {
      this.#write();
    } catch (error) {
      waiting?.reject(error);
      return;
    }
    if (!this.#fsync) {
      waiting?.resolve();
      return;
    }
    // Of syncs asked for while one runs each begins when the one before it is done, so that none is answered too early.
    this.#syncing = this.#syncing.then(() => this.#writer.sync());
    this.#syncing.then(
      () => waiting?.resolve(),
      (error: unknown) => {
        this.#syncing = Promise.resolve();
        waiting?.reject(this.#fail(error));
      },
    );
  }

  #write(): void {
    const failed = this.#failed;
    if (failed !== undefined) {
      this.#writer.addControl({ event: "resumed", error: failed.reason, refused: failed.refused });
    }
    const batch = this.#batch++;
    try {
      this.#writer.flush();
    } catch (error) {
      if (this.#lostBatches.size >= LOST_BATCHES_MAX) this.#lostBatches.clear();
      this.#lostBatches.add(batch);
      throw this.#fail(error);
    }
    if (failed !== undefined) this.#logger.warn("the audit stream is written again", { refused: failed.refused });
    this.#failed = undefined;
  }

  /** While nothing can be recorded, one request in a while tries whether it can by now, before it is executed. */
  #assertWritable(): void {
    const failed = this.#failed;
    if (failed === undefined) return;
    if (this.#clock.monotonicMs() - failed.atMs >= RETRY_MS) {
      this.#write();
      return;
    }
    failed.refused++;
    this.#failures.request.add();
    throw failed.error;
  }

  #fail(cause: unknown): AuditUnavailableError {
    const reason = asError(cause).message;
    const error = new AuditUnavailableError(
      `the audit stream of this node cannot be written, so nothing is executed: ${reason}`,
      { cause },
    );
    this.#failures.request.add();
    if (this.#failed === undefined) this.#logger.error("the audit stream cannot be written", { error: asError(cause) });
    this.#failed = { error, reason, atMs: this.#clock.monotonicMs(), refused: (this.#failed?.refused ?? 0) + 1 };
    return error;
  }

  #writeRefusals(): void {
    const counted = this.#refusals.drain();
    if (counted.length === 0) return;
    for (const { source, counts } of counted) {
      const members = [...counts].map(([code, count]) => `${quote(code)}:${count}`).join(",");
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      this.#writer.add(
        `{"time":"${this.#writer.time()}","type":"refused","request":{"remote_address":${quote(source)}},"count":${total},"errors":{${members}}`,
      );
    }
    this.recorded().catch(() => undefined);
  }

  #authOf(caller: object, make: () => AuditAuth): EncodedAuth {
    // What was made while sealed has no HMACs.
    if (this.#salt.sealed !== this.#authsSealed) {
      this.#authsSealed = this.#salt.sealed;
      this.#auths = new WeakMap();
    }
    let encoded = this.#auths.get(caller);
    if (encoded === undefined) {
      encoded = encodeAuth(make(), this.#options());
      this.#auths.set(caller, encoded);
    }
    return encoded;
  }

  #options(): { readonly salt: AuditSalt; readonly clearAccessors: boolean } {
    return { salt: this.#salt, clearAccessors: this.#clearAccessors };
  }
}

/** What an answer without a body says. */
const NOTHING: AuditResponse = {};
const DONE: Promise<void> = Promise.resolve();

function errorJson(error: string | undefined): string {
  return error === undefined || error === "" ? "" : `,"error":${quote(error)}`;
}
