/** What a record is made of, in the clear: the HMACs are made when it is written. */
import type { JsonValue } from "@strongroom/logical";

/** Who asks, or who a login made. Empty and missing members are left out of the record. */
export interface AuditAuth {
  readonly clientToken?: Uint8Array;
  readonly accessor?: string;
  readonly displayName?: string;
  readonly policies?: readonly string[];
  readonly tokenPolicies?: readonly string[];
  readonly identityPolicies?: readonly string[];
  readonly noDefaultPolicy?: boolean;
  readonly metadata?: ReadonlyMap<string, string>;
  /** 0: without limit. */
  readonly numUses?: number;
  readonly remainingUses?: number;
  readonly entityId?: string;
  readonly tokenType?: string;
  readonly tokenTtlSeconds?: number;
  readonly tokenIssueTimeMs?: number;
}

export interface AuditMount {
  readonly point: string;
  readonly type: string;
  readonly accessor: string;
  readonly runningVersion: string;
  readonly class: "secret" | "auth";
  /** Members whose strings stand in the clear, at any depth: `audit_non_hmac_request_keys` and `…_response_keys`. */
  readonly clearRequestKeys: ReadonlySet<string>;
  readonly clearResponseKeys: ReadonlySet<string>;
}

export interface AuditRequest {
  readonly id: string;
  readonly operation: string;
  /** What follows `/v1/`. */
  readonly path: string;
  /** Empty: the root namespace. */
  readonly namespace: string;
  readonly remoteAddress: string;
  /** 0 where it is not known. */
  readonly remotePort: number;
  /** The presented token, known or not. */
  readonly clientToken?: Uint8Array;
  readonly clientTokenAccessor?: string;
  readonly mount?: AuditMount;
  /** JSON that was checked; absent when the request had no body, or none that could be read. */
  readonly body?: Uint8Array;
  readonly query?: ReadonlyMap<string, readonly string[]>;
  readonly wrapTtlSeconds?: number;
  readonly headers?: ReadonlyMap<string, readonly string[]>;
}

export interface AuditDecision {
  readonly allowed: boolean;
  /** The ACL policies that granted it, by name. */
  readonly grantingPolicies: readonly string[];
}

export interface AuditWrap {
  readonly ttlSeconds: number;
  readonly token: Uint8Array;
  readonly accessor: string;
  readonly creationTimeMs: number;
  readonly creationPath: string;
  readonly wrappedAccessor?: string;
}

export interface AuditResponse {
  readonly data?: JsonValue;
  readonly auth?: AuditAuth;
  readonly leaseId?: string;
  readonly warnings?: readonly string[];
  readonly redirect?: string;
  readonly wrap?: AuditWrap;
  /** Set by an engine: values, so HMACs in the record. */
  readonly headers?: ReadonlyMap<string, string>;
  /** An answer that is not JSON. */
  readonly raw?: { readonly status: number; readonly contentType: string; readonly body: Uint8Array };
}
