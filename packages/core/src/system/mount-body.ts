/** How a mount looks in answers, in Vault's order of keys. */
import type { JsonValue, UserLockout } from "@strongroom/logical";
import { type AUTH_PREFIX, isAuthMount, type MountEntry } from "../mount-entry.ts";
import type { MountView } from "../mounts.ts";
import type { JsonMembers } from "../request.ts";

export function mountBody(entry: MountEntry): JsonMembers {
  const options = Object.keys(entry.options).length === 0 ? null : entry.options;
  return {
    accessor: entry.accessor,
    config: {
      default_lease_ttl: entry.defaultLeaseTtlSeconds,
      force_no_cache: entry.forceNoCache,
      max_lease_ttl: entry.maxLeaseTtlSeconds,
      ...settings(entry),
      ...(Object.keys(entry.userLockout).length === 0
        ? {}
        : {
            user_lockout_config: named(entry.userLockout, (name) =>
              name === "counter_reset" ? "lockout_counter_reset_duration" : `lockout_${name}`,
            ),
          }),
    },
    deprecation_status: "supported",
    description: entry.description,
    external_entropy_access: entry.externalEntropyAccess,
    local: entry.local,
    options,
    plugin_version: "",
    running_plugin_version: "",
    running_sha256: "",
    seal_wrap: entry.sealWrap,
    type: entry.type,
    uuid: entry.uuid,
  };
}

/** By path, in ascending order; below `prefix`, without it. */
export function mountBodies(entries: readonly MountEntry[], prefix: "" | typeof AUTH_PREFIX = ""): JsonMembers {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return Object.fromEntries(sorted.map((entry) => [entry.path.slice(prefix.length), mountBody(entry)]));
}

/** What `…/tune` answers: the times that are in force, whoever said them. */
export function tuneBody({ entry, info }: MountView): JsonMembers {
  const { defaultLeaseTtlSeconds, maxLeaseTtlSeconds } = info.config;
  return {
    default_lease_ttl: defaultLeaseTtlSeconds,
    description: entry.description,
    force_no_cache: entry.forceNoCache,
    max_lease_ttl: maxLeaseTtlSeconds,
    ...(Object.keys(entry.options).length === 0 ? {} : { options: entry.options }),
    ...settings(entry),
    ...named(entry.userLockout, (name) =>
      name === "counter_reset" ? "user_lockout_counter_reset_duration" : `user_lockout_${name}`,
    ),
  };
}

/** What is shown where it was said only. */
function settings(entry: MountEntry): JsonMembers {
  const lists: Readonly<Record<string, readonly string[]>> = {
    allowed_response_headers: entry.allowedResponseHeaders,
    audit_non_hmac_request_keys: entry.auditNonHmacRequestKeys,
    audit_non_hmac_response_keys: entry.auditNonHmacResponseKeys,
    passthrough_request_headers: entry.passthroughRequestHeaders,
  };
  return {
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    ...(entry.listingVisibility === "" ? {} : { listing_visibility: entry.listingVisibility }),
    ...(isAuthMount(entry) ? { token_type: entry.tokenType } : {}),
  };
}

function named(
  lockout: UserLockout,
  nameOf: (name: "threshold" | "duration" | "counter_reset" | "disable") => string,
): JsonMembers {
  const { thresholdCount, durationSeconds, counterResetSeconds, disabled } = lockout;
  const members: [string, JsonValue | undefined][] = [
    [nameOf("counter_reset"), counterResetSeconds],
    [nameOf("disable"), disabled],
    [nameOf("duration"), durationSeconds],
    [nameOf("threshold"), thresholdCount],
  ];
  return Object.fromEntries(members.filter((member): member is [string, JsonValue] => member[1] !== undefined));
}
