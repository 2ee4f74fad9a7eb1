/** What may be said of a mount when it is made and when it is tuned, and how it is read. */

import type { JsonNode } from "@strongroom/logical";
import {
  type FieldSchemas,
  type Fields,
  LogicalError,
  objectFields,
  parseDuration,
  type UserLockout,
} from "@strongroom/logical";
import { isAuthMount, type MountEntry, TOKEN_MOUNT } from "../mount-entry.ts";

/** Tuning takes these from the body itself, mounting from its member `config`. */
export const CONFIG_FIELDS = {
  default_lease_ttl: { type: "json", description: 'Of leases that ask for nothing; "system" or "": the system\'s.' },
  max_lease_ttl: { type: "json", description: 'No lease lives longer; "system" or "": as the system says.' },
  force_no_cache: { type: "bool", description: "Stored and shown; there is no cache that it could switch off." },
  listing_visibility: { type: "string", description: '"unauth" shows the mount to everybody; else "hidden" or "".' },
  passthrough_request_headers: {
    type: "comma-string-slice",
    description: "Headers of requests that the engine is given; a token never is.",
  },
  allowed_response_headers: { type: "comma-string-slice", description: "Headers that the engine may answer with." },
  audit_non_hmac_request_keys: { type: "comma-string-slice", description: "Audited as they are, in requests." },
  audit_non_hmac_response_keys: { type: "comma-string-slice", description: "Audited as they are, in answers." },
  token_type: { type: "string", description: "Of an auth method: service, batch, default-service, default-batch." },
  user_lockout_config: {
    type: "object",
    description:
      "Of an auth method: lockout_threshold, lockout_duration, lockout_counter_reset_duration, lockout_disable.",
  },
} as const;

const LOCKOUT_FIELDS = {
  lockout_threshold: { type: "int", description: "Failures until a name is locked out." },
  lockout_duration: { type: "duration", description: "How long it is." },
  lockout_counter_reset_duration: {
    type: "duration",
    description: "After how long without one failures are forgotten.",
  },
  lockout_disable: { type: "bool", description: "Nobody is locked out." },
} as const satisfies FieldSchemas;

const VISIBILITIES: readonly MountEntry["listingVisibility"][] = ["", "hidden", "unauth"];
const TOKEN_TYPES: readonly MountEntry["tokenType"][] = ["default-service", "default-batch", "service", "batch"];
const MAX_LIST = 100;
/** RFC 9110 §5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What frames an answer, or says how it is to be taken. */
const DOOR_HEADERS: ReadonlySet<string> = new Set([
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "date",
  "keep-alive",
  "strict-transport-security",
  "strongroom-request-id",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-vault-namespace",
]);
const MAX_ITEM_LENGTH = 256;

export type ConfigFields = Fields<typeof CONFIG_FIELDS>;

/** The member `config` of a body. */
export function configOf(node: JsonNode | undefined): ConfigFields {
  return objectFields(CONFIG_FIELDS, node).fields;
}

/** `entry` with what `config` says of it; what it does not say stays. Throws `LogicalError`. */
export function withConfig(entry: MountEntry, config: ConfigFields): MountEntry {
  const visibility = config.get("listing_visibility");
  const changed: MountEntry = {
    ...entry,
    defaultLeaseTtlSeconds: leaseTtl(config, "default_lease_ttl") ?? entry.defaultLeaseTtlSeconds,
    maxLeaseTtlSeconds: leaseTtl(config, "max_lease_ttl") ?? entry.maxLeaseTtlSeconds,
    forceNoCache: config.get("force_no_cache") ?? entry.forceNoCache,
    listingVisibility:
      visibility === undefined
        ? entry.listingVisibility
        : oneOf(VISIBILITIES, visibility, `invalid listing_visibility ${visibility}: it is "hidden" or "unauth"`),
    passthroughRequestHeaders: headerNames(config, "passthrough_request_headers") ?? entry.passthroughRequestHeaders,
    allowedResponseHeaders: headerNames(config, "allowed_response_headers") ?? entry.allowedResponseHeaders,
    auditNonHmacRequestKeys: list(config, "audit_non_hmac_request_keys") ?? entry.auditNonHmacRequestKeys,
    auditNonHmacResponseKeys: list(config, "audit_non_hmac_response_keys") ?? entry.auditNonHmacResponseKeys,
    ...authConfig(entry, config),
  };
  if (changed.maxLeaseTtlSeconds !== 0 && changed.defaultLeaseTtlSeconds > changed.maxLeaseTtlSeconds) {
    throw new LogicalError("invalid_field", "given default lease TTL greater than given max lease TTL");
  }
  return changed;
}

function authConfig(entry: MountEntry, config: ConfigFields): Pick<MountEntry, "tokenType" | "userLockout"> {
  const { tokenType, userLockout } = entry;
  const type = config.get("token_type") ?? "";
  const lockout = config.get("user_lockout_config");
  if (!isAuthMount(entry)) {
    if (type === "" && lockout === undefined) return { tokenType, userLockout };
    throw new LogicalError("invalid_field", "token_type and user_lockout_config are for auth methods only");
  }
  if (type !== "" && entry.path === TOKEN_MOUNT.path) {
    // A client says of each token what it is to be.
    throw new LogicalError("invalid_field", "'token_type' cannot be set for 'token' or 'ns_token' auth mounts");
  }
  return {
    tokenType: type === "" ? tokenType : oneOf(TOKEN_TYPES, type, `invalid value for "token_type"`),
    userLockout: lockout === undefined ? userLockout : { ...userLockout, ...readLockout(lockout) },
  };
}

function readLockout(node: JsonNode): UserLockout {
  const { fields, unknown } = objectFields(LOCKOUT_FIELDS, node);
  if (unknown.length > 0) throw new LogicalError("invalid_field", "user_lockout_config has a member that is not known");
  const thresholdCount = fields.get("lockout_threshold");
  const durationSeconds = fields.get("lockout_duration");
  const counterResetSeconds = fields.get("lockout_counter_reset_duration");
  const disabled = fields.get("lockout_disable");
  if (thresholdCount !== undefined && thresholdCount < 0) {
    throw new LogicalError("invalid_field", "lockout_threshold must not be negative");
  }
  return {
    ...(thresholdCount === undefined ? {} : { thresholdCount }),
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    ...(counterResetSeconds === undefined ? {} : { counterResetSeconds }),
    ...(disabled === undefined ? {} : { disabled }),
  };
}

/** Seconds, 0 for the system's own: Vault takes a number, a duration, "system" and "". */
function leaseTtl(config: ConfigFields, name: "default_lease_ttl" | "max_lease_ttl"): number | undefined {
  const node = config.get(name);
  if (node === undefined) return undefined;
  const text = node.asString() ?? node.asNumberText() ?? "?";
  if (text === "" || text === "system") return 0;
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds < 0) throw new LogicalError("invalid_field", `${name} must be a duration`);
  return seconds;
}

function list(
  config: ConfigFields,
  name:
    | "passthrough_request_headers"
    | "allowed_response_headers"
    | "audit_non_hmac_request_keys"
    | "audit_non_hmac_response_keys",
): readonly string[] | undefined {
  const items = config.get(name);
  if (items === undefined) return undefined;
  const kept = [...new Set(items.filter((item) => item !== ""))];
  if (kept.length > MAX_LIST || kept.some((item) => item.length > MAX_ITEM_LENGTH)) {
    throw new LogicalError("invalid_field", `${name} holds at most ${MAX_LIST} names of ${MAX_ITEM_LENGTH} characters`);
  }
  return kept;
}

function headerNames(
  config: ConfigFields,
  name: "passthrough_request_headers" | "allowed_response_headers",
): readonly string[] | undefined {
  const names = list(config, name);
  if (names?.every((item) => HEADER_NAME.test(item)) === false) {
    throw new LogicalError("invalid_field", `${name} holds names of headers`);
  }
  const own =
    name === "allowed_response_headers" ? names?.find((item) => DOOR_HEADERS.has(item.toLowerCase())) : undefined;
  if (own !== undefined) throw new LogicalError("invalid_field", `${own} is set by the server, and by no engine`);
  return names;
}

function oneOf<const T extends string>(choices: readonly T[], value: string, problem: string): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw new LogicalError("invalid_field", problem);
  return choice;
}
