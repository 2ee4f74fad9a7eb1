/** How many versions are kept and for how long: where the mount's settings meet the key's. */
import { LogicalError } from "@strongroom/logical";
import { LIMITS } from "@strongroom/storage";
import type { KvConfig } from "./config.ts";
import type { KeyMetadata } from "./key-metadata.ts";

const DEFAULT_MAX_VERSIONS = 10;

/** So that one command can drop every version of a secret, and do what else its request needs. */
const MAX_MAX_VERSIONS = LIMITS.mutations - 96;

/** The greater of the two settings: a key cannot keep fewer than its mount. */
export function versionsKept(config: KvConfig, metadata: KeyMetadata): number {
  return Math.max(config.maxVersions, metadata.maxVersions) || DEFAULT_MAX_VERSIONS;
}

/** When a version made (or undeleted) at `fromMs` deletes itself; 0: never. */
export function deletionTimeMs(config: KvConfig, metadata: KeyMetadata, fromMs: number): number {
  const mount = config.deleteVersionAfterSeconds;
  const key = metadata.deleteVersionAfterSeconds;
  if (mount < 0 || (mount === 0 && key === 0)) return 0;
  const seconds = mount === 0 ? key : key === 0 ? mount : Math.min(mount, key);
  return fromMs + seconds * 1000;
}

/** A setting as a client gives it. */
export function checkMaxVersions(maxVersions: number): number {
  if (maxVersions < 0) throw new LogicalError("invalid_request", "max_versions cannot be negative");
  if (maxVersions > MAX_MAX_VERSIONS) {
    throw new LogicalError("invalid_request", `max_versions may be at most ${MAX_MAX_VERSIONS}`);
  }
  return maxVersions;
}
