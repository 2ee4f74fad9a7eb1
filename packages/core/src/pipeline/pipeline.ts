/**
 * The stages of a request, in the order of a run: token, route, path policy, body, parameter policy, audit, handler, what it
 * grants, wrapping, the use that it takes. All of it is one transaction, which may run several times; around it are what
 * must not run again (preparations, effects) and the audit of the answer.
 */
import { LogicalError, PreparedStaleError } from "@strongroom/logical";
import { StrongroomError } from "@strongroom/runtime";
import { runTransaction, type Transaction } from "@strongroom/storage";
import type { AuditTable } from "../audit/audit-table.ts";
import { AuditTrail } from "../audit/audit-trail.ts";
import type { CoreDependencies } from "../dependencies.ts";
import { findMount, type Mounts } from "../mounts.ts";
import type { PolicyStore } from "../policy/policy-store.ts";
import type { CoreRequest, CoreResult } from "../request.ts";
import type { RequestIds } from "../request-id.ts";
import type { SystemBackend } from "../system/system-backend.ts";
import type { Commands } from "../token/token-revoker.ts";
import type { TokenServices } from "../token/token-services.ts";
import type { Mode } from "../token/token-store.ts";
import { afterThisUse, spendUse } from "../token/token-use.ts";
import type { ResponseWrapper } from "../wrapping/response-wrapper.ts";
import { answer } from "./answer.ts";
import { changesState, type Exchange, type Outcome, RunAgain, type Visit } from "./exchange.ts";
import { RequestBody } from "./request-body.ts";
import { requestCommands } from "./request-commands.ts";
import { runEffect } from "./run-effect.ts";
import { engineTarget, isLogin, systemTarget, type Target } from "./target.ts";

export interface PipelineParts {
  readonly dependencies: CoreDependencies;
  readonly systems: readonly SystemBackend[];
  readonly mounts: Mounts;
  readonly tokens: TokenServices;
  readonly policies: PolicyStore;
  readonly wrapper: ResponseWrapper;
  readonly requestIds: RequestIds;
  readonly auditTable: AuditTable;
}

export class Pipeline {
  readonly #parts: PipelineParts;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  /** Serves a request of an open node. Refusals are thrown, all of them `StrongroomError`s. */
  async run(request: CoreRequest): Promise<CoreResult> {
    const exchange = this.#begin(request);
    let result: CoreResult;
    try {
      result = await this.#serve(exchange);
    } catch (error) {
      throw await exchange.trail.refusal(error, exchange.tookEffect);
    }
    const wrap = result.kind === "data" ? result.wrap : undefined;
    try {
      await exchange.trail.response(exchange.unwrapped ?? result, wrap, exchange.tookEffect);
    } catch (error) {
      if (result.kind === "stream") await result.body[Symbol.asyncIterator]().return?.();
      throw error;
    }
    return result;
  }

  /** Throws `PermissionDeniedError` for a token that is not good; takes no use from one that is. */
  async checkToken(request: Pick<CoreRequest, "token" | "remoteAddress" | "deadlineMs" | "signal">): Promise<void> {
    const { store } = this.#parts.dependencies;
    const { authenticator } = this.#parts.tokens;
    const { token, remoteAddress, deadlineMs, signal } = request;
    const presented = token === undefined ? undefined : authenticator.present(token);
    const check = (tx: Transaction): void => {
      authenticator.authenticate(tx, presented, "read", { remoteAddress, nowMs: store.logTimeMs() });
    };
    await runTransaction(store, check, { mode: "read", deadlineMs, signal });
  }

  #begin(request: CoreRequest): Exchange {
    const { dependencies, systems, tokens, requestIds } = this.#parts;
    const system = request.namespace === "" ? systemTarget(systems, request.path) : undefined;
    const keepsId = changesState(request.operation) && system?.declared?.idempotent !== true;
    const { audit: log, version } = dependencies;
    const trail = new AuditTrail({ log, table: this.#parts.auditTable, version }, request);
    return {
      request,
      system,
      presented: request.token === undefined ? undefined : tokens.authenticator.present(request.token),
      body: new RequestBody(request.body),
      once: keepsId && system?.declared?.run !== "effect" ? requestIds.begin(request) : undefined,
      trail,
      writes: request.wrapTtlSeconds !== undefined,
      prepared: undefined,
      unwrapped: undefined,
      tookEffect: false,
      revision: undefined,
    };
  }

  async #serve(exchange: Exchange): Promise<CoreResult> {
    const { clock } = this.#parts.dependencies;
    for (;;) {
      try {
        return await this.#settle(exchange, await this.#transact(exchange, false));
      } catch (error) {
        if (error instanceof RunAgain) {
          if (error.as === "write") exchange.writes = true;
          else exchange.prepared = { value: await this.#prepare(exchange) };
        } else if (error instanceof PreparedStaleError && clock.monotonicMs() < exchange.request.deadlineMs) {
          exchange.prepared = undefined;
        } else throw error;
      }
    }
  }

  /** What follows the transaction. */
  async #settle(exchange: Exchange, outcome: Outcome): Promise<CoreResult> {
    switch (outcome.kind) {
      case "answer":
        await outcome.afterCommit?.(this.#commands(exchange.request), exchange.revision);
        return outcome.result;
      case "effect":
        exchange.tookEffect ||= changesState(exchange.request.operation);
        return runEffect(exchange, outcome, this.#commands(exchange.request), this.#parts.wrapper);
      case "refusal":
        throw outcome.error;
      case "prepared":
        throw new TypeError("only a preparation prepares");
    }
  }

  /** On a state at least as new as the request; the operation's result is what its handler is given. */
  async #prepare(exchange: Exchange): Promise<unknown> {
    const outcome = await this.#transact(exchange, true);
    if (outcome.kind !== "prepared") throw new TypeError("a preparation does nothing else");
    return outcome.value;
  }

  async #transact(exchange: Exchange, preparing: boolean): Promise<Outcome> {
    const { deadlineMs, signal, operation } = exchange.request;
    const effect = exchange.system?.declared?.run === "effect";
    const writing = changesState(operation) && !effect;
    const mode: Mode = !preparing && (writing || exchange.writes) ? "write" : "read";
    const run = (tx: Transaction): Promise<Outcome> => this.#visit(tx, exchange, mode, preparing);
    const body = mode === "read" ? run : provingRoutes(run);
    const options = { mode, fresh: exchange.writes, deadlineMs, signal };
    const { result, revision } = await runTransaction(this.#parts.dependencies.store, body, options);
    if (revision !== undefined) {
      exchange.tookEffect = true;
      exchange.revision = revision;
    }
    return result;
  }

  async #visit(tx: Transaction, exchange: Exchange, mode: Mode, preparing: boolean): Promise<Outcome> {
    const { dependencies, tokens } = this.#parts;
    const { request, presented, trail } = exchange;
    const nowMs = dependencies.store.logTimeMs();
    const target = exchange.system ?? this.#engine(tx, request, mode);
    const visit: Visit = { exchange, target, bearer: undefined, mode, nowMs, preparing };
    if (isLogin(target) && request.operation !== "help") return answer(tx, visit, this.#parts);
    const circumstances = { remoteAddress: request.remoteAddress, nowMs };
    const bearer = tokens.authenticator.authenticate(tx, presented, mode, circumstances);
    trail.entry = bearer.entry;
    if (!bearer.useLimited || preparing) return answer(tx, { ...visit, bearer }, this.#parts);
    // Its answer is committed with the use, so what it guards not must not be old either.
    if (!exchange.writes) throw new RunAgain("write");
    let outcome: Outcome;
    try {
      outcome = await answer(tx, { ...visit, bearer: afterThisUse(bearer) }, this.#parts);
    } catch (error) {
      if (!(error instanceof StrongroomError) || error instanceof PreparedStaleError) throw error;
      tx.discardWrites();
      outcome = { kind: "refusal", error };
    }
    spendUse(tx, bearer, tokens);
    return outcome;
  }

  #engine(tx: Transaction, request: CoreRequest, mode: Mode): Target | undefined {
    if (request.namespace !== "") return undefined;
    // Help is asked of a mount itself, too.
    const path = request.operation === "help" ? `${request.path}/` : request.path;
    const mount = findMount(this.#parts.mounts.table(tx, mode), path);
    return mount === undefined ? undefined : engineTarget(mount, request.path);
  }

  #commands({ deadlineMs, signal }: CoreRequest): Commands {
    return requestCommands(this.#parts.dependencies.store, { deadlineMs, signal });
  }
}

/**
 * Engines know their own paths, not where they are mounted: that a path is not supported hangs on the mount table, so in a
 * transaction that began on this node's own state it is a verdict over state as well.
 */
function provingRoutes<T>(body: (tx: Transaction) => Promise<T>): (tx: Transaction) => Promise<T> {
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
