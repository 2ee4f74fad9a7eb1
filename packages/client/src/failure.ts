/** Reads what went wrong with one try of a call, and says what that means for the next. */
import { type ServiceError, status } from "@grpc/grpc-js";
import {
  CallError,
  CheckAndSetError,
  NotCommittedError,
  OutcomeUnknownError,
  PermissionDeniedError,
  SealedError,
  UnavailableError,
} from "./errors.ts";

/** Trailing metadata that carries an error's stable code. */
const CODE_METADATA = "strongroom-code";
/** And the id under which the audit has the call. */
const REQUEST_ID_METADATA = "strongroom-request-id";

/** A try that failed. */
export interface Failure {
  readonly error: CallError;
  /**
   * `final`: every node would say the same. `sealed`: another node may be open. `clean`: nothing was changed. `uncertain`: the
   * server may have done it, or may yet.
   */
  readonly kind: "final" | "sealed" | "clean" | "uncertain";
}

/** Codes after which another node, or the same one a moment later, may do better. */
const RETRIED: Readonly<Record<string, Failure["kind"]>> = {
  sealed: "sealed",
  unavailable: "clean",
  leadership_lost: "clean",
  closing: "clean",
  not_committed: "clean",
  outcome_unknown: "uncertain",
};

export function readFailure(thrown: Error, address: string): Failure {
  if (!isServiceError(thrown)) {
    const error = new CallError(`the call could not be sent: ${thrown.message}`, {
      code: "internal",
      address,
      grpcStatus: status.INTERNAL,
      cause: thrown,
    });
    return { error, kind: "final" };
  }
  const remoteCode = thrown.metadata.get(CODE_METADATA)[0];
  if (typeof remoteCode !== "string") return unspoken(thrown, address);
  const recordedAs = thrown.metadata.get(REQUEST_ID_METADATA)[0]?.toString();
  const failure = { code: remoteCode, address, grpcStatus: thrown.code, recordedAs, cause: thrown };
  return { error: errorOf(thrown.details, failure), kind: RETRIED[remoteCode] ?? "final" };
}

/** Statuses that grpc-js gives a call whose connection broke under it. */
const BROKEN: ReadonlySet<status> = new Set([status.CANCELLED, status.UNKNOWN, status.INTERNAL]);

/** No Strongroom spoke: the connection broke, time ran out, or gRPC itself refused. */
function unspoken(thrown: ServiceError, address: string): Failure {
  const { code: grpcStatus, details } = thrown;
  const unavailable = (message: string): CallError =>
    new UnavailableError(message, { code: "unavailable", address, grpcStatus, cause: thrown });
  if (grpcStatus === status.UNAVAILABLE) {
    // With these words grpc-js says that it had no connection to send the call on.
    const unsent = details.startsWith("No connection established");
    return { error: unavailable(`${address} cannot be reached: ${details}`), kind: unsent ? "clean" : "uncertain" };
  }
  if (grpcStatus === status.DEADLINE_EXCEEDED) {
    return { error: unavailable(`${address} did not answer in time`), kind: "uncertain" };
  }
  if (BROKEN.has(grpcStatus)) {
    return { error: unavailable(`the connection to ${address} broke: ${details}`), kind: "uncertain" };
  }
  return { error: new CallError(details, { code: "refused", address, grpcStatus, cause: thrown }), kind: "final" };
}

function errorOf(message: string, failure: ConstructorParameters<typeof CallError>[1]): CallError {
  switch (failure.code) {
    case "permission_denied":
    case "missing_token":
      return new PermissionDeniedError(message, failure);
    case "check_and_set_mismatch":
    case "check_and_set_required":
      return new CheckAndSetError(message, failure);
    case "sealed":
      return new SealedError(message, failure);
    case "not_committed":
      return new NotCommittedError(message, failure);
    case "outcome_unknown":
      return new OutcomeUnknownError(message, failure);
    case "unavailable":
    case "leadership_lost":
    case "closing":
      return new UnavailableError(message, failure);
    default:
      return new CallError(message, failure);
  }
}

function isServiceError(error: Error): error is ServiceError {
  return "code" in error && "details" in error && "metadata" in error;
}
