/**
 * The request path of one worker: token, policy, route, handler, commit. A request is one transaction on the replicated
 * store, run where it arrived; its token, its mount and all that its engine read are proven by the commit, or by a state at
 * least as new as the request.
 */
import { SealedError } from "@strongroom/barrier";
import {
  DEFAULT_JSON_LIMITS,
  dispatch,
  helpFor,
  type JsonLimits,
  type JsonObject,
  LogicalError,
  type LogicalRequest,
  type Operation,
  parseJson,
  resolveOperation,
  UNAUTHENTICATED_JSON_LIMITS,
} from "@strongroom/logical";
import type { Histogram } from "@strongroom/runtime";
import { runTransaction, type Transaction } from "@strongroom/storage";
import { BackgroundWork } from "./background/background-work.ts";
import type { CoreDependencies } from "./dependencies.ts";
import { ClosingError } from "./errors.ts";
import { MountSweeper } from "./mount-sweeper.ts";
import { findMount, Mounts } from "./mounts.ts";
import { PolicyStore } from "./policy/policy-store.ts";
import type { CoreRequest, CoreResult } from "./request.ts";
import { RequestIds } from "./request-id.ts";
import { RequestIdSweeper } from "./request-id-sweeper.ts";
import { engineResult, systemResult } from "./result.ts";
import { type SystemBackend, systemBackends } from "./system/system-backend.ts";
import { SystemContext, type SystemPath } from "./system/system-path.ts";
import { authorize, TokenStore } from "./token-store.ts";

/** Upper bounds in milliseconds. */
const DURATION_BOUNDS = [0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000];

const DEFAULT_GRACE_MS = 5_000;

type Mode = "read" | "write";

export class Core {
  readonly #dependencies: CoreDependencies;
  readonly #tokens: TokenStore;
  readonly #mounts: Mounts;
  readonly #policies: PolicyStore;
  /** Runs once it is started, which is for one worker of each node to do. */
  readonly background: BackgroundWork;
  readonly #requestIds: RequestIds;
  readonly #systems: readonly SystemBackend[];
  readonly #durations: Histogram;
  readonly #unsubscribe: () => void;
  #closed = false;
  #closing: Promise<void> | undefined;
  #underWay = 0;
  #onIdle: (() => void) | undefined;

  private constructor(dependencies: CoreDependencies) {
    const { store, barrier, backends, logger, metrics } = dependencies;
    this.#dependencies = dependencies;
    this.#tokens = new TokenStore(barrier);
    this.#mounts = new Mounts(barrier, backends, dependencies.leaseTtls);
    this.#policies = new PolicyStore(barrier);
    this.background = new BackgroundWork({ store, barrier, logger, metrics });
    this.background.register(new MountSweeper({ mounts: this.#mounts, logger }));
    this.background.register(new RequestIdSweeper(barrier));
    this.#requestIds = new RequestIds(dependencies);
    this.#systems = systemBackends({
      dependencies,
      mounts: this.#mounts,
      tokens: this.#tokens,
      policies: this.#policies,
    });
    this.#durations = metrics.histogram(
      "vault_core_handle_request",
      "Time from a request's arrival in the core to its answer, in milliseconds.",
      DURATION_BOUNDS,
    );
    this.#unsubscribe = store.onInvalidation((event) => {
      this.#tokens.onInvalidation(event);
      this.#mounts.onInvalidation(event);
      this.#policies.onInvalidation(event);
    });
  }

  static open(dependencies: CoreDependencies): Core {
    return new Core(dependencies);
  }

  /** Whether `path` may be asked by anybody, sealed or not: front doors hold bodies for these to `UNAUTHENTICATED_JSON_LIMITS`. */
  isOpen(path: string): boolean {
    return this.#findSystem(path)?.declared?.access === "open";
  }

  /**
   * Serves one request. Refusals are thrown: `LogicalError`, `PermissionDeniedError`, the barrier's `SealedError`, and what
   * `runTransaction` throws, all of them `StrongroomError`s with a stable code.
   */
  async handle(request: CoreRequest): Promise<CoreResult> {
    const { clock } = this.#dependencies;
    const startMs = clock.monotonicMs();
    this.#enter();
    try {
      const system = this.#findSystem(request.path);
      if (system?.declared?.access === "open" && request.operation !== "help") {
        return await this.#runEffect(system, system.declared, request, undefined);
      }
      if (this.#dependencies.barrier.sealed) throw new SealedError();
      if (request.operation === "help") return await this.#help(request, system?.backend);
      if (system === undefined) return await this.#runEngine(request, request.operation);
      return await this.#runSystem(system, request, request.operation);
    } finally {
      this.#durations.observe(clock.monotonicMs() - startMs);
      this.#leave();
    }
  }

  /**
   * Whether a token is known: asked by front doors before they take a large body. Throws `PermissionDeniedError`, and
   * `SealedError`.
   */
  async checkToken(request: Pick<CoreRequest, "token" | "deadlineMs" | "signal">): Promise<void> {
    this.#enter();
    try {
      if (this.#dependencies.barrier.sealed) throw new SealedError();
      const rowKey = this.#tokenRowKey(request);
      await this.#transact(request, "read", (tx) => {
        this.#tokens.authenticate(tx, rowKey, "read");
      });
    } finally {
      this.#leave();
    }
  }

  /**
   * Takes nothing new, and resolves when the requests under way are answered, or after `graceMs`: the store, closed next,
   * ends what then still waits for it. Idempotent.
   */
  close(graceMs: number = DEFAULT_GRACE_MS): Promise<void> {
    this.#closed = true;
    this.#closing ??= this.#end(graceMs);
    return this.#closing;
  }

  async #end(graceMs: number): Promise<void> {
    await this.background.close();
    if (this.#underWay > 0) await this.#idle(graceMs);
    this.#unsubscribe();
    // Nobody says any more what has changed, so the caches hold nothing from here on.
    const everything = { type: "all", index: Number.POSITIVE_INFINITY } as const;
    this.#tokens.onInvalidation(everything);
    this.#mounts.onInvalidation(everything);
    this.#policies.onInvalidation(everything);
  }

  async #idle(graceMs: number): Promise<void> {
    let cancel = (): void => {};
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      cancel = this.#dependencies.timers.after(graceMs, resolve);
    });
    cancel();
  }

  #enter(): void {
    if (this.#closed) throw new ClosingError();
    this.#underWay++;
  }

  #leave(): void {
    this.#underWay--;
    if (this.#underWay === 0) this.#onIdle?.();
  }

  #findSystem(path: string): { backend: SystemBackend; below: string; declared: SystemPath | undefined } | undefined {
    for (const backend of this.#systems) {
      if (!path.startsWith(backend.mount.path)) continue;
      const below = path.slice(backend.mount.path.length);
      return { backend, below, declared: backend.find(below) };
    }
    return undefined;
  }

  async #runEngine(request: CoreRequest, operation: Operation): Promise<CoreResult> {
    const { store, entropy } = this.#dependencies;
    const mode = modeOf(operation);
    const rowKey = this.#tokenRowKey(request);
    const body = lazyBody(request, DEFAULT_JSON_LIMITS);
    const once = this.#once(request, mode);
    return this.#transact(request, mode, async (tx) => {
      const token = this.#tokens.authenticate(tx, rowKey, mode);
      authorize(token);
      return once(tx, async () => {
        const mount = request.namespace === "" ? findMount(this.#mounts.table(tx, mode), request.path) : undefined;
        if (mount === undefined) throw noHandler(request.path);
        const asked = logicalRequest(request, operation, request.path.slice(mount.entry.path.length), body);
        const context = {
          storage: this.#mounts.storage(tx, mount),
          nowMs: store.logTimeMs(),
          mount: mount.info,
          entropy,
        };
        const resolved = resolveOperation(mount.backend, context, asked);
        const settled = resolved === operation ? asked : { ...asked, operation: resolved };
        const response = await dispatch(mount.backend, context, settled);
        return engineResult(response, mount.entry.type);
      });
    });
  }

  async #runSystem(
    system: { readonly backend: SystemBackend; readonly below: string; readonly declared: SystemPath | undefined },
    request: CoreRequest,
    operation: Operation,
  ): Promise<CoreResult> {
    const { backend, below, declared } = system;
    const rowKey = this.#tokenRowKey(request);
    const inTransaction = declared?.run === "transaction";
    const mode = inTransaction ? modeOf(operation) : "read";
    const body = lazyBody(request, DEFAULT_JSON_LIMITS);
    const once = this.#once(request, mode);
    const asRun = async (tx: Transaction): Promise<CoreResult | undefined> => {
      const token = this.#tokens.authenticate(tx, rowKey, mode);
      if (declared?.access !== "authenticated") authorize(token);
      if (declared === undefined || request.namespace !== "") throw noHandler(request.path);
      if (!inTransaction) return undefined;
      return once(tx, async () => {
        const context = this.#systemContext(backend, request, { transaction: tx, token });
        const response = await dispatch(backend.backend, context, logicalRequest(request, operation, below, body));
        return systemResult(response, backend.mount.type, declared.reply);
      });
    };
    const result = await this.#transact(request, mode, asRun);
    if (result !== undefined || declared === undefined) return result ?? { kind: "not-found" };
    return this.#runEffect(system, declared, request, rowKey);
  }

  /** A handler that runs once, without a transaction; its token, if it needs one, has been checked. */
  async #runEffect(
    system: { readonly backend: SystemBackend; readonly below: string },
    declared: SystemPath,
    request: CoreRequest,
    rowKey: Uint8Array | undefined,
  ): Promise<CoreResult> {
    const { backend, below } = system;
    const limits = rowKey === undefined ? UNAUTHENTICATED_JSON_LIMITS : DEFAULT_JSON_LIMITS;
    const operation = request.operation === "help" ? "read" : request.operation;
    const asked = logicalRequest(request, operation, below, lazyBody(request, limits));
    const response = await dispatch(backend.backend, this.#systemContext(backend, request, {}), asked);
    return systemResult(response, backend.mount.type, declared.reply);
  }

  /** Runs the handler of a write, unless its request id says that the write was done before. Throws `RequestIdError`. */
  #once(request: CoreRequest, mode: Mode): (tx: Transaction, run: () => Promise<CoreResult>) => Promise<CoreResult> {
    const once = mode === "write" ? this.#requestIds.begin(request) : undefined;
    return (tx, run) => (once === undefined ? run() : once.run(tx, run));
  }

  /** What `?help=1` shows: every valid token may ask. */
  async #help(request: CoreRequest, system: SystemBackend | undefined): Promise<CoreResult> {
    const rowKey = this.#tokenRowKey(request);
    return this.#transact(request, "read", (tx) => {
      this.#tokens.authenticate(tx, rowKey, "read");
      const mount = system ?? findMount(this.#mounts.table(tx, "read"), `${request.path}/`);
      const info = mount === undefined ? undefined : "info" in mount ? mount.info : mount.mount;
      const help =
        mount === undefined || info === undefined
          ? undefined
          : helpFor(mount.backend, info, request.path.slice(info.path.length));
      if (help === undefined) throw noHandler(request.path);
      return { kind: "plain", status: 200, body: help };
    });
  }

  #systemContext(
    backend: SystemBackend,
    request: CoreRequest,
    rest: Pick<ConstructorParameters<typeof SystemContext>[0], "transaction" | "token">,
  ): SystemContext {
    const { store, entropy } = this.#dependencies;
    return new SystemContext({ nowMs: store.logTimeMs(), mount: backend.mount, entropy, request, ...rest });
  }

  #tokenRowKey(request: Pick<CoreRequest, "token">): Uint8Array | undefined {
    return request.token === undefined ? undefined : this.#tokens.rowKey(request.token);
  }

  async #transact<T>(
    request: Pick<CoreRequest, "deadlineMs" | "signal">,
    mode: Mode,
    body: (tx: Transaction) => Promise<T> | T,
  ): Promise<T> {
    const { deadlineMs, signal } = request;
    const options = { mode, deadlineMs, signal };
    const run = mode === "read" ? body : provingRoutes(body);
    return (await runTransaction(this.#dependencies.store, run, options)).result;
  }
}

function modeOf(operation: Operation): Mode {
  return operation === "read" || operation === "list" ? "read" : "write";
}

/**
 * Engines know their own paths, not where they are mounted: that a path is not supported hangs on the mount table, so in a
 * transaction that began on this node's own state it is a verdict over state as well.
 */
function provingRoutes<T>(body: (tx: Transaction) => Promise<T> | T): (tx: Transaction) => Promise<T> {
  return async (tx) => {
    try {
      return await body(tx);
    } catch (error) {
      if (!(error instanceof LogicalError) || error.fromState) throw error;
      if (error.code !== "unsupported_path" && error.code !== "unsupported_operation") throw error;
      throw new LogicalError(error.code, error.message, { fromState: true, cause: error });
    }
  };
}

function noHandler(path: string): LogicalError {
  return new LogicalError("unsupported_path", `no handler for route "${path}". route entry not found.`, {
    fromState: true,
  });
}

function logicalRequest(
  request: CoreRequest,
  operation: Operation,
  path: string,
  body: () => JsonObject | undefined,
): LogicalRequest {
  const { id, query, contentType, remoteAddress } = request;
  const takesBody = operation === "create" || operation === "update" || operation === "patch";
  if (takesBody && path.endsWith("/")) {
    throw new LogicalError("invalid_request", "cannot write to a path ending in '/'");
  }
  return { id, operation, path, query, body: takesBody ? body() : undefined, contentType, remoteAddress };
}

/** Parsed when first needed, which is after the token was found good; once, however often the transaction runs. */
function lazyBody(request: CoreRequest, limits: JsonLimits): () => JsonObject | undefined {
  let parsed: { readonly object: JsonObject | undefined } | undefined;
  return () => {
    parsed ??= { object: parseBody(request.body, limits) };
    return parsed.object;
  };
}

function parseBody(body: Uint8Array | undefined, limits: JsonLimits): JsonObject | undefined {
  if (body === undefined || body.length === 0) return undefined;
  const object = parseJson(body, limits).object();
  if (object === undefined) throw new LogicalError("invalid_request", "the request's body must be a JSON object");
  return object;
}
