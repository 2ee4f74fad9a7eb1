/** `delete/<path>`: marks versions as deleted, so that reading them is a 404 until they are undeleted. */
import { definePath, type PathDefinition } from "@strongroom/logical";
import { changeVersions } from "./change-versions.ts";
import { isDeleted } from "./find-version.ts";
import { KvRows } from "./kv-rows.ts";
import { PATH_FIELD, secretKey } from "./secret-key.ts";
import { namedVersions, VERSIONS_FIELD } from "./version-fields.ts";

export const pathDelete: PathDefinition = definePath({
  pattern: "delete/*path",
  fields: { path: PATH_FIELD, versions: VERSIONS_FIELD },
  operations: {
    update: {
      summary: "Delete versions; they can be undeleted.",
      handler(context, _request, fields) {
        const key = secretKey(fields);
        const numbers = namedVersions(fields.get("versions"), "No version number provided");
        changeVersions(KvRows.of(context), key, numbers, (version) =>
          version.destroyed || isDeleted(version, context.nowMs) ? undefined : { ...version, deletedMs: context.nowMs },
        );
        return { kind: "empty" };
      },
    },
  },
  synopsis: "Marks one or more versions as deleted in the KV store.",
  description: "The data stays and can be undeleted. What is deleted or destroyed already keeps its time.",
});
