/** What an ACL is asked and what it answers, with the reason: for the request path, for audit and for `explain`. */
import type { JsonObject, Operation } from "@strongroom/logical";
import type { Capability, RuleOrigin } from "./policy.ts";

/** `help` is always allowed; renewing, revoking and rolling back count as `update`. */
export type AclOperation = Operation | "scan" | "help" | "renew" | "revoke" | "rollback";

export interface AclQuery {
  /** The whole path below `/v1/`, mount included; leading slashes do not count. */
  readonly path: string;
  /** `create` and `update` told apart, where the path can. */
  readonly operation: AclOperation;
  /** The endpoint needs the sudo capability too. */
  readonly sudo?: boolean;
  /** How long the reply is to be wrapped; absent: not at all. */
  readonly wrapTtlSeconds?: number;
  /** The request's parameters, where they are known already; see `Decision` "parameters". */
  readonly parameters?: RequestParameters;
}

/** The body of a create, update or patch (`undefined`: it has none), the query's parameters of a read. */
export type RequestParameters = JsonObject | ReadonlyMap<string, readonly string[]>;

/**
 * `allowed`: go on. `denied`: answer 403. `parameters`: granted as far as the path goes, but the rule restricts parameters,
 * which the question did not tell: ask `Acl.checkParameters` once they are read, and until then it is a no.
 */
export interface Decision {
  readonly outcome: "allowed" | "denied" | "parameters";
  /** Granted by sudo or root, whatever the operation: what the token store asks for periods, ids and orphans. */
  readonly sudo: boolean;
  readonly reason: DecisionReason;
  /** The rules of all policies for the pattern that won; empty when none matched, and for root. */
  readonly rules: readonly RuleOrigin[];
  /** Policies that grant the operation, for the audit record. */
  readonly grantingPolicies: readonly string[];
  /** What the winning pattern asks of a wrapped reply; 0: nothing. A request that breaks it is denied already. */
  readonly minWrappingTtlSeconds: number;
  readonly maxWrappingTtlSeconds: number;
}

export type DecisionReason =
  | { readonly type: "root" }
  | { readonly type: "help" }
  | { readonly type: "granted" }
  | { readonly type: "no-rule" }
  | { readonly type: "explicit-deny" }
  | { readonly type: "missing-capability"; readonly capability: Capability }
  | { readonly type: "wrapping"; readonly minTtlSeconds: number; readonly maxTtlSeconds: number }
  | { readonly type: "parameters-unread" }
  | { readonly type: "parameter-missing"; readonly parameter: string }
  | { readonly type: "parameter-denied"; readonly parameter: string }
  | { readonly type: "parameter-not-allowed"; readonly parameter: string };

/** What a set of policies adds up to for one identity. Immutable; made by `compileAcl`. */
export interface Acl {
  /** The root policy: everything is allowed. */
  readonly root: boolean;
  /** Whether one operation on one path is allowed, in a few microseconds. */
  check(query: AclQuery): Decision;
  /** The second stage of a decision "parameters", for the same query. Any other decision comes back as it is. */
  checkParameters(query: AclQuery, parameters: RequestParameters | undefined): Decision;
  /** As `sys/capabilities` answers, in alphabetical order: `["root"]`, `["deny"]`, or what is granted. */
  capabilities(path: string): readonly string[];
  /** Anything but deny is granted on `mountPath` (with the slash at its end) or somewhere below it. */
  reaches(mountPath: string): boolean;
}
