/**
 * What a client can meet from an engine, with the status that the HTTP API gives it. `fromState` says that the refusal was
 * read from storage (a cas mismatch), so it may be told only from a snapshot that is proven fresh; one that follows from the
 * request alone needs no proof.
 */
import { StrongroomError } from "@strongroom/runtime";

/** Codes are stable: the front doors map them to HTTP and gRPC. */
export type LogicalErrorCode =
  | "invalid_request"
  | "invalid_path"
  | "invalid_field"
  | "malformed_json"
  | "duplicate_json_key"
  | "json_too_complex"
  | "check_and_set_mismatch"
  | "check_and_set_required"
  | "unsupported_backend"
  | "unsupported_path"
  | "unsupported_operation"
  | "body_too_large"
  | "value_too_large"
  | "unsupported_media_type"
  | "permission_denied"
  | "overloaded";

export const LOGICAL_ERROR_STATUS: Readonly<Record<LogicalErrorCode, number>> = {
  invalid_request: 400,
  invalid_path: 400,
  invalid_field: 400,
  malformed_json: 400,
  duplicate_json_key: 400,
  json_too_complex: 400,
  check_and_set_mismatch: 400,
  check_and_set_required: 400,
  unsupported_backend: 400,
  unsupported_path: 404,
  unsupported_operation: 405,
  body_too_large: 413,
  value_too_large: 413,
  unsupported_media_type: 415,
  permission_denied: 403,
  overloaded: 429,
};

export interface LogicalErrorOptions {
  readonly fromState?: boolean;
  readonly cause?: unknown;
}

export class LogicalError extends StrongroomError {
  readonly code: LogicalErrorCode;
  readonly status: number;
  readonly fromState: boolean;

  constructor(code: LogicalErrorCode, message: string, options: LogicalErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = LOGICAL_ERROR_STATUS[code];
    this.fromState = options.fromState ?? false;
  }
}
