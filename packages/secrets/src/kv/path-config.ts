/** `config`: the settings that hold for every secret of the mount, unless a secret's own say more. */
import { definePath, formatDuration, type PathDefinition } from "@strongroom/logical";
import { KvRows } from "./kv-rows.ts";
import { checkMaxVersions } from "./retention.ts";

export const pathConfig: PathDefinition = definePath({
  pattern: "config",
  fields: {
    max_versions: {
      type: "int",
      description:
        "The number of versions to keep for each key. Defaults to 10; a key may ask for more, not for fewer.",
    },
    cas_required: {
      type: "bool",
      description: "If true, every write must carry the cas option.",
    },
    delete_version_after: {
      type: "signed-duration",
      description:
        "How long a version lives before it is deleted. A negative duration turns this off for the whole mount, whatever " +
        "a key says; zero clears the setting.",
    },
  },
  operations: {
    read: {
      summary: "Read the settings of the mount.",
      handler(context) {
        const config = KvRows.of(context).config();
        return {
          kind: "data",
          data: {
            cas_required: config.casRequired,
            delete_version_after: formatDuration(config.deleteVersionAfterSeconds),
            max_versions: config.maxVersions,
          },
        };
      },
    },
    update: {
      summary: "Change the settings that are given; the others stay.",
      handler(context, _request, fields) {
        const maxVersions = fields.get("max_versions");
        const casRequired = fields.get("cas_required");
        const seconds = fields.get("delete_version_after");
        if (maxVersions === undefined && casRequired === undefined && seconds === undefined) return { kind: "empty" };
        const rows = KvRows.of(context);
        const old = rows.config();
        rows.putConfig({
          maxVersions: maxVersions === undefined ? old.maxVersions : checkMaxVersions(maxVersions),
          casRequired: casRequired ?? old.casRequired,
          deleteVersionAfterSeconds: seconds === undefined ? old.deleteVersionAfterSeconds : Math.max(seconds, -1),
        });
        return { kind: "empty" };
      },
    },
  },
  synopsis: "Configures settings for the KV store.",
  description: "What is not given keeps its value.",
});
