/** The shapes in which this engine answers. Members stand in the order of their names, as Go writes its maps. */
import { formatTimestamp, type JsonValue, RawJson } from "@strongroom/logical";
import type { KeyMetadata } from "./key-metadata.ts";
import type { VersionMetadata } from "./version-table.ts";

/** `created_time`, `deletion_time`, `destroyed`: what is told of a version everywhere. */
export function versionTimes(version: VersionMetadata): { readonly [key: string]: JsonValue } {
  return {
    created_time: formatTimestamp(version.createdMs),
    deletion_time: version.deletedMs === 0 ? "" : formatTimestamp(version.deletedMs),
    destroyed: version.destroyed,
  };
}

/** The `metadata` of a version that was read or written. */
export function versionReply(
  metadata: KeyMetadata,
  number: number,
  version: VersionMetadata,
): { readonly [key: string]: JsonValue } {
  return {
    created_time: formatTimestamp(version.createdMs),
    custom_metadata: customMetadataReply(metadata),
    deletion_time: version.deletedMs === 0 ? "" : formatTimestamp(version.deletedMs),
    destroyed: version.destroyed,
    version: number,
  };
}

export function customMetadataReply(metadata: KeyMetadata): JsonValue {
  return metadata.customMetadata.length === 0 ? null : new RawJson(metadata.customMetadata);
}
