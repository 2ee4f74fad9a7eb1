/** How a mount looks in answers, in Vault's order of keys. */

import type { MountEntry } from "../mount-entry.ts";
import type { JsonMembers } from "../request.ts";

/** The mount that every cluster has and no table lists: these endpoints themselves. */
export const SYSTEM_MOUNT: MountEntry = {
  path: "sys/",
  type: "system",
  uuid: "00000000-0000-0000-0000-000000000000",
  accessor: "system_00000000",
  description: "system endpoints used for control, policy and debugging",
  options: {},
  defaultLeaseTtlSeconds: 0,
  maxLeaseTtlSeconds: 0,
  forceNoCache: false,
  listingVisibility: "",
};

export const TOKEN_MOUNT: MountEntry = {
  ...SYSTEM_MOUNT,
  path: "token/",
  type: "token",
  accessor: "auth_token_00000000",
  description: "token based credentials",
};

export function mountBody(entry: MountEntry): JsonMembers {
  const options = Object.keys(entry.options).length === 0 ? null : entry.options;
  return {
    accessor: entry.accessor,
    config: {
      default_lease_ttl: entry.defaultLeaseTtlSeconds,
      force_no_cache: entry.forceNoCache,
      max_lease_ttl: entry.maxLeaseTtlSeconds,
      ...(entry.listingVisibility === "" ? {} : { listing_visibility: entry.listingVisibility }),
    },
    deprecation_status: "supported",
    description: entry.description,
    external_entropy_access: false,
    local: false,
    options,
    plugin_version: "",
    running_plugin_version: "",
    running_sha256: "",
    seal_wrap: false,
    type: entry.type,
    uuid: entry.uuid,
  };
}

/** By path, in ascending order. */
export function mountBodies(entries: readonly MountEntry[]): JsonMembers {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return Object.fromEntries(sorted.map((entry) => [entry.path, mountBody(entry)]));
}
