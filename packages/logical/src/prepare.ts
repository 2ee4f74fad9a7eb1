/**
 * What an operation does before its transaction: the work that must not run again with it, such as hashing a password, or a
 * call to the outside. It sees a state that is at least as new as the request, and can change nothing.
 */
import { type Entropy, StrongroomError } from "@strongroom/runtime";
import type { MountInfo } from "./request.ts";
import type { LogicalStorage } from "./storage.ts";

export interface PrepareContext {
  readonly storage: Pick<LogicalStorage, "get" | "decoded" | "list">;
  /** The log's time. */
  readonly nowMs: number;
  readonly mount: MountInfo;
  readonly entropy: Entropy;
  readonly kdf: PasswordHasher;
  /** Absolute, in the clock's monotonic milliseconds. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Slow hashes of passwords, made off the request's thread behind a bounded queue. */
export interface PasswordHasher {
  /** A new hash in its text form, salt and parameters included. Throws a `StrongroomError` with code "overloaded". */
  hash(password: Uint8Array): Promise<string>;
  /** Whether `password` is the one. Takes as long for a hash that is none as for a good one. Throws as `hash`. */
  verify(password: Uint8Array, hash: string): Promise<boolean>;
}

/**
 * Thrown by a handler that finds another state than its `prepare` saw: the operation is prepared and run again, until the
 * request's deadline. From the state: it is believed of a fresh one only.
 */
export class PreparedStaleError extends StrongroomError {
  readonly code = "prepared_stale";
  readonly fromState = true;

  constructor() {
    super("what the request was prepared with has changed; try again");
  }
}
