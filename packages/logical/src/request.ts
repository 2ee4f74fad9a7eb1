/** What a handler is given: the request itself, and the world it may touch. */
import type { Entropy } from "@strongroom/runtime";
import type { TokenType } from "./grant.ts";
import type { JsonNode } from "./json/document.ts";
import type { Operation } from "./operation.ts";
import type { LogicalStorage } from "./storage.ts";

/** The mount that a request was routed to. */
export interface MountInfo {
  /** As policies name it, with the slash at its end: `secret/`. */
  readonly path: string;
  readonly type: string;
  readonly accessor: string;
  readonly uuid: string;
  readonly options: ReadonlyMap<string, string>;
  readonly config: MountConfig;
}

/** What is in force: the mount's own, else the system's. */
export interface MountConfig {
  /** Never more than the greatest. */
  readonly defaultLeaseTtlSeconds: number;
  readonly maxLeaseTtlSeconds: number;
  /** Of an auth mount: the type of tokens whose grant says "default". */
  readonly tokenType?: Exclude<TokenType, "default">;
  /** Of an auth mount; missing: nothing was said. */
  readonly userLockout?: UserLockout;
}

/** When a name that fails to log in is locked out. What was not said is missing. */
export interface UserLockout {
  readonly thresholdCount?: number;
  readonly durationSeconds?: number;
  readonly counterResetSeconds?: number;
  readonly disabled?: boolean;
}

export interface RequestContext {
  readonly storage: LogicalStorage;
  /** The log's time, never a node's own clock: milliseconds since 1970, perhaps with a fraction, one value a run. */
  readonly nowMs: number;
  readonly mount: MountInfo;
  readonly entropy: Entropy;
  /** What the operation's `prepare` gave for this try; undefined where it declares none. */
  readonly prepared?: unknown;
}

/** Whose token a request came with. Never the token itself. */
export interface Caller {
  readonly accessor: string;
  readonly displayName: string;
  readonly policies: readonly string[];
  /** Empty: no entity. */
  readonly entityId: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** 32 bytes: the keyed hash under which the token is stored, and which names what belongs to it. */
  readonly tokenHash: Uint8Array;
}

/** An object node; `JsonDocument.object()` gives one. */
export type JsonObject = JsonNode & { readonly kind: "object" };

export interface LogicalRequest {
  readonly id: string;
  readonly operation: Operation;
  /** Below the mount, decoded once, without a slash at its head; a list's ends in "/" or is empty. */
  readonly path: string;
  /** Decoded parameters; those that choose the operation (`list`, `help`) are gone already. */
  readonly query: ReadonlyMap<string, readonly string[]>;
  readonly body: JsonObject | undefined;
  readonly contentType: string | undefined;
  /** The socket's peer, never a header's claim. */
  readonly remoteAddress: string;
  /**
   * Headers of the client's request by their names in lower case: those that the mount was tuned to give its engine, and never
   * the token. Missing: none.
   */
  readonly headers?: ReadonlyMap<string, readonly string[]>;
  /** Missing where a path with access "login" was reached without a token. */
  readonly caller?: Caller;
}
