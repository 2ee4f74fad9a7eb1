/**
 * The server's own endpoints, `sys/…` and `auth/token/…`: one file each, declared with fields and help as an engine's paths
 * are, and besides that who may ask, whether the handler runs inside a transaction, and how the answer is dressed.
 */
import type { LogicalStorage, MountInfo, PathDefinition, RequestContext } from "@strongroom/logical";
import { assert, type Entropy } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import type { CoreDependencies } from "../dependencies.ts";
import type { Mounts } from "../mounts.ts";
import type { PolicyStore } from "../policy/policy-store.ts";
import type { CoreRequest } from "../request.ts";
import type { TokenEntry } from "../token/token-entry.ts";
import type { TokenStore } from "../token-store.ts";

export interface SystemPath {
  readonly path: PathDefinition;
  /**
   * `open`: anybody, also while the node is sealed. `authenticated`: every valid token. `policy`: a token whose policies
   * grant the path. `sudo`: these, with the sudo capability.
   */
  readonly access: "open" | "authenticated" | "policy" | "sudo";
  /**
   * `transaction`: the handler sees and changes only replicated state, and may run again. `effect`: it runs once, after the
   * token was checked, and has no transaction.
   */
  readonly run: "transaction" | "effect";
  /** `top-level` is the envelope with the members of `data` repeated outside; `plain` JSON without one; `text` the member `text` alone. */
  readonly reply: "envelope" | "top-level" | "plain" | "text";
}

/** What the endpoints are made from. */
export interface SystemServices {
  readonly dependencies: CoreDependencies;
  readonly mounts: Mounts;
  readonly tokens: TokenStore;
  readonly policies: PolicyStore;
}

/** What a handler of these paths may know besides an engine's context. */
export class SystemContext implements RequestContext {
  readonly storage: LogicalStorage = NO_STORAGE;
  readonly nowMs: number;
  readonly mount: MountInfo;
  readonly entropy: Entropy;
  readonly request: CoreRequest;
  readonly #transaction: Transaction | undefined;
  readonly #token: TokenEntry | undefined;

  constructor(parts: {
    readonly nowMs: number;
    readonly mount: MountInfo;
    readonly entropy: Entropy;
    readonly request: CoreRequest;
    readonly transaction?: Transaction | undefined;
    readonly token?: TokenEntry | undefined;
  }) {
    this.nowMs = parts.nowMs;
    this.mount = parts.mount;
    this.entropy = parts.entropy;
    this.request = parts.request;
    this.#transaction = parts.transaction;
    this.#token = parts.token;
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

  /** Of a path that is not open. */
  get token(): TokenEntry {
    assert(this.#token !== undefined, "an open path has no token");
    return this.#token;
  }
}

const noStorage = (): never => {
  assert(false, "the server's own paths have no mount to store in");
};
const NO_STORAGE: LogicalStorage = { get: noStorage, put: noStorage, delete: noStorage, list: noStorage };
