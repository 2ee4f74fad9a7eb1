/** `kv undelete` and `kv destroy`: one path, a list of versions, one endpoint. */
import { type Command, defineCommand, LocalError } from "./command.ts";
import { endpoint, kvPath, MOUNT_FLAG, versionsFrom } from "./kv-path.ts";
import { printDone } from "./output.ts";
import { ServerApi } from "./server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "./settings.ts";

export function kvVersionsCommand(section: "undelete" | "destroy", description: string): Command {
  return defineCommand({
    usage: "-versions=N[,N…] [options] PATH",
    description,
    flags: {
      ...CONNECTION_FLAGS,
      ...MOUNT_FLAG,
      ...FORMAT_FLAG,
      versions: { kind: "list", value: "N[,N…]", help: "The versions meant." },
    },
    positional: { min: 1, max: 1 },
    async run(context, { flags, positional }) {
      const format = formatFrom(context, flags.format);
      const versions = versionsFrom(flags.versions);
      if (versions.length === 0) throw new LocalError("No versions given: say which, as in -versions=1,2.");
      const api = new ServerApi(connectionFrom(context, flags));
      const path = endpoint(await kvPath(api, positional[0] ?? "", flags.mount, "versions"), section);
      await api.call({ method: "PUT", path, body: JSON.stringify({ versions }) });
      return printDone(context, format, `Success! Data written to: ${path}`);
    },
  });
}
