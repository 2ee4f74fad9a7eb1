/**
 * The request path: checks, token, routing by mount, and the engine's handler in one transaction. Front doors call
 * `Core.handle`; `SealGate` and `ClusterView` are what core needs from the process around it.
 */

export type { IncomingRequest } from "./audit/audit-trail.ts";
export type { AutopilotSettings } from "./autopilot-settings.ts";
export { currentAutopilotSettings } from "./autopilot-settings.ts";
export { randomUuid } from "./base62.ts";
export type { ClusterMember, ClusterSummary, ClusterView, JoinTokenOptions } from "./cluster-view.ts";
export { Core } from "./core.ts";
export type { AuditDevicesView, CoreDependencies } from "./dependencies.ts";
export { envelopeJson } from "./envelope.ts";
export {
  AlreadyInitializedError,
  ClosingError,
  InitRefusedError,
  PermissionDeniedError,
} from "./errors.ts";
export type { Lease, LeaseStore, NewLease, TokenExpiry } from "./lease/lease-store.ts";
export { formatPolicy, parsePolicy } from "./policy/index.ts";
export type { AuthInfo, CoreRequest, CoreResult, JsonMembers, LeaseInfo, WrapInfo } from "./request.ts";
export type { InitializeOptions, SealGate, SealStatus } from "./seal-gate.ts";
export type { TokenEntry } from "./token/token-entry.ts";
export type { Ttl, TtlQuestion } from "./ttl.ts";
export { calculateTtl, SYSTEM_LEASE_TTL_SECONDS } from "./ttl.ts";
