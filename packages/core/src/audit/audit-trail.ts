/**
 * One request's way through the audit: recorded once before it is executed, however often its transaction runs, and once
 * with its answer or refusal. What a request is refused before that is recorded as a refusal, of which a source that makes
 * many has only their number recorded.
 */
import {
  type AuditLog,
  AuditOutcomeError,
  type AuditRequest,
  AuditUnavailableError,
  type RecordedRequest,
} from "@strongroom/audit";
import type { JsonObject, Operation } from "@strongroom/logical";
import { asError, StrongroomError } from "@strongroom/runtime";
import { OutcomeUnknownError } from "@strongroom/storage";
import type { MountEntry } from "../mount-entry.ts";
import type { CoreResult, WrapInfo } from "../request.ts";
import type { TokenEntry } from "../token/token-entry.ts";
import { auditAuth, auditMount, auditResponse } from "./audit-records.ts";
import type { AuditSettings, AuditTable } from "./audit-table.ts";

export interface AuditTrailParts {
  readonly log: AuditLog;
  readonly table: AuditTable;
  /** Of the program: what every backend runs in. */
  readonly version: string;
}

/** What is known of a request as it comes in. */
export interface IncomingRequest {
  readonly id: string;
  /** Empty where it cannot be told. */
  readonly operation: Operation | "help" | "";
  readonly path: string;
  readonly namespace: string;
  readonly query?: ReadonlyMap<string, readonly string[]>;
  readonly token?: Uint8Array;
  readonly wrapTtlSeconds?: number;
  readonly remoteAddress: string;
  readonly remotePort?: number;
  readonly header?: (name: string) => readonly string[];
}

export class AuditTrail {
  readonly #parts: AuditTrailParts;
  readonly #incoming: IncomingRequest;
  #recorded: RecordedRequest | undefined;
  /** Set where they are found out, for whichever record is written next. */
  operation: AuditRequest["operation"];
  mount: MountEntry | undefined;
  entry: TokenEntry | undefined;
  body: JsonObject | undefined;
  grantedBy: readonly string[] = [];

  constructor(parts: AuditTrailParts, incoming: IncomingRequest) {
    this.#parts = parts;
    this.#incoming = incoming;
    this.operation = incoming.operation;
  }

  /**
   * Before the request is executed. With `standing` it resolves when the record stands; what changes nothing may be
   * executed before, since nothing is answered before. Throws `AuditUnavailableError`.
   */
  async request(settings: AuditSettings, standing: boolean): Promise<void> {
    const { log } = this.#parts;
    if (this.#recorded !== undefined) return;
    log.clearAccessors = settings.clearAccessors;
    this.#recorded = log.request(this.#request(settings), this.#who(true));
    if (standing) await log.recorded();
  }

  /**
   * Before the answer is given. `tookEffect`: something was changed, and not being able to record the answer leaves the
   * client without knowing what. Throws `AuditUnavailableError`, or `AuditOutcomeError`.
   */
  async response(result: CoreResult, wrap: WrapInfo | undefined, tookEffect: boolean): Promise<void> {
    const { log } = this.#parts;
    try {
      this.#recorded ??= log.request(this.#request(this.#parts.table.latest), this.#who(true));
      log.response(this.#recorded, auditResponse(result, wrap));
      await log.recorded();
    } catch (error) {
      log.responseFailed();
      throw tookEffect ? new AuditOutcomeError(error) : error;
    }
  }

  /** Before an error is answered. Gives the error to answer: that it could not be recorded, if it could not. */
  async refusal(thrown: unknown, tookEffect: boolean): Promise<unknown> {
    if (thrown instanceof AuditUnavailableError) return thrown;
    const { log } = this.#parts;
    const { message } = asError(thrown);
    const code = thrown instanceof StrongroomError ? thrown.code : "internal";
    try {
      if (this.#recorded !== undefined) {
        log.response(this.#recorded, undefined, message);
        await log.recorded();
      } else if (log.refusal(this.#request(this.#parts.table.latest), { code, message }, this.#who(false))) {
        await log.recorded();
      }
      return thrown;
    } catch (error) {
      log.responseFailed();
      return tookEffect || thrown instanceof OutcomeUnknownError ? new AuditOutcomeError(error) : error;
    }
  }

  #request({ headers }: AuditSettings): AuditRequest {
    const { id, path, namespace, query, token, wrapTtlSeconds, remoteAddress, remotePort, header } = this.#incoming;
    const { mount, body, entry } = this;
    return {
      id,
      operation: this.operation,
      path,
      namespace,
      remoteAddress,
      remotePort: remotePort ?? 0,
      ...(token === undefined ? undefined : { clientToken: token }),
      ...(entry === undefined ? undefined : { clientTokenAccessor: entry.accessor }),
      ...(mount === undefined ? undefined : { mount: auditMount(mount, this.#parts.version) }),
      ...(body === undefined ? undefined : { body: body.bytes() }),
      ...(query === undefined ? undefined : { query }),
      ...(wrapTtlSeconds === undefined ? undefined : { wrapTtlSeconds }),
      ...(headers.length === 0 || header === undefined ? undefined : { headers: this.#headers(headers, header) }),
    };
  }

  #headers(
    audited: AuditSettings["headers"],
    header: (name: string) => readonly string[],
  ): ReadonlyMap<string, readonly string[]> {
    const { log } = this.#parts;
    const recorded = new Map<string, readonly string[]>();
    for (const { name, hmac } of audited) {
      const values = header(name);
      if (values.length > 0) recorded.set(name, hmac ? values.map((value) => log.hash(value)) : values);
    }
    return recorded;
  }

  /** `granted`: policy has had its say. */
  #who(granted: boolean): Parameters<AuditLog["request"]>[1] {
    const { entry, grantedBy } = this;
    if (entry === undefined) return undefined;
    const decision = { allowed: granted, grantingPolicies: granted ? grantedBy : [] };
    return { caller: entry, auth: () => auditAuth(entry, this.#incoming.token), decision };
  }
}
