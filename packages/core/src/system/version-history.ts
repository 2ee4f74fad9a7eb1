/** `sys/version-history`: which versions have led the cluster. */
import { definePath, formatTimestamp, type LogicalResponse, type RequestContext } from "@strongroom/logical";
import { readVersionHistory } from "../version-history.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function versionHistoryPath({ dependencies: { barrier } }: SystemServices): SystemPath {
  const history = (context: RequestContext): LogicalResponse => {
    const installed = readVersionHistory(SystemContext.of(context).transaction, barrier);
    const info = installed.map(({ version, installedMs, buildDate }, i) => [
      version,
      {
        build_date: buildDate,
        previous_version: installed[i - 1]?.version ?? null,
        timestamp_installed: formatTimestamp(installedMs),
      },
    ]);
    const keys = installed.map(({ version }) => version);
    return { kind: "data", data: { key_info: Object.fromEntries(info), keys } };
  };
  const path = definePath({
    pattern: "version-history",
    fields: {},
    operations: {
      list: { summary: "The versions, oldest first.", handler: history },
      read: { summary: "The same.", handler: history },
    },
    synopsis: "Which versions have led the cluster.",
    description:
      "A version stands here from the first time that a node of it led and was open. Nodes that only follow do not count, " +
      "and one that comes back after another was there keeps its first time.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}
