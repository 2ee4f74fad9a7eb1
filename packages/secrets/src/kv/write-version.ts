/** Adds a version to a secret: what POST and PATCH of `data/` have in common. */
import { type JsonNode, LogicalError, type LogicalResponse, parseInteger } from "@strongroom/logical";
import type { KvConfig } from "./config.ts";
import type { KeyMetadata } from "./key-metadata.ts";
import type { KvRows } from "./kv-rows.ts";
import { versionReply } from "./replies.ts";
import { deletionTimeMs, versionsKept } from "./retention.ts";

/**
 * Check-and-set: `options.cas` must be the number of the current version, deleted or not, and 0 for a secret without any.
 * Throws `LogicalError`; what it read of the state may be stale, so those refusals say `fromState`.
 */
export function checkAndSet(options: JsonNode | undefined, config: KvConfig, metadata: KeyMetadata | undefined): void {
  const given = options?.get("cas");
  if (given === undefined) {
    if (!config.casRequired && metadata?.casRequired !== true) return;
    throw new LogicalError("check_and_set_required", "check-and-set parameter required for this call", {
      fromState: true,
    });
  }
  const cas = given.asInteger() ?? parseInteger(given.asString());
  if (cas === undefined) throw new LogicalError("invalid_request", "error parsing check-and-set parameter");
  if (cas === (metadata?.currentVersion ?? 0)) return;
  throw new LogicalError("check_and_set_mismatch", "check-and-set parameter did not match the current version", {
    fromState: true,
  });
}

export interface NewVersion {
  readonly key: string;
  /** The client's own bytes. */
  readonly json: Uint8Array;
  /** Before the write. */
  readonly metadata: KeyMetadata;
  readonly config: KvConfig;
  readonly nowMs: number;
}

/** Writes the version, and drops the ones that are past keeping. */
export function writeVersion(rows: KvRows, { key, json, metadata, config, nowMs }: NewVersion): LogicalResponse {
  const version = metadata.currentVersion + 1;
  const record = { createdMs: nowMs, deletedMs: deletionTimeMs(config, metadata, nowMs), destroyed: false };
  rows.putData(key, version, json);
  const kept = versionsKept(config, metadata);
  const oldestVersion = version - metadata.oldestVersion >= kept ? version - kept + 1 : metadata.oldestVersion;
  for (let dropped = metadata.versions.first; dropped < oldestVersion; dropped++) rows.deleteData(key, dropped);
  const versions = metadata.versions.append(record, oldestVersion);
  const updated = { ...metadata, currentVersion: version, oldestVersion, updatedMs: nowMs, versions };
  rows.putMetadata(key, updated);
  return { kind: "data", data: versionReply(updated, version, record) };
}
