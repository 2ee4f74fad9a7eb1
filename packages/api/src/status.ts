/**
 * The one table that says what an error is on the wire: its code to HTTP status, gRPC status and text. What is not in it is
 * a fault of ours: the client hears "internal error", the log hears the rest.
 */
import { LogicalError } from "@strongroom/logical";
import { StrongroomError } from "@strongroom/runtime";

/** The numbers of gRPC (google/rpc/code.proto) that the table uses. */
export const GRPC_STATUS = {
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
} as const;

export interface WireStatus {
  /** The error's own code; `internal` for what the table does not know. */
  readonly code: string;
  readonly http: number;
  readonly grpc: number;
  /** What the client is told. */
  readonly text: string;
}

interface Rule {
  readonly http: number;
  readonly grpc: number;
  /** In place of the error's message. */
  readonly text?: string;
  /** The message begins with the code: over HTTP, where a client has nothing but the text, it has to be told apart. */
  readonly named?: true;
}

const { invalidArgument, failedPrecondition, resourceExhausted, unavailable, notFound } = GRPC_STATUS;

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  // The request itself.
  ["invalid_request", { http: 400, grpc: invalidArgument }],
  ["invalid_path", { http: 400, grpc: invalidArgument }],
  ["invalid_field", { http: 400, grpc: invalidArgument }],
  ["malformed_json", { http: 400, grpc: invalidArgument }],
  ["duplicate_json_key", { http: 400, grpc: invalidArgument }],
  ["json_too_complex", { http: 400, grpc: invalidArgument }],
  ["bad_request_target", { http: 400, grpc: invalidArgument }],
  ["bad_header", { http: 400, grpc: invalidArgument }],
  ["unsupported_backend", { http: 400, grpc: invalidArgument }],
  ["invalid_policy", { http: 400, grpc: invalidArgument }],
  ["unsupported_media_type", { http: 415, grpc: invalidArgument }],
  ["unsupported_encoding", { http: 415, grpc: invalidArgument }],
  ["unsupported_path", { http: 404, grpc: notFound }],
  [
    "unsupported_operation",
    { http: 405, grpc: GRPC_STATUS.unimplemented, text: "1 error occurred:\n\t* unsupported operation\n\n" },
  ],
  ["body_too_large", { http: 413, grpc: resourceExhausted }],
  ["value_too_large", { http: 413, grpc: resourceExhausted }],
  ["too_large", { http: 413, grpc: resourceExhausted }],
  ["list_too_large", { http: 400, grpc: resourceExhausted }],
  // A write's request id.
  ["idempotency_key_invalid", { http: 400, grpc: invalidArgument, named: true }],
  ["idempotency_key_expired", { http: 400, grpc: failedPrecondition, named: true }],
  ["idempotency_key_reused", { http: 409, grpc: failedPrecondition, named: true }],
  // Who asks, and what stands in the way.
  ["overloaded", { http: 429, grpc: resourceExhausted }],
  ["revocation_pending", { http: 503, grpc: unavailable }],
  ["prepared_stale", { http: 503, grpc: GRPC_STATUS.aborted }],
  ["permission_denied", { http: 403, grpc: GRPC_STATUS.permissionDenied }],
  ["check_and_set_mismatch", { http: 400, grpc: failedPrecondition }],
  ["check_and_set_required", { http: 400, grpc: failedPrecondition }],
  ["unknown_node", { http: 400, grpc: notFound }],
  ["not_a_member", { http: 400, grpc: notFound }],
  ["already_a_member", { http: 400, grpc: failedPrecondition }],
  ["removed_node", { http: 400, grpc: failedPrecondition }],
  ["not_caught_up", { http: 400, grpc: failedPrecondition }],
  ["quorum_at_risk", { http: 400, grpc: failedPrecondition }],
  ["last_voter", { http: 400, grpc: failedPrecondition }],
  ["bad_target", { http: 400, grpc: failedPrecondition }],
  ["membership_conflict", { http: 409, grpc: GRPC_STATUS.aborted }],
  ["bad_join_token", { http: 400, grpc: invalidArgument }],
  // The seal.
  ["sealed", { http: 503, grpc: unavailable, text: "Vault is sealed" }],
  ["already_initialized", { http: 400, grpc: failedPrecondition }],
  ["init_refused", { http: 400, grpc: failedPrecondition }],
  ["not_initialized", { http: 400, grpc: failedPrecondition, text: "Vault is not initialized" }],
  ["invalid_seal_config", { http: 400, grpc: invalidArgument }],
  ["invalid_share", { http: 400, grpc: invalidArgument }],
  ["wrong_share", { http: 400, grpc: invalidArgument }],
  ["unseal_failed", { http: 400, grpc: failedPrecondition }],
  ["ceremony_refused", { http: 400, grpc: failedPrecondition }],
  ["ceremony_unavailable", { http: 503, grpc: unavailable }],
  ["state_unproven", { http: 503, grpc: unavailable }],
  ["quarantined", { http: 503, grpc: GRPC_STATUS.dataLoss }],
  ["second_holder", { http: 400, grpc: failedPrecondition }],
  ["keyring_full", { http: 400, grpc: failedPrecondition }],
  // The cluster. A client may repeat what was not committed; of an unknown outcome it must first look.
  ["not_committed", { http: 503, grpc: GRPC_STATUS.aborted, named: true }],
  ["disk_full", { http: 503, grpc: resourceExhausted, named: true }],
  ["outcome_unknown", { http: 500, grpc: GRPC_STATUS.unknown, named: true }],
  ["unavailable", { http: 503, grpc: unavailable, named: true }],
  // Of another node, or of the one worker of this node that handles its seal.
  ["peer_unavailable", { http: 503, grpc: unavailable }],
  ["unserved", { http: 503, grpc: unavailable }],
  ["leadership_lost", { http: 503, grpc: unavailable, named: true }],
  ["closing", { http: 503, grpc: unavailable }],
  ["command_rejected", { http: 500, grpc: GRPC_STATUS.internal }],
  ["audit_unavailable", { http: 500, grpc: unavailable, named: true }],
  ["audit_outcome_unknown", { http: 500, grpc: GRPC_STATUS.unknown, named: true }],
  ["invalid_audit_device", { http: 400, grpc: invalidArgument }],
  ["integrity", { http: 500, grpc: GRPC_STATUS.dataLoss, text: "internal error" }],
]);

const INTERNAL: WireStatus = { code: "internal", http: 500, grpc: GRPC_STATUS.internal, text: "internal error" };

/** What a client is told of `error`, whatever it is. */
export function wireStatus(error: unknown): WireStatus {
  if (!(error instanceof StrongroomError)) return INTERNAL;
  const rule = RULES.get(error.code);
  if (rule !== undefined) {
    const message = rule.named === true ? `${error.code}: ${error.message}` : error.message;
    return { code: error.code, http: rule.http, grpc: rule.grpc, text: rule.text ?? message };
  }
  // An engine's code that is new to the table still carries its own status.
  if (!(error instanceof LogicalError)) return INTERNAL;
  return { code: error.code, http: error.status, grpc: invalidArgument, text: error.message };
}
