/**
 * The audit stream: who asked for what, and what was answered, written down before it is answered. `AuditLog` is one worker's
 * stream; `verifyStream` checks what it wrote. The format is docs/formats/audit.md.
 */
export type { AuditLogOptions, AuditLogParts, RecordedRequest, Refusal } from "./audit-log.ts";
export { AuditLog } from "./audit-log.ts";
export { AuditOutcomeError, AuditUnavailableError } from "./errors.ts";
export type { AuditAuth, AuditDecision, AuditMount, AuditRequest, AuditResponse, AuditWrap } from "./record/types.ts";
export type { SaltSource } from "./salt.ts";
export { AuditSalt } from "./salt.ts";
export type { AuditDisk, AuditFile } from "./stream/disk.ts";
export { NodeAuditDisk } from "./stream/node-disk.ts";
export type { RecoveredStream } from "./stream/recovery.ts";
export { recoverStreams } from "./stream/recovery.ts";
export type { AuditProblem, VerifiedStream, VerifyReport } from "./verify.ts";
export { verifyStream } from "./verify.ts";
