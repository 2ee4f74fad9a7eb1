/** What a handler answers. The front doors make Vault's envelope of it. */
import type { LogicalError } from "./errors.ts";
import type { LeaseGrant, TokenGrant } from "./grant.ts";
import type { JsonValue, RawJson } from "./json/value.ts";

export type LogicalResponse =
  | AuthResponse
  | DataResponse
  | EmptyResponse
  | ListResponse
  | NotFoundResponse
  | RefusalResponse
  | StreamResponse;

export interface DataResponse {
  readonly kind: "data";
  /** 200 unless given. A 404 with data is the answer for a deleted version: the whole envelope, with that status. */
  readonly status?: number;
  /** Members, or one stored object whose bytes pass as they are. */
  readonly data: { readonly [key: string]: JsonValue } | RawJson;
  readonly warnings?: readonly string[];
  /** What is answered ends with a lease, which the core makes in the same command. */
  readonly lease?: LeaseGrant;
  /** How long it is good for, where no lease is kept: shown as `lease_duration`. */
  readonly ttlSeconds?: number;
  /** Names the credential in `data`, where a wrapped answer's outside shall name it too: a secret id's accessor. */
  readonly wrappedAccessor?: string;
  /** Headers by name; the client gets those that the mount was tuned to let its engine set. */
  readonly headers?: ReadonlyMap<string, string>;
}

/** A login that succeeded: the core makes the token, with its lease, in the same command. */
export interface AuthResponse {
  readonly kind: "auth";
  readonly grant: TokenGrant;
  readonly warnings?: readonly string[];
}

/** 204; with warnings 200 and an envelope without data. */
export interface EmptyResponse {
  readonly kind: "empty";
  /** With warnings: 200 unless given, such as 202 for work that has only begun. */
  readonly status?: number;
  readonly warnings?: readonly string[];
}

/** Never empty: a list of nothing is `not-found`. */
export interface ListResponse {
  readonly kind: "list";
  readonly keys: readonly string[];
  readonly warnings?: readonly string[];
}

/** 404 with `{"errors":[]}`; with warnings, the envelope without data. */
export interface NotFoundResponse {
  readonly kind: "not-found";
  readonly warnings?: readonly string[];
}

/** A refusal whose writes stand, such as the count of wrong passwords: given once they are committed. */
export interface RefusalResponse {
  readonly kind: "refusal";
  readonly error: LogicalError;
  readonly warnings?: readonly string[];
}

/** Bytes as they come, without an envelope; whoever answers reads them once, or ends them by `return`. */
export interface StreamResponse {
  readonly kind: "stream";
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly warnings?: readonly string[];
}

/** `response` with `more` after its own warnings. */
export function withWarnings(response: LogicalResponse, more: readonly string[]): LogicalResponse {
  return more.length === 0 ? response : { ...response, warnings: [...(response.warnings ?? []), ...more] };
}

/** As LIST answers everywhere: 404 when there is nothing. */
export function listResponse(keys: readonly string[]): LogicalResponse {
  return keys.length === 0 ? { kind: "not-found" } : { kind: "list", keys };
}
