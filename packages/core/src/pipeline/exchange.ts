/** One request on its way: what is found out about it once and holds for each run of its transaction. */
import type { LogicalRequest, Operation } from "@strongroom/logical";
import type { Revision } from "@strongroom/storage";
import type { AuditTrail } from "../audit/audit-trail.ts";
import type { CoreRequest, CoreResult } from "../request.ts";
import type { OnceOnly } from "../request-id.ts";
import type { AfterCommit, SystemContext } from "../system/system-path.ts";
import type { Bearer, Presented } from "../token/authenticator.ts";
import type { Mode } from "../token/token-store.ts";
import type { RequestBody } from "./request-body.ts";
import type { SystemTarget, Target } from "./target.ts";

export interface Exchange {
  readonly request: CoreRequest;
  /** Of a path of the server's own, which no state decides. */
  readonly system: SystemTarget | undefined;
  readonly presented: Presented | undefined;
  readonly body: RequestBody;
  readonly once: OnceOnly | undefined;
  readonly trail: AuditTrail;
  /** It counts a use, or its answer is wrapped: a write, if it is only a read otherwise, on a state that is fresh. */
  writes: boolean;
  /** Set once the operation's `prepare` has run. */
  prepared: { readonly value: unknown } | undefined;
  /** As it was before it was wrapped. */
  unwrapped: CoreResult | undefined;
  /** Whether something was changed: in the replicated state, or by an effect that was begun. */
  tookEffect: boolean;
  /** Of the commit, once there is one. */
  revision: Revision | undefined;
}

/** One run of the request's transaction. */
export interface Visit {
  readonly exchange: Exchange;
  readonly target: Target | undefined;
  /** Undefined where none is asked for. */
  readonly bearer: Bearer | undefined;
  readonly mode: Mode;
  /** The log's time, one value a run. */
  readonly nowMs: number;
  /** Only the operation's `prepare` is run. */
  readonly preparing: boolean;
}

/** What a run came to. */
export type Outcome =
  | { readonly kind: "answer"; readonly result: CoreResult; readonly afterCommit?: AfterCommit | undefined }
  /** A refusal that is committed with the use that it took. */
  | { readonly kind: "refusal"; readonly error: unknown }
  /** The token may; what is asked for is done once, outside of the transaction. */
  | {
      readonly kind: "effect";
      readonly target: SystemTarget;
      readonly asked: LogicalRequest;
      readonly context: SystemContext;
    }
  | { readonly kind: "prepared"; readonly value: unknown };

/** Leaves a run that has to be another one. */
export class RunAgain extends Error {
  readonly as: "write" | "prepared";

  constructor(as: "write" | "prepared") {
    super("the request runs again");
    this.as = as;
  }
}

export function changesState(operation: Operation | "help"): boolean {
  return operation !== "read" && operation !== "list" && operation !== "help";
}
