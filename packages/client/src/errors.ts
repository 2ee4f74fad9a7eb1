/**
 * What a call can end with. Every error has a stable `code`, the server's where a server spoke; the classes group codes by
 * what a caller does about them.
 */
import { StrongroomError } from "@strongroom/runtime";

/** The client cannot be made, or a call cannot be sent, as it was asked for. */
export class ClientOptionsError extends StrongroomError {
  readonly code = "client_options";
}

export interface CallFailure {
  readonly code: string;
  /** The address that spoke last. */
  readonly address: string;
  /** The number of gRPC's status. */
  readonly grpcStatus: number;
  /** The id under which the server's audit has the call, where a server spoke. */
  readonly recordedAs?: string | undefined;
  readonly cause?: unknown;
}

/** A call failed. What has no class below is refused for a reason that `code` names, and repeating it does not help. */
export class CallError extends StrongroomError {
  readonly code: string;
  readonly address: string;
  readonly grpcStatus: number;
  readonly recordedAs: string | undefined;

  constructor(message: string, failure: CallFailure) {
    super(message, { cause: failure.cause });
    this.code = failure.code;
    this.address = failure.address;
    this.grpcStatus = failure.grpcStatus;
    this.recordedAs = failure.recordedAs;
  }
}

/** No token, an unknown one, or one that may not do this. */
export class PermissionDeniedError extends CallError {}

/** The write's `cas` is not the current version, or the secret asks for one. Read it again, then decide. */
export class CheckAndSetError extends CallError {}

/** The node is sealed; of several addresses all were. */
export class SealedError extends CallError {}

/** No node answered a read, or none had a leader, until the deadline. */
export class UnavailableError extends CallError {}

/** No node took the write until the deadline, or it was dropped before it was ordered. Nothing was changed, and nothing will be. */
export class NotCommittedError extends CallError {}

/** The write may have happened, or may yet: it appears whole or never. Read, or repeat it with the same request id. */
export class OutcomeUnknownError extends CallError {}

/** The caller's signal ended the call; a write may have happened. */
export class AbortedError extends CallError {}
