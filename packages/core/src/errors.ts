/**
 * The refusals of the request path that no engine knows. What is wrong with a request itself is a `LogicalError`, as in the
 * engines. Codes are stable; `@strongroom/api` has the one table that maps them to HTTP and gRPC.
 */
import { StrongroomError } from "@strongroom/runtime";

/**
 * Thrown for a missing and an unknown token alike, and for one whose policies do not allow the request: with no token an
 * existing mount looks like a missing one. A verdict over state, so it stands only on a state that is proven fresh.
 */
export class PermissionDeniedError extends StrongroomError {
  readonly code = "permission_denied";
  readonly fromState: boolean;

  constructor(message = "permission denied", fromState = true) {
    super(message);
    this.fromState = fromState;
  }
}

/** An init that came second; also what every loser of a race gets. */
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

/** The core is shutting down and takes nothing new. */
export class ClosingError extends StrongroomError {
  readonly code = "closing";

  constructor() {
    super("this node is shutting down; send the request to another node");
  }
}
