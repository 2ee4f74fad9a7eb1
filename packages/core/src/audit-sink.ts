/**
 * What the request path tells the audit: each request before it is executed, each answer and each refusal before it is given.
 * Both calls return when the record is written, and throw where it cannot be: then nothing is executed or answered. Secrets
 * are in these records as they came; HMACs are made by whoever writes them down.
 */
import type { JsonObject, Operation } from "@strongroom/logical";
import type { StrongroomError } from "@strongroom/runtime";
import type { MountEntry } from "./mount-entry.ts";
import type { CoreResult, WrapInfo } from "./request.ts";
import type { TokenEntry } from "./token/token-entry.ts";

export interface AuditRequest {
  readonly id: string;
  readonly operation: Operation | "help";
  readonly path: string;
  readonly namespace: string;
  readonly remoteAddress: string;
  /** As presented; undefined for none. */
  readonly token: Uint8Array | undefined;
  /** Of a token that was found good. */
  readonly entry: TokenEntry | undefined;
  readonly grantedBy: readonly string[];
  readonly mount: Pick<MountEntry, "path" | "type" | "accessor"> | undefined;
  /** Undefined where there was none, or where it could not be parsed. */
  readonly body: JsonObject | undefined;
  readonly query: ReadonlyMap<string, readonly string[]>;
  readonly wrapTtlSeconds: number | undefined;
}

export interface AuditResponse {
  readonly request: AuditRequest;
  /** Of what was not refused; as it was before it was wrapped. */
  readonly result: CoreResult | undefined;
  /** What was answered instead of the result. */
  readonly wrap: WrapInfo | undefined;
  readonly error: StrongroomError | Error | undefined;
}

/** Called synchronously, one request's records in their order. */
export interface AuditSink {
  request(record: AuditRequest): void;
  response(record: AuditResponse): void;
}
