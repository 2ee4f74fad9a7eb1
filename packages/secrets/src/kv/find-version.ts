/** Finds a version to read, and tells the ways of its absence apart. */
import type { JsonValue, LogicalResponse } from "@strongroom/logical";
import type { KeyMetadata } from "./key-metadata.ts";
import { versionReply } from "./replies.ts";
import type { VersionMetadata } from "./version-table.ts";

export type FoundVersion =
  | { readonly found: true; readonly number: number; readonly reply: { readonly [key: string]: JsonValue } }
  | { readonly found: false; readonly response: LogicalResponse };

/**
 * Version `wanted` of a secret, 0 being the current one. What was never there is a bare 404; what is deleted or destroyed is
 * a 404 with its metadata, and null under `field`; where no field is named, with the metadata alone.
 */
export function findVersion(
  metadata: KeyMetadata | undefined,
  { wanted, nowMs, field }: { readonly wanted: number; readonly nowMs: number; readonly field?: "data" | "subkeys" },
): FoundVersion {
  const number = wanted === 0 ? (metadata?.currentVersion ?? 0) : wanted;
  const version = metadata?.versions.get(number);
  if (metadata === undefined || version === undefined) return { found: false, response: { kind: "not-found" } };
  const reply = versionReply(metadata, number, version);
  if (!version.destroyed && !isDeleted(version, nowMs)) return { found: true, number, reply };
  const data = field === undefined ? reply : { [field]: null, metadata: reply };
  return { found: false, response: { kind: "data", status: 404, data } };
}

/** A time of deletion in the future has not come. */
export function isDeleted(version: VersionMetadata, nowMs: number): boolean {
  return version.deletedMs !== 0 && version.deletedMs <= nowMs;
}
