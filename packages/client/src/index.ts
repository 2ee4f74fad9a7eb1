/**
 * The SDK: typed calls over gRPC to a cluster, with deadlines, and retries at other nodes that write once. Start with
 * `StrongroomClient.connect`.
 */
export { StrongroomClient } from "./client.ts";
export type { CallFailure } from "./errors.ts";
export {
  AbortedError,
  CallError,
  CheckAndSetError,
  ClientOptionsError,
  NotCommittedError,
  OutcomeUnknownError,
  PermissionDeniedError,
  SealedError,
  UnavailableError,
} from "./errors.ts";
export type { Kv } from "./kv.ts";
export type { Sys } from "./sys.ts";
export type {
  CallOptions,
  ConnectOptions,
  DeleteOptions,
  GetOptions,
  JsonObject,
  NodeStatus,
  PutOptions,
  RetryOptions,
  SealState,
  Secret,
  SecretMetadata,
  SecretVersion,
  WriteOptions,
} from "./types.ts";
