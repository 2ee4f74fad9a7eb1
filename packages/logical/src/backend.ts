/**
 * The contract of a secrets engine or auth method: a list of paths, one file each, with declared fields and a handler for
 * each operation. Engines know this and storage, never the core.
 */
import { assert } from "@strongroom/runtime";
import type { FieldSchemas, Fields } from "./field.ts";
import type { HeldLease, HeldLogin, LeaseGrant, TokenGrant } from "./grant.ts";
import type { Operation } from "./operation.ts";
import type { PrepareContext } from "./prepare.ts";
import type { LogicalRequest, MountInfo, RequestContext } from "./request.ts";
import type { LogicalResponse } from "./response.ts";
import { captureNames, type RouteMatch, Router } from "./router.ts";

export interface OperationDefinition<S extends FieldSchemas = FieldSchemas> {
  /** One line for help and OpenAPI. */
  readonly summary: string;
  /** Runs before the transaction, once a try: its result is the handler's `context.prepared`. */
  prepare?(context: PrepareContext, request: LogicalRequest, fields: Fields<S>): Promise<unknown>;
  handler(
    context: RequestContext,
    request: LogicalRequest,
    fields: Fields<S>,
  ): LogicalResponse | Promise<LogicalResponse>;
}

export interface PathDefinition<S extends FieldSchemas = FieldSchemas> {
  /**
   * Segments: literal, `:name` (one segment), and at the end `*name` (the rest, slashes and all, perhaps empty), or
   * `*name/literal` (the rest up to that literal, not empty).
   */
  readonly pattern: string;
  /** Captures are fields too, of type `string`. */
  readonly fields: S;
  readonly operations: Readonly<Partial<Record<Operation, OperationDefinition<S>>>>;
  readonly synopsis: string;
  readonly description: string;
  /** Takes any parameters, so unknown ones earn no warning. */
  readonly takesArbitraryInput?: boolean;
  /** `login`: reachable without a token. Every other path asks for one that a policy lets by. */
  readonly access?: "token" | "login";
  /** Root-protected: the sudo capability is asked for besides the operation's own. */
  readonly sudo?: true;
  /** With it, an `update` of what does not exist becomes a `create` before the policy is asked. Given captures only. */
  existence?(context: RequestContext, request: LogicalRequest, fields: Fields<S>): boolean;
}

export interface Backend {
  readonly type: string;
  readonly paths: readonly PathDefinition[];
  readonly help: string;
  /** The path that serves `path`, or nothing. Throws `LogicalError` invalid_path for what no path may be. */
  route(path: string): RouteMatch<PathDefinition> | undefined;
  /** Run once, in a transaction, when the mount is made. */
  initialize?(context: RequestContext): void | Promise<void>;
  /**
   * What the renewal of a token grants that this auth method once granted; without it, what the login did. Throws
   * `LogicalError` where the login would not be granted any more.
   */
  renewLogin?(context: RequestContext, login: HeldLogin): TokenGrant | Promise<TokenGrant>;
  /** What a lease's renewal grants; without it, what the lease has. */
  renew?(context: RequestContext, lease: HeldLease): LeaseGrant | Promise<LeaseGrant>;
  /**
   * Undoes what the lease stood for, outside of any transaction: `context` reads a state and can change nothing. Called again
   * after a crash or a failure, so what is undone already is no error.
   */
  revoke?(context: PrepareContext, lease: HeldLease): Promise<void>;
  /** Of an auth method: names that failed to log in too often and have to wait, ascending. */
  lockedNames?(context: RequestContext): Promise<readonly string[]>;
  /** Lets a name try again; no error for one that was not locked out. */
  unlock?(context: RequestContext, name: string): void;
}

export interface BackendFactory {
  readonly type: string;
  /** Where it may be mounted: `auth` below `auth/`, `secret` elsewhere. */
  readonly category: "secret" | "auth";
  /** Other names for the type at mount time, with the options that each implies: `kv-v2` is `kv` with version 2. */
  readonly aliases?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Options that `retune` sets for the engine's own use: a mount is shown without them. */
  readonly ownOptions?: ReadonlySet<string>;
  /** Throws `LogicalError` unsupported_backend when the mount's options ask for what this type cannot do. */
  create(mount: Pick<MountInfo, "type" | "options">): Backend;
  /**
   * The options that a mount has after a change of them; without it, `after`. Throws `LogicalError` where one with the options
   * `before` cannot become one with `after`.
   */
  retune?(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): ReadonlyMap<string, string>;
}

/** Checks a path's fields against its handlers' types; the declaration itself is returned. */
export function definePath<const S extends FieldSchemas>(path: PathDefinition<S>): PathDefinition {
  return path;
}

export type BackendDefinition = Omit<Backend, "route">;

/** Compiles the paths. A pattern twice, a capture without a field or a `create` without an existence check is a bug. */
export function defineBackend(definition: BackendDefinition): Backend {
  for (const path of definition.paths) {
    const { pattern, fields, operations } = path;
    for (const name of captureNames(pattern)) {
      assert(fields[name]?.type === "string", `the capture ${name} of "${pattern}" is not a string field`);
    }
    const creates = operations.create !== undefined;
    assert(
      creates === (path.existence !== undefined),
      `"${pattern}" has one of create and existence without the other`,
    );
  }
  const router = new Router<PathDefinition>(definition.paths);
  return { ...definition, route: (path) => router.route(path) };
}
