/** `destroy/<path>`: removes the data of versions for good. */
import { definePath, type PathDefinition } from "@strongroom/logical";
import { changeVersions } from "./change-versions.ts";
import { KvRows } from "./kv-rows.ts";
import { PATH_FIELD, secretKey } from "./secret-key.ts";
import { namedVersions, VERSIONS_FIELD } from "./version-fields.ts";

export const pathDestroy: PathDefinition = definePath({
  pattern: "destroy/*path",
  fields: { path: PATH_FIELD, versions: VERSIONS_FIELD },
  operations: {
    update: {
      summary: "Destroy the data of versions for good.",
      handler(context, _request, fields) {
        const key = secretKey(fields);
        const numbers = namedVersions(fields.get("versions"), "no version number provided");
        const rows = KvRows.of(context);
        const destroyed = changeVersions(rows, key, numbers, (version) =>
          version.destroyed ? undefined : { ...version, destroyed: true },
        );
        for (const number of destroyed) rows.deleteData(key, number);
        return { kind: "empty" };
      },
    },
  },
  synopsis: "Permanently removes one or more versions in the KV store.",
  description: "The version's number and times stay in the metadata, marked as destroyed.",
});
