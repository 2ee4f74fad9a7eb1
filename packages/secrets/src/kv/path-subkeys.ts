/** `subkeys/<path>`: the keys of a secret without its values. */
import { definePath, LogicalError, type PathDefinition, RawJson } from "@strongroom/logical";
import { findVersion } from "./find-version.ts";
import { KvRows } from "./kv-rows.ts";
import { PATH_FIELD, secretKey } from "./secret-key.ts";
import { subkeys } from "./subkeys.ts";
import { VERSION_FIELD, wantedVersion } from "./version-fields.ts";

export const pathSubkeys: PathDefinition = definePath({
  pattern: "subkeys/*path",
  fields: {
    path: PATH_FIELD,
    version: VERSION_FIELD,
    depth: { type: "int", description: "How many levels of keys to show; 0 shows all.", default: 0 },
  },
  operations: {
    read: {
      summary: "Read the keys of a version, with null for every value.",
      handler(context, _request, fields) {
        const key = secretKey(fields);
        const depth = fields.get("depth");
        if (depth < 0) throw new LogicalError("invalid_request", "depth cannot be negative");
        const rows = KvRows.of(context);
        const wanted = wantedVersion(fields.get("version"));
        const version = findVersion(rows.metadata(key), { wanted, nowMs: context.nowMs, field: "subkeys" });
        if (!version.found) return version.response;
        const shape = new RawJson(subkeys(rows.document(key, version.number), depth));
        return { kind: "data", data: { metadata: version.reply, subkeys: shape } };
      },
    },
  },
  synopsis: "Read the structure of a secret entry from the key-value store with the values removed.",
  description: "Objects stay; everything else becomes null.",
});
