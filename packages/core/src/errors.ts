/** The refusals of the request path. Codes are stable; `@strongroom/api` has the one table that maps them to HTTP and gRPC. */
import { StrongroomError } from "@strongroom/runtime";

export class SealedError extends StrongroomError {
  readonly code = "sealed";
  constructor() {
    super("Vault is sealed");
  }
}

/**
 * Thrown for a missing, unknown or insufficient token alike, and for a mount that is not there: who is not allowed to know
 * learns nothing from the difference. A verdict over state, so it stands only on a linearizable snapshot (`fromState`).
 */
export class PermissionDeniedError extends StrongroomError {
  readonly code = "permission_denied";
  readonly fromState: boolean;
  constructor(message = "permission denied", fromState = true) {
    super(message);
    this.fromState = fromState;
  }
}

export class AlreadyInitializedError extends StrongroomError {
  readonly code = "already_initialized";
  constructor() {
    super("Vault is already initialized");
  }
}

/** Init was asked of a node that may not do it, for instance one that is configured to join a cluster. */
export class InitRefusedError extends StrongroomError {
  readonly code = "init_refused";
}

/** The request itself is wrong: a parameter is missing, malformed or out of range. */
export class InvalidRequestError extends StrongroomError {
  readonly code = "invalid_request";
  /** Whether the verdict hangs on what is stored, and not on the request alone. */
  readonly fromState: boolean;
  constructor(message: string, fromState = false) {
    super(message);
    this.fromState = fromState;
  }
}

export class UnsupportedPathError extends StrongroomError {
  readonly code = "unsupported_path";
  readonly fromState = true;
  constructor(path: string) {
    super(`no handler for route "${path}". route entry not found.`);
  }
}

export class UnsupportedOperationError extends StrongroomError {
  readonly code = "unsupported_operation";
  readonly fromState = false;
  constructor() {
    super("1 error occurred:\n\t* unsupported operation\n\n");
  }
}

/** The core is shutting down and takes nothing new. */
export class ClosingError extends StrongroomError {
  readonly code = "closing";
  constructor() {
    super("this node is shutting down; send the request to another node");
  }
}
