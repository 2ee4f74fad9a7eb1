/** `metadata/<path>`: a secret's settings, its versions' times, its custom metadata; and the listing of secrets. */
import {
  definePath,
  type FieldSchemas,
  type Fields,
  formatDuration,
  formatTimestamp,
  type JsonValue,
  LogicalError,
  type LogicalResponse,
  listResponse,
  type PathDefinition,
  type RequestContext,
} from "@strongroom/logical";
import { patchCustomMetadata, replaceCustomMetadata } from "./custom-metadata.ts";
import { type KeyMetadata, newKeyMetadata } from "./key-metadata.ts";
import { KvRows } from "./kv-rows.ts";
import { customMetadataReply, versionTimes } from "./replies.ts";
import { checkMaxVersions } from "./retention.ts";
import { PATH_FIELD, secretKey } from "./secret-key.ts";

const fields = {
  path: PATH_FIELD,
  max_versions: {
    type: "int",
    description: "The number of versions to keep. No effect below the mount's own setting; 0 leaves it to the mount.",
  },
  cas_required: { type: "bool", description: "If true, every write must carry the cas option." },
  delete_version_after: {
    type: "duration",
    description:
      "How long a version lives before it is deleted, at most as long as the mount says; 0 leaves it to the mount.",
  },
  custom_metadata: {
    type: "json",
    description: "A map of strings that describes the secret. Replaced whole by a write.",
  },
  after: { type: "string", description: "List only what comes after this name." },
  limit: { type: "int", description: "List at most this many names." },
} as const satisfies FieldSchemas;

type MetadataFields = Fields<typeof fields>;

export const pathMetadata: PathDefinition = definePath({
  pattern: "metadata/*path",
  fields,
  operations: {
    read: { summary: "Read a secret's metadata and the times of its versions.", handler: (c, _r, f) => read(c, f) },
    list: { summary: "List the secrets and folders below a path.", handler: (c, _r, f) => list(c, f) },
    create: { summary: "Make a secret's metadata, without a version.", handler: (c, _r, f) => write(c, f) },
    update: { summary: "Change what is given of a secret's metadata.", handler: (c, _r, f) => write(c, f) },
    patch: { summary: "Change a secret's metadata; null removes.", handler: (c, _r, f) => patch(c, f) },
    delete: { summary: "Remove a secret with all its versions, for good.", handler: (c, _r, f) => remove(c, f) },
  },
  existence: (context, _request, given) => KvRows.of(context).metadata(secretKey(given)) !== undefined,
  synopsis: "Allows interaction with key metadata and settings in the KV store.",
  description: "Reading this needs no access to the data, nor gives it.",
});

function read(context: RequestContext, given: MetadataFields): LogicalResponse {
  const metadata = KvRows.of(context).metadata(secretKey(given));
  if (metadata === undefined) return { kind: "not-found" };
  const versions = new Map<string, JsonValue>();
  for (const number of metadata.versions.versions()) {
    const version = metadata.versions.get(number);
    if (version !== undefined) versions.set(String(number), versionTimes(version));
  }
  return {
    kind: "data",
    data: {
      cas_required: metadata.casRequired,
      created_time: formatTimestamp(metadata.createdMs),
      current_version: metadata.currentVersion,
      custom_metadata: customMetadataReply(metadata),
      delete_version_after: formatDuration(metadata.deleteVersionAfterSeconds),
      max_versions: metadata.maxVersions,
      oldest_version: metadata.oldestVersion,
      updated_time: formatTimestamp(metadata.updatedMs),
      versions,
    },
  };
}

async function list(context: RequestContext, given: MetadataFields): Promise<LogicalResponse> {
  const path = given.get("path") ?? "";
  const after = given.get("after");
  const limit = given.get("limit");
  if (limit !== undefined && limit < 1) throw new LogicalError("invalid_request", "limit must be at least 1");
  const keys = await KvRows.of(context).list(path === "" || path.endsWith("/") ? path : `${path}/`, {
    ...(after === undefined ? {} : { after }),
    ...(limit === undefined ? {} : { limit }),
  });
  return listResponse(keys);
}

function write(context: RequestContext, given: MetadataFields): LogicalResponse {
  const key = secretKey(given);
  const rows = KvRows.of(context);
  const custom = given.get("custom_metadata");
  const old = rows.metadata(key) ?? newKeyMetadata(context.nowMs);
  const customMetadata = custom === undefined ? old.customMetadata : replaceCustomMetadata(custom);
  return save(rows, key, { ...withSettings(old, given), customMetadata }, given);
}

function patch(context: RequestContext, given: MetadataFields): LogicalResponse {
  const key = secretKey(given);
  const rows = KvRows.of(context);
  const old = rows.metadata(key);
  if (old === undefined) return { kind: "not-found" };
  const custom = given.get("custom_metadata");
  const kept = given.isNull("custom_metadata") ? new Uint8Array(0) : old.customMetadata;
  const customMetadata = custom === undefined ? kept : patchCustomMetadata(kept, custom);
  const settings = withSettings(old, given);
  const patched: KeyMetadata = {
    ...settings,
    maxVersions: given.isNull("max_versions") ? 0 : settings.maxVersions,
    casRequired: given.isNull("cas_required") ? false : settings.casRequired,
    deleteVersionAfterSeconds: given.isNull("delete_version_after") ? 0 : settings.deleteVersionAfterSeconds,
    customMetadata,
  };
  return save(rows, key, patched, given);
}

function withSettings(old: KeyMetadata, given: MetadataFields): KeyMetadata {
  return {
    ...old,
    maxVersions: checkMaxVersions(given.get("max_versions") ?? old.maxVersions),
    casRequired: given.get("cas_required") ?? old.casRequired,
    deleteVersionAfterSeconds: given.get("delete_version_after") ?? old.deleteVersionAfterSeconds,
  };
}

function save(rows: KvRows, key: string, metadata: KeyMetadata, given: MetadataFields): LogicalResponse {
  rows.putMetadata(key, metadata);
  if (given.get("cas_required") !== false || !rows.config().casRequired) return { kind: "empty" };
  return {
    kind: "empty",
    warnings: ['"cas_required" set to false, but is mandated by backend config. This value will be ignored.'],
  };
}

function remove(context: RequestContext, given: MetadataFields): LogicalResponse {
  const key = secretKey(given);
  const rows = KvRows.of(context);
  const metadata = rows.metadata(key);
  if (metadata === undefined) return { kind: "empty" };
  for (const number of metadata.versions.versions()) rows.deleteData(key, number);
  rows.deleteMetadata(key);
  return { kind: "empty" };
}
