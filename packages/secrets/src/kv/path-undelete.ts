/** `undelete/<path>`: takes the mark of deletion off versions whose data is still there. */
import { definePath, type PathDefinition } from "@strongroom/logical";
import { changeVersions } from "./change-versions.ts";
import { KvRows } from "./kv-rows.ts";
import { deletionTimeMs } from "./retention.ts";
import { PATH_FIELD, secretKey } from "./secret-key.ts";
import { namedVersions, VERSIONS_FIELD } from "./version-fields.ts";

export const pathUndelete: PathDefinition = definePath({
  pattern: "undelete/*path",
  fields: { path: PATH_FIELD, versions: VERSIONS_FIELD },
  operations: {
    update: {
      summary: "Undelete versions that were not destroyed.",
      handler(context, _request, fields) {
        const key = secretKey(fields);
        const numbers = namedVersions(fields.get("versions"), "No version number provided");
        const rows = KvRows.of(context);
        const config = rows.config();
        changeVersions(rows, key, numbers, (version, metadata) =>
          version.destroyed ? undefined : { ...version, deletedMs: deletionTimeMs(config, metadata, context.nowMs) },
        );
        return { kind: "empty" };
      },
    },
  },
  synopsis: "Undeletes one or more versions from the KV store.",
  description: "Where versions delete themselves after a time, that time begins again now.",
});
