/**
 * The audit stream: who asked for what, and what was answered, written down before it is answered. `AuditLog` is one worker's
 * stream; `AuditDevices` gives the streams of a node to files, sockets and servers; `verifyStream` checks what was written. The
 * format is docs/formats/audit.md.
 */
export type { AuditLogOptions, AuditLogParts, RecordedRequest, Refusal } from "./audit-log.ts";
export { AuditLog } from "./audit-log.ts";
export type { AuditDevicesOptions, AuditDevicesParts } from "./consumer/audit-devices.ts";
export { AuditDevices, DEVICE_STATUS_FILE } from "./consumer/audit-devices.ts";
export type { DeviceStatus } from "./consumer/device-consumer.ts";
export type { DeviceConfig } from "./devices/device.ts";
export { parseDevice } from "./devices/options.ts";
export { probeDevice } from "./devices/probe.ts";
export { AuditOutcomeError, AuditUnavailableError, DeviceOptionError } from "./errors.ts";
export type { AuditAuth, AuditDecision, AuditMount, AuditRequest, AuditResponse, AuditWrap } from "./record/types.ts";
export type { SaltSource } from "./salt.ts";
export { AuditSalt } from "./salt.ts";
export type { ControlEvent } from "./stream/control-record.ts";
export type { AuditDisk, AuditFile } from "./stream/disk.ts";
export { NodeAuditDisk } from "./stream/node-disk.ts";
export type { RecoveredStream } from "./stream/recovery.ts";
export { recoverStreams } from "./stream/recovery.ts";
export type { AuditProblem, VerifiedStream, VerifyReport } from "./verify.ts";
export { verifyStream } from "./verify.ts";
