/**
 * The contract of a secrets engine or auth method, and what both its sides need: engines declare paths with `definePath` and
 * `defineBackend`; the core resolves and dispatches. `json/` reads a client's JSON as slices of its own bytes.
 */
export type { Backend, BackendDefinition, BackendFactory, OperationDefinition, PathDefinition } from "./backend.ts";
export { defineBackend, definePath } from "./backend.ts";
export { coerceField } from "./coerce.ts";
export type { Call } from "./dispatch.ts";
export { callOf, dispatch, resolveOperation, runCall } from "./dispatch.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export type { LogicalErrorCode, LogicalErrorOptions } from "./errors.ts";
export { LOGICAL_ERROR_STATUS, LogicalError } from "./errors.ts";
export type { FieldSchema, FieldSchemas, FieldType, FieldTypes, FieldValue } from "./field.ts";
export { Fields } from "./field.ts";
export type { HeldLease, HeldLogin, Internal, InternalValue, LeaseGrant, TokenGrant, TokenType } from "./grant.ts";
export type { Help, PathAccess } from "./help.ts";
export { helpFor, openApiDocument, openApiPaths } from "./help.ts";
export type { JsonKind, JsonMember } from "./json/document.ts";
export { JsonDocument, JsonNode, parseInteger } from "./json/document.ts";
export { encodeJson } from "./json/encode.ts";
export { JsonError } from "./json/errors.ts";
export type { JsonLimits } from "./json/limits.ts";
export { DEFAULT_JSON_LIMITS, STORED_JSON_LIMITS, UNAUTHENTICATED_JSON_LIMITS } from "./json/limits.ts";
export { mergePatch } from "./json/merge-patch.ts";
export { JsonScanner, parseJson, scanJson } from "./json/scanner.ts";
export type { JsonValue } from "./json/value.ts";
export { RawJson } from "./json/value.ts";
export { Networks } from "./networks.ts";
export { objectFields } from "./object-fields.ts";
export type { Operation } from "./operation.ts";
export { OPERATIONS } from "./operation.ts";
export type { PasswordHasher, PrepareContext } from "./prepare.ts";
export { PreparedStaleError } from "./prepare.ts";
export type {
  Caller,
  JsonObject,
  LogicalRequest,
  MountConfig,
  MountInfo,
  RequestContext,
  UserLockout,
} from "./request.ts";
export type {
  AuthResponse,
  DataResponse,
  EmptyResponse,
  ListResponse,
  LogicalResponse,
  NotFoundResponse,
  RefusalResponse,
  StreamResponse,
} from "./response.ts";
export { listResponse, withWarnings } from "./response.ts";
export type { RouteMatch } from "./router.ts";
export { Router } from "./router.ts";
export type { ListOptions, LogicalStorage } from "./storage.ts";
export { formatTimestamp } from "./timestamp.ts";
