/** From a token that was found good, or a path that asks for none, to the answer: policy, body, audit, handler, wrapping. */
import {
  callOf,
  DEFAULT_JSON_LIMITS,
  helpFor,
  LogicalError,
  type LogicalRequest,
  type LogicalResponse,
  type Operation,
  type RequestContext,
  resolveOperation,
  runCall,
  UNAUTHENTICATED_JSON_LIMITS,
} from "@strongroom/logical";
import type { Transaction } from "@strongroom/storage";
import type { MountEntry } from "../mount-entry.ts";
import type { CoreResult, ExpectedEngine } from "../request.ts";
import { engineResult, systemResult } from "../result.ts";
import { accessOf, SystemContext } from "../system/system-path.ts";
import { callerOf } from "../token/authenticator.ts";
import { Authorization } from "./authorize.ts";
import { changesState, type Outcome, RunAgain, type Visit } from "./exchange.ts";
import { leaseOf, loginResult } from "./grants.ts";
import { answeredHeaders, givenHeaders } from "./mount-headers.ts";
import type { PipelineParts } from "./pipeline.ts";
import { declaredOf, needsSudo, type Target } from "./target.ts";

/** Throws what refuses the request. */
export async function answer(tx: Transaction, visit: Visit, parts: PipelineParts): Promise<Outcome> {
  const { exchange, target, bearer, mode } = visit;
  const { request, trail } = exchange;
  trail.mount = mountEntryOf(tx, visit, parts);
  if (request.operation === "help") return help(tx, visit, parts);
  if (takesBody(request.operation) && request.path.endsWith("/")) {
    throw new LogicalError("invalid_request", "cannot write to a path ending in '/'");
  }
  const early = askedOf(visit, request.operation);
  const unjudged = contextOf(tx, visit, parts, false);
  const operation = resolveOperation(target?.match, unjudged, early);
  const checked = target?.kind !== "system" || target.declared?.access !== "authenticated";
  const authorization =
    bearer === undefined || !checked
      ? undefined
      : Authorization.byPath(parts.policies, tx, { bearer, request, operation, sudo: needsSudo(target), mode });
  const body = readBody(visit, operation);
  authorization?.checkParameters(changesState(operation) ? body : request.query);
  trail.operation = operation;
  trail.body = body;
  trail.grantedBy = authorization?.grantedBy ?? [];
  // What changes nothing need not wait: nothing is answered before its record stands.
  await trail.request(parts.auditTable.settings(tx), changesState(operation));
  const once = (write: () => Promise<CoreResult>): Promise<CoreResult> =>
    exchange.once === undefined ? write() : exchange.once.run(tx, write);
  if (target === undefined || (target.kind === "system" && target.declared === undefined)) {
    return { kind: "answer", result: await once(() => Promise.reject(noHandler(request.path))) };
  }
  if (request.engine !== undefined) checkEngine(target, request.engine);
  const asked: LogicalRequest = { ...early, operation, body };
  const context = target.kind === "engine" ? unjudged : contextOf(tx, visit, parts, authorization?.sudo ?? false);
  if (target.kind === "system" && declaredOf(target).run === "effect") {
    // The transaction is over when it runs.
    const outside = contextOf(undefined, visit, parts, authorization?.sudo ?? false);
    return { kind: "effect", target, asked, context: SystemContext.of(outside) };
  }
  if (visit.preparing) return { kind: "prepared", value: await prepare(asked, context, visit, parts) };
  let result: CoreResult;
  try {
    result = await once(() => handle(tx, visit, { asked, context, target }, parts));
  } catch (error) {
    if (error instanceof KeptRefusal) return { kind: "refusal", error: error.refusal };
    throw error;
  }
  const afterCommit = context instanceof SystemContext ? context.afterCommit : undefined;
  return { kind: "answer", result, afterCommit };
}

/** Before the handler: what it has written could not be answered afterwards. Throws `LogicalError`. */
function checkEngine({ mount }: Target, expected: ExpectedEngine): void {
  const { mountPath, type, version } = expected;
  if (mount.path === mountPath && mount.type === type && mount.options.get("version") === version) return;
  throw new LogicalError("unsupported_path", `there is no ${type} engine of version ${version} at ${mountPath}`, {
    fromState: true,
  });
}

/** Leaves the handler's run; what it wrote stands. */
class KeptRefusal extends Error {
  readonly refusal: LogicalError;

  constructor(refusal: LogicalError) {
    super("a refusal whose writes stand");
    this.refusal = refusal;
  }
}

interface Handled {
  readonly asked: LogicalRequest;
  readonly context: RequestContext;
  readonly target: Target;
}

async function handle(tx: Transaction, visit: Visit, handled: Handled, parts: PipelineParts): Promise<CoreResult> {
  const { asked, context, target } = handled;
  const { exchange, nowMs, mode } = visit;
  const { request } = exchange;
  const call = callOf(target.match, asked);
  if (call.definition.prepare !== undefined && exchange.prepared === undefined) throw new RunAgain("prepared");
  const response = await runCall(call, context);
  if (response.kind === "refusal") throw new KeptRefusal(response.error);
  // What a request has listed is what it answers: the token's uses and the wrapping do not hang on it.
  if (mode === "write" && !changesState(asked.operation)) parts.dependencies.barrier.answeredList(tx);
  const result = resultOf(tx, visit, response, handled, parts);
  if (request.wrapTtlSeconds === undefined || !parts.wrapper.wraps(result)) return result;
  exchange.unwrapped = result;
  return parts.wrapper.wrap(tx, result, { request, nowMs });
}

function resultOf(
  tx: Transaction,
  visit: Visit,
  response: LogicalResponse,
  { context, target }: Handled,
  { tokens }: PipelineParts,
): CoreResult {
  if (target.kind === "system") {
    const result = systemResult(response, target.mount.type, declaredOf(target).reply);
    const { auth, lease, wrap } = SystemContext.of(context);
    if (auth === undefined && lease === undefined && wrap === undefined) return result;
    const beside = { ...(auth && { auth }), ...(lease && { lease }), ...(wrap && { wrap }) };
    return result.kind === "data"
      ? { ...result, ...beside }
      : { kind: "data", status: 200, data: null, mountType: target.mount.type, ...beside };
  }
  if (response.kind === "auth") return loginResult(tx, visit, response, tokens);
  const result = engineResult(response, target.mount.type);
  if (response.kind !== "data" || result.kind !== "data") return result;
  const headers = answeredHeaders(target.engine.entry, response.headers);
  const { lease, warnings } = leaseOf(tx, visit, response, tokens);
  if (lease === undefined) return headers === undefined ? result : { ...result, headers };
  const more = [...(result.warnings ?? []), ...warnings];
  return { ...result, lease, ...(headers && { headers }), ...(more.length === 0 ? undefined : { warnings: more }) };
}

async function prepare(
  asked: LogicalRequest,
  context: RequestContext,
  { target, exchange }: Visit,
  { dependencies }: PipelineParts,
): Promise<unknown> {
  const { definition, fields } = callOf(target?.match, asked);
  const { deadlineMs, signal } = exchange.request;
  const { storage, nowMs, mount, entropy } = context;
  const { kdf } = dependencies;
  return definition.prepare?.({ storage, nowMs, mount, entropy, kdf, deadlineMs, signal }, asked, fields);
}

function contextOf(
  tx: Transaction | undefined,
  { exchange, target, bearer, nowMs }: Visit,
  { dependencies, mounts }: PipelineParts,
  sudo: boolean,
): RequestContext {
  const { entropy } = dependencies;
  if (target?.kind === "engine" && tx !== undefined) {
    const storage = mounts.storage(tx, target.engine, bearer);
    const { mount } = target;
    return exchange.prepared === undefined
      ? { storage, nowMs, mount, entropy }
      : { storage, nowMs, mount, entropy, prepared: exchange.prepared.value };
  }
  const mount = target?.mount ?? NO_MOUNT;
  return new SystemContext({ nowMs, mount, entropy, request: exchange.request, transaction: tx, bearer, sudo });
}

/** Where no path is, nobody reads what the context says of its mount. */
const NO_MOUNT = {
  path: "",
  type: "",
  accessor: "",
  uuid: "",
  options: new Map<string, string>(),
  config: { defaultLeaseTtlSeconds: 0, maxLeaseTtlSeconds: 0 },
} as const;

function askedOf({ exchange, target, bearer }: Visit, operation: Operation): LogicalRequest {
  const { id, query, contentType, remoteAddress, path, header } = exchange.request;
  const headers = target?.kind === "engine" ? givenHeaders(target.engine.entry, header) : undefined;
  const asked = {
    id,
    operation,
    path: target?.below ?? path,
    query,
    body: undefined,
    contentType,
    remoteAddress,
    ...(headers && { headers }),
  };
  return bearer === undefined ? asked : { ...asked, caller: callerOf(bearer) };
}

/** Throws `LogicalError` for what is no JSON object. */
function readBody({ exchange, bearer }: Visit, operation: Operation): LogicalRequest["body"] {
  if (!takesBody(operation)) return undefined;
  return exchange.body.object(bearer === undefined ? UNAUTHENTICATED_JSON_LIMITS : DEFAULT_JSON_LIMITS);
}

function takesBody(operation: Operation): boolean {
  return operation === "create" || operation === "update" || operation === "patch";
}

/** What `?help=1` shows: every valid token may ask. */
async function help(tx: Transaction, { exchange, target }: Visit, parts: PipelineParts): Promise<Outcome> {
  const { request, trail } = exchange;
  await trail.request(parts.auditTable.settings(tx), false);
  const shown = target === undefined ? undefined : helpOf(target, parts.dependencies.version);
  if (shown === undefined) throw noHandler(request.path);
  return { kind: "answer", result: { kind: "plain", status: 200, body: shown } };
}

function helpOf(target: Target, version: string): ReturnType<typeof helpFor> {
  const { backend, below } = target;
  if (target.kind === "engine") return helpFor(backend, below, version);
  return helpFor(backend, below, version, (path) => accessOf(target.system.declaration(path)));
}

/** With what was said of the mount since, such as what of it is audited in the clear. */
function mountEntryOf(tx: Transaction, { target, mode }: Visit, { mounts }: PipelineParts): MountEntry | undefined {
  if (target === undefined) return undefined;
  if (target.kind === "engine") return target.engine.entry;
  const { system, token } = mounts.table(tx, mode);
  return target.mount.path === token.entry.path ? token.entry : system.entry;
}

function noHandler(path: string): LogicalError {
  return new LogicalError("unsupported_path", `no handler for route "${path}". route entry not found.`, {
    fromState: true,
  });
}
