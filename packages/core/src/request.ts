/** What a front door hands to the core, and what it gets back. Both doors, HTTP and gRPC, speak in these. */
import type { JsonValue, Operation, RawJson } from "@strongroom/logical";

export interface CoreRequest {
  /** UUIDv4, made by the front door. */
  readonly id: string;
  /** A write arrives as `update`; core relabels it `create` where the engine says that nothing is there yet. */
  readonly operation: Operation | "help";
  /** What follows `/v1/`, without a leading slash: decoded once by the front door, which lets no empty or dotted segment by. */
  readonly path: string;
  /** Parameters of the query string, decoded, in order of arrival. */
  readonly query: ReadonlyMap<string, readonly string[]>;
  /** The presented token; the front door has made sure that there is at most one. */
  readonly token?: Uint8Array;
  /** JSON, unparsed; absent when the request had none. Core may overwrite it once the request is done. */
  readonly body?: Uint8Array;
  readonly contentType?: string;
  /** The socket's peer, never a header's claim. */
  readonly remoteAddress: string;
  readonly remotePort?: number;
  /** The values of a header by its name in lower case, for those that are audited or that an engine is given. */
  readonly header?: (name: string) => readonly string[];
  /** Empty: the root namespace. */
  readonly namespace: string;
  /** Refused unless this is where the path leads: of a door whose messages only one kind of engine can answer. */
  readonly engine?: ExpectedEngine;
  readonly idempotencyKey?: string;
  /** The answer is wanted wrapped, for so long; 1 or more. */
  readonly wrapTtlSeconds?: number;
  /** Absolute, in the clock's monotonic milliseconds. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

export interface ExpectedEngine {
  /** Of the mount, with the slash at its end. */
  readonly mountPath: string;
  readonly type: string;
  /** The mount's option. */
  readonly version: string;
}

/** Object members in the order in which they are to be written. */
export type JsonMembers = { readonly [key: string]: JsonValue };

/** What a login or a creation of a token answers. */
export interface AuthInfo {
  /** ASCII that JSON need not escape. */
  readonly clientToken: Uint8Array;
  /** Empty for a batch token. */
  readonly accessor: string;
  /** Told to the audit alone. Missing in an answer that an older server kept. */
  readonly displayName?: string;
  /** The token's and its identity's. */
  readonly policies: readonly string[];
  readonly tokenPolicies: readonly string[];
  readonly identityPolicies: readonly string[];
  /** Null: Vault's answer for a token without any. */
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly leaseDurationSeconds: number;
  readonly renewable: boolean;
  readonly entityId: string;
  readonly tokenType: "service" | "batch";
  readonly orphan: boolean;
  readonly numUses: number;
}

export interface LeaseInfo {
  readonly leaseId: string;
  readonly renewable: boolean;
  readonly ttlSeconds: number;
}

/** Stands for an answer that lies in the cubbyhole of a token that is good for one use. */
export interface WrapInfo {
  /** ASCII that JSON need not escape. */
  readonly token: Uint8Array;
  readonly accessor: string;
  readonly ttlSeconds: number;
  /** By the log's clock. */
  readonly creationTimeMs: number;
  readonly creationPath: string;
  /** Of the token or secret id inside; missing where there is none. */
  readonly wrappedAccessor?: string;
}

/** The answer to a request that was not refused; refusals are thrown as `StrongroomError`. */
export type CoreResult =
  | {
      readonly kind: "data";
      /** 200, or 404 where Vault answers "not there" with a body. */
      readonly status: number;
      readonly data: JsonMembers | RawJson | null;
      readonly warnings?: readonly string[];
      readonly mountType: string;
      /** Vault's old habit on some `sys/` paths: the members of `data` stand at the top level too. */
      readonly topLevel?: boolean;
      readonly lease?: LeaseInfo;
      readonly auth?: AuthInfo;
      /** Names the credential in `data` to who gets it wrapped. */
      readonly wrappedAccessor?: string;
      /** Set by an engine, and let by for its mount. */
      readonly headers?: ReadonlyMap<string, string>;
      /** With it `data` is null, and the answer itself is not here. */
      readonly wrap?: WrapInfo;
    }
  /** Nothing to say: 204. */
  | { readonly kind: "empty" }
  | { readonly kind: "not-found" }
  /** JSON without Vault's envelope, such as `sys/health`. */
  | { readonly kind: "plain"; readonly status: number; readonly body: JsonMembers }
  /** Bytes that are not JSON, such as `sys/metrics`. */
  | { readonly kind: "raw"; readonly status: number; readonly contentType: string; readonly body: Uint8Array }
  /** As many bytes as come, such as a snapshot; read once, or ended by `return`. */
  | { readonly kind: "stream"; readonly contentType: string; readonly body: AsyncIterable<Uint8Array> };
