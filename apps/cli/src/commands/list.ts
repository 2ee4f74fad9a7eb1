import { apiPath } from "../api-path.ts";
import { type Command, defineCommand } from "../command.ts";
import { printDetailedKeys, printKeys } from "../output.ts";
import { RemoteError, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const list: Command = defineCommand({
  usage: "[options] PATH",
  description: `Lists the names below a path; directories end in "/".

  strongroom list secret/metadata/`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    detailed: {
      kind: "switch",
      help: "Show what the server says of each name besides; with json or yaml its whole answer.",
    },
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const path = apiPath(positional[0] ?? "");
    const response = await new ServerApi(connectionFrom(context, flags)).call({ method: "LIST", path }, [404]);
    if (response.status === 404) throw new RemoteError(`No value found at ${path}`, 404);
    const format = formatFrom(context, flags.format);
    const body = response.json ?? {};
    return flags.detailed ? printDetailedKeys(context, format, body) : printKeys(context, format, body);
  },
});
