/** `data/<path>`: reading, writing, patching and (softly) deleting the newest version of a secret. */
import {
  definePath,
  type FieldSchemas,
  type Fields,
  type JsonNode,
  LogicalError,
  type LogicalResponse,
  mergePatch,
  type PathDefinition,
  RawJson,
  type RequestContext,
} from "@strongroom/logical";
import { findVersion, isDeleted } from "./find-version.ts";
import { newKeyMetadata } from "./key-metadata.ts";
import { KvRows } from "./kv-rows.ts";
import { PATH_FIELD, secretKey } from "./secret-key.ts";
import { VERSION_FIELD, wantedVersion } from "./version-fields.ts";
import { checkAndSet, writeVersion } from "./write-version.ts";

const fields = {
  path: PATH_FIELD,
  version: VERSION_FIELD,
  options: {
    type: "object",
    description:
      'Options of the write. Set "cas" to the number of the current version, or to 0 to write only a new secret.',
  },
  data: { type: "object", description: "The contents of the secret: a JSON object, kept byte for byte." },
} as const satisfies FieldSchemas;

type DataFields = Fields<typeof fields>;

export const pathData: PathDefinition = definePath({
  pattern: "data/*path",
  fields,
  operations: {
    read: { summary: "Read a version of the secret, the current one by default.", handler: (c, _r, f) => read(c, f) },
    create: { summary: "Write the first version of a secret.", handler: (c, _r, f) => write(c, f) },
    update: { summary: "Write a new version of the secret.", handler: (c, _r, f) => write(c, f) },
    patch: {
      summary: "Write a new version, merged from the current one and a patch.",
      handler: (c, _r, f) => patch(c, f),
    },
    delete: { summary: "Delete the current version; it can be undeleted.", handler: (c, _r, f) => softDelete(c, f) },
  },
  existence: (context, _request, given) => KvRows.of(context).metadata(secretKey(given)) !== undefined,
  synopsis: "Write, patch, read, and delete data in the key-value store.",
  description:
    "A write makes a new version and leaves the older ones. A delete marks the current version as deleted; its data stays " +
    "until it is destroyed or too many newer versions have come.",
});

function read(context: RequestContext, given: DataFields): LogicalResponse {
  const key = secretKey(given);
  const rows = KvRows.of(context);
  const wanted = wantedVersion(given.get("version"));
  const version = findVersion(rows.metadata(key), { wanted, nowMs: context.nowMs, field: "data" });
  if (!version.found) return version.response;
  return { kind: "data", data: { data: new RawJson(rows.data(key, version.number)), metadata: version.reply } };
}

function write(context: RequestContext, given: DataFields): LogicalResponse {
  const key = secretKey(given);
  const json = requireData(given).bytes();
  const rows = KvRows.of(context);
  const config = rows.config();
  const existing = rows.metadata(key);
  checkAndSet(given.get("options"), config, existing);
  const metadata = existing ?? newKeyMetadata(context.nowMs);
  return writeVersion(rows, { key, json, metadata, config, nowMs: context.nowMs });
}

function patch(context: RequestContext, given: DataFields): LogicalResponse {
  const key = secretKey(given);
  const change = requireData(given);
  const rows = KvRows.of(context);
  const config = rows.config();
  const metadata = rows.metadata(key);
  if (metadata === undefined || metadata.currentVersion === 0) return { kind: "not-found" };
  checkAndSet(given.get("options"), config, metadata);
  const current = findVersion(metadata, { wanted: 0, nowMs: context.nowMs });
  if (!current.found) return current.response;
  const json = mergePatch(rows.document(key, current.number), change);
  return writeVersion(rows, { key, json, metadata, config, nowMs: context.nowMs });
}

function softDelete(context: RequestContext, given: DataFields): LogicalResponse {
  const key = secretKey(given);
  const rows = KvRows.of(context);
  const metadata = rows.metadata(key);
  const current = metadata?.versions.get(metadata.currentVersion);
  if (metadata === undefined || current === undefined) return { kind: "empty" };
  if (current.destroyed || isDeleted(current, context.nowMs)) return { kind: "empty" };
  const deleted = { ...current, deletedMs: context.nowMs };
  const versions = metadata.versions.with(new Map([[metadata.currentVersion, deleted]]));
  rows.putMetadata(key, { ...metadata, versions });
  return { kind: "empty" };
}

function requireData(given: DataFields): JsonNode {
  const data = given.get("data");
  if (data === undefined) throw new LogicalError("invalid_request", "no data provided");
  return data;
}
