/**
 * The request path of one worker, from the outside: what is open to anybody, what a sealed node refuses, and the pipeline
 * that serves the rest. It also owns what runs besides requests.
 */
import type { DeviceConfig } from "@strongroom/audit";
import { SealedError } from "@strongroom/barrier";
import { dispatch, type LogicalRequest, UNAUTHENTICATED_JSON_LIMITS } from "@strongroom/logical";
import type { Histogram } from "@strongroom/runtime";
import { Transaction } from "@strongroom/storage";
import { AuditTable } from "./audit/audit-table.ts";
import { AuditTrail, type IncomingRequest } from "./audit/audit-trail.ts";
import { BackgroundWork } from "./background/background-work.ts";
import type { CoreDependencies } from "./dependencies.ts";
import { ClosingError } from "./errors.ts";
import { createLeases, type Leases } from "./lease/leases.ts";
import { SYSTEM_MOUNT } from "./mount-entry.ts";
import { MountSweeper } from "./mount-sweeper.ts";
import { Mounts } from "./mounts.ts";
import { changesState } from "./pipeline/exchange.ts";
import { Pipeline } from "./pipeline/pipeline.ts";
import { RequestBody } from "./pipeline/request-body.ts";
import { declaredOf, type SystemTarget, systemTarget } from "./pipeline/target.ts";
import { PasswordPolicyStore } from "./policy/password-policy-store.ts";
import { PolicyStore } from "./policy/policy-store.ts";
import type { CoreRequest, CoreResult } from "./request.ts";
import { RequestIds } from "./request-id.ts";
import { RequestIdSweeper } from "./request-id-sweeper.ts";
import { systemResult } from "./result.ts";
import { type SystemBackend, systemBackends } from "./system/system-backend.ts";
import { SystemContext } from "./system/system-path.ts";
import { TokenRoles } from "./token/token-role.ts";
import { type TokenServices, tokenServices } from "./token/token-services.ts";
import { TokenSweeper } from "./token/token-sweeper.ts";
import { TokenTidier } from "./token/token-tidier.ts";
import { VersionRecorder } from "./version-history.ts";
import { ResponseWrapper } from "./wrapping/response-wrapper.ts";

/** Upper bounds in milliseconds. */
const DURATION_BOUNDS = [0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000];

const DEFAULT_GRACE_MS = 5_000;

/**
 * `anybodys`: of a path that may be asked by anybody, sealed or not, and held to `UNAUTHENTICATED_JSON_LIMITS`. `bearers`: a
 * long one only after the token was found good. `unread`: not a byte of it is taken.
 */
export type BodyRule = "anybodys" | "bearers" | "unread";

export class Core {
  readonly #dependencies: CoreDependencies;
  readonly #tokens: TokenServices;
  readonly #mounts: Mounts;
  readonly #policies: PolicyStore;
  readonly #auditTable: AuditTable;
  /** Runs once it is started, which is for one worker of each node to do. */
  readonly background: BackgroundWork;
  readonly #pipeline: Pipeline;
  /** What core serves itself. */
  readonly systems: readonly SystemBackend[];
  readonly #durations: Histogram;
  readonly #unsubscribe: () => void;
  #closed = false;
  #closing: Promise<void> | undefined;
  #underWay = 0;
  #onIdle: (() => void) | undefined;

  private constructor(dependencies: CoreDependencies) {
    const { store, barrier, backends, entropy, logger, metrics } = dependencies;
    this.#dependencies = dependencies;
    const mounts = new Mounts(barrier, backends, dependencies.leaseTtls);
    this.#mounts = mounts;
    this.background = new BackgroundWork({ store, barrier, logger, metrics });
    const leases: Leases = createLeases({
      ...dependencies,
      mounts,
      // Leases end tokens, and tokens have leases: one of them has to be told of the other later.
      tokens: {
        expire: (leader, hash) => tokenSweeper.expire(leader, hash),
        revoke: (leader, hash) => tokenSweeper.revoke(leader, hash),
      },
      context: (tx, mount, wait) => {
        const storage = mounts.storage(tx, mount);
        return { storage, nowMs: store.logTimeMs(), mount: mount.info, entropy, kdf: dependencies.kdf, ...wait };
      },
      onWorked: (mountUuid) => {
        if (mountSweeper.waitsFor(mountUuid)) void this.background.run(mountSweeper.name);
      },
    });
    const mountSweeper = new MountSweeper({ mounts, leases: leases.tasks, logger, metrics });
    const tokens = tokenServices({ barrier, mounts, leases: leases.manager, entropy });
    this.#tokens = tokens;
    const tokenSweeper = new TokenSweeper(tokens);
    this.#policies = new PolicyStore(barrier);
    this.#auditTable = new AuditTable(barrier);
    const wrapper = new ResponseWrapper({ barrier, tokens });
    const tidier = new TokenTidier({ tokens: tokens.store, logger });
    const requestIds = new RequestIdSweeper(barrier);
    const versions = new VersionRecorder({ barrier, program: dependencies });
    for (const task of [mountSweeper, requestIds, tokenSweeper, tidier, versions, ...leases.background]) {
      this.background.register(task);
    }
    this.systems = systemBackends({
      dependencies,
      mounts: this.#mounts,
      tokens,
      policies: this.#policies,
      passwordPolicies: new PasswordPolicyStore(barrier),
      leases,
      wrapper,
      roles: new TokenRoles(barrier),
      auditTable: this.#auditTable,
    });
    this.#pipeline = new Pipeline({
      dependencies,
      systems: this.systems,
      mounts: this.#mounts,
      tokens,
      policies: this.#policies,
      wrapper,
      requestIds: new RequestIds(dependencies),
      auditTable: this.#auditTable,
    });
    this.#durations = metrics.histogram(
      "vault_core_handle_request",
      "Time from a request's arrival in the core to its answer, in milliseconds.",
      DURATION_BOUNDS,
    );
    this.#unsubscribe = store.onInvalidation((event) => {
      tokens.store.onInvalidation(event);
      this.#mounts.onInvalidation(event);
      this.#policies.onInvalidation(event);
      this.#auditTable.onInvalidation(event);
    });
  }

  static open(dependencies: CoreDependencies): Core {
    return new Core(dependencies);
  }

  /** How a front door is to treat the body of a write to `path`, before anything else is known of the request. */
  bodyRule(path: string): BodyRule {
    const declared = systemTarget(this.systems, path)?.declared;
    if (declared?.body === "unread") return "unread";
    return declared?.access === "open" ? "anybodys" : "bearers";
  }

  /**
   * Serves one request. Refusals are thrown: `LogicalError`, `PermissionDeniedError`, the barrier's `SealedError`, and what
   * `runTransaction` throws, all of them `StrongroomError`s with a stable code.
   */
  async handle(request: CoreRequest): Promise<CoreResult> {
    const { clock, barrier } = this.#dependencies;
    const startMs = clock.monotonicMs();
    this.#enter();
    try {
      const system = systemTarget(this.systems, request.path);
      if (system?.declared?.access === "open" && request.operation !== "help")
        return await this.#runOpen(system, request);
      if (barrier.sealed) throw await this.refused(request, new SealedError());
      return await this.#pipeline.run(request);
    } finally {
      this.#durations.observe(clock.monotonicMs() - startMs);
      this.#leave();
    }
  }

  /**
   * Whether a token is known: asked by front doors before they take a large body. Throws `PermissionDeniedError`, and
   * `SealedError`.
   */
  async checkToken(request: Pick<CoreRequest, "token" | "remoteAddress" | "deadlineMs" | "signal">): Promise<void> {
    this.#enter();
    try {
      if (this.#dependencies.barrier.sealed) throw new SealedError();
      await this.#pipeline.checkToken(request);
    } finally {
      this.#leave();
    }
  }

  /**
   * Records what a front door refuses by itself. Gives the error to answer: `error`, or that it could not be recorded.
   */
  refused(request: IncomingRequest, error: unknown): Promise<unknown> {
    return this.#trail(request).refusal(error, false);
  }

  /** The cluster's audit devices, from this node's own state; undefined while it is sealed or has none yet. */
  auditDevices(): readonly DeviceConfig[] | undefined {
    const { barrier, store } = this.#dependencies;
    if (barrier.sealed || this.#closed) return undefined;
    const snapshot = store.localSnapshot();
    try {
      return this.#auditTable.settings(new Transaction(snapshot)).devices;
    } catch (error) {
      if (error instanceof SealedError) return undefined;
      throw error;
    } finally {
      snapshot.release();
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
    this.#tokens.store.onInvalidation(everything);
    this.#mounts.onInvalidation(everything);
    this.#policies.onInvalidation(everything);
    this.#auditTable.onInvalidation(everything);
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

  /** Needs no token, and works on a sealed node. What changes something is audited, what only looks is not. */
  async #runOpen(target: SystemTarget, request: CoreRequest): Promise<CoreResult> {
    const operation = request.operation === "help" ? "read" : request.operation;
    const changes = changesState(operation);
    const trail = changes ? this.#openTrail(request) : undefined;
    let executed = false;
    let result: CoreResult;
    try {
      const { id, query, contentType, remoteAddress } = request;
      const body = changes ? new RequestBody(request.body).object(UNAUTHENTICATED_JSON_LIMITS) : undefined;
      await trail?.request(this.#auditTable.latest, true);
      const asked: LogicalRequest = { id, operation, path: target.below, query, body, contentType, remoteAddress };
      const { store, entropy } = this.#dependencies;
      const { mount, backend } = target;
      const context = new SystemContext({ nowMs: store.logTimeMs(), mount, entropy, request });
      executed = changes;
      const response = await dispatch(backend, context, asked);
      result = systemResult(response, mount.type, declaredOf(target).reply);
    } catch (error) {
      throw trail === undefined ? error : await trail.refusal(error, executed);
    }
    await trail?.response(result, undefined, executed);
    return result;
  }

  /** Without the body: it is a share of a key, or asks for keys. Without the token, which nobody looks at. */
  #openTrail({ id, operation, path, namespace, remoteAddress, remotePort, header }: CoreRequest): AuditTrail {
    const trail = this.#trail({
      id,
      operation,
      path,
      namespace,
      remoteAddress,
      ...(remotePort === undefined ? undefined : { remotePort }),
      ...(header === undefined ? undefined : { header }),
    });
    trail.mount = SYSTEM_MOUNT;
    return trail;
  }

  #trail(incoming: IncomingRequest): AuditTrail {
    const { audit: log, version } = this.#dependencies;
    return new AuditTrail({ log, table: this.#auditTable, version }, incoming);
  }
}
