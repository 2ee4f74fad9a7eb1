/**
 * The server's own endpoints, `sys/…` and `auth/token/…`: one file each, declared with fields and help as an engine's paths
 * are, and besides that who may ask, whether the handler runs inside a transaction, and how the answer is dressed.
 */
import type { LogicalStorage, MountInfo, PathAccess, PathDefinition, RequestContext } from "@strongroom/logical";
import { assert, type Entropy } from "@strongroom/runtime";
import type { Revision, Transaction } from "@strongroom/storage";
import type { AuditTable } from "../audit/audit-table.ts";
import type { CoreDependencies } from "../dependencies.ts";
import type { Leases } from "../lease/leases.ts";
import type { Mounts } from "../mounts.ts";
import type { PasswordPolicyStore } from "../policy/password-policy-store.ts";
import type { PolicyStore } from "../policy/policy-store.ts";
import type { AuthInfo, CoreRequest, LeaseInfo, WrapInfo } from "../request.ts";
import type { Bearer } from "../token/authenticator.ts";
import type { TokenEntry } from "../token/token-entry.ts";
import type { Commands } from "../token/token-revoker.ts";
import type { TokenRoles } from "../token/token-role.ts";
import type { TokenServices } from "../token/token-services.ts";
import type { ResponseWrapper } from "../wrapping/response-wrapper.ts";

export interface SystemPath {
  readonly path: PathDefinition;
  /**
   * `open`: anybody, also while the node is sealed. `login`: anybody, once it is open. `authenticated`: every valid token.
   * `policy`: a token whose policies grant the path. `sudo`: these, with the sudo capability.
   */
  readonly access: "open" | "login" | "authenticated" | "policy" | "sudo";
  /**
   * `transaction`: the handler sees and changes only replicated state, and may run again. `effect`: it runs once, after the
   * token was checked, and has no transaction.
   */
  readonly run: "transaction" | "effect";
  /** `top-level` is the envelope with the members of `data` repeated outside; `plain` JSON without one; `text` the member `text` alone, `verbatim` the JSON that is the data. */
  readonly reply: "envelope" | "top-level" | "plain" | "text" | "verbatim";
  /** Doing it twice is doing it once: a request id is not kept, and the handler finds for itself what was done before. */
  readonly idempotent?: true;
  /** A write's body stays where it is, however long it is: nothing is done with it, and no field is taken from it. */
  readonly body?: "unread";
}

/** As help and OpenAPI tell it. */
export function accessOf({ access, path }: SystemPath): PathAccess {
  return { unauthenticated: access === "open" || access === "login", sudo: access === "sudo" || path.sudo === true };
}

/** What the endpoints are made from. */
export interface SystemServices {
  readonly dependencies: CoreDependencies;
  readonly mounts: Mounts;
  readonly tokens: TokenServices;
  readonly policies: PolicyStore;
  readonly passwordPolicies: PasswordPolicyStore;
  readonly leases: Leases;
  readonly wrapper: ResponseWrapper;
  readonly roles: TokenRoles;
  readonly auditTable: AuditTable;
}

/** What a handler of these paths may know besides an engine's context, and what it can say besides its answer. */
export class SystemContext implements RequestContext {
  readonly storage: LogicalStorage = NO_STORAGE;
  readonly nowMs: number;
  readonly mount: MountInfo;
  readonly entropy: Entropy;
  readonly request: CoreRequest;
  /** Whether the token has the sudo capability, or root's, on this path. */
  readonly sudo: boolean;
  readonly #transaction: Transaction | undefined;
  readonly #bearer: Bearer | undefined;
  #auth: AuthInfo | undefined;
  #wrap: WrapInfo | undefined;
  #lease: LeaseInfo | undefined;
  #afterCommit: AfterCommit | undefined;

  constructor(parts: {
    readonly nowMs: number;
    readonly mount: MountInfo;
    readonly entropy: Entropy;
    readonly request: CoreRequest;
    readonly transaction?: Transaction | undefined;
    readonly bearer?: Bearer | undefined;
    readonly sudo?: boolean;
  }) {
    this.nowMs = parts.nowMs;
    this.mount = parts.mount;
    this.entropy = parts.entropy;
    this.request = parts.request;
    this.sudo = parts.sudo ?? false;
    this.#transaction = parts.transaction;
    this.#bearer = parts.bearer;
  }

  static of(context: RequestContext): SystemContext {
    assert(context instanceof SystemContext, "a path of the server's own runs in its own context");
    return context;
  }

  /** Of a path that runs in one. */
  get transaction(): Transaction {
    assert(this.#transaction !== undefined, "an effect has no transaction");
    return this.#transaction;
  }

  /** Of a path that asks for a token. A token with a number of uses shows those that it has after this one. */
  get bearer(): Bearer {
    assert(this.#bearer !== undefined, "who may come without a token has none");
    return this.#bearer;
  }

  get token(): TokenEntry {
    return this.bearer.entry;
  }

  /** What the answer says of a token, beside its data. */
  get auth(): AuthInfo | undefined {
    return this.#auth;
  }

  answerAuth(auth: AuthInfo): void {
    this.#auth = auth;
  }

  /** What the answer says of a wrapping, beside its data. */
  get wrap(): WrapInfo | undefined {
    return this.#wrap;
  }

  answerWrap(wrap: WrapInfo): void {
    this.#wrap = wrap;
  }

  /** What the answer says of a lease, beside its data. */
  get lease(): LeaseInfo | undefined {
    return this.#lease;
  }

  answerLease(lease: LeaseInfo): void {
    this.#lease = lease;
  }

  /** What is done once the transaction has committed, before the answer is given; the request fails with it. */
  get afterCommit(): AfterCommit | undefined {
    return this.#afterCommit;
  }

  doAfterCommit(work: AfterCommit): void {
    this.#afterCommit = work;
  }
}

/** Runs commands of its own, until the request's deadline. `revision`: of the commit; missing where nothing was written. */
export type AfterCommit = (commands: Commands, revision: Revision | undefined) => Promise<void>;

const noStorage = (): never => {
  assert(false, "the server's own paths have no mount to store in");
};
const NO_STORAGE: LogicalStorage = {
  get: noStorage,
  decoded: noStorage,
  put: noStorage,
  delete: noStorage,
  list: noStorage,
};
