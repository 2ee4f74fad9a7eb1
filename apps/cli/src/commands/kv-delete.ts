import { type Command, defineCommand } from "../command.ts";
import { endpoint, kvPath, MOUNT_FLAG, versionsFrom } from "../kv-path.ts";
import { printDone } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvDelete: Command = defineCommand({
  usage: "[options] PATH",
  description: `Deletes the newest version, or those given, so that \`kv undelete\` can bring them back.

  strongroom kv delete secret/app
  strongroom kv delete -versions=1,2 secret/app`,
  flags: {
    ...CONNECTION_FLAGS,
    ...MOUNT_FLAG,
    ...FORMAT_FLAG,
    versions: { kind: "list", value: "N[,N…]", help: "The versions to delete; the newest." },
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const format = formatFrom(context, flags.format);
    const versions = versionsFrom(flags.versions);
    const api = new ServerApi(connectionFrom(context, flags));
    const target = await kvPath(api, positional[0] ?? "", flags.mount, versions.length === 0 ? undefined : "versions");
    const path = endpoint(target, versions.length === 0 ? "data" : "delete");
    await api.call(
      versions.length === 0 ? { method: "DELETE", path } : { method: "PUT", path, body: JSON.stringify({ versions }) },
    );
    return printDone(context, format, `Success! Data deleted (if it existed) at: ${endpoint(target, "data")}`);
  },
});
