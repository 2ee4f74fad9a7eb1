import { apiPath } from "../api-path.ts";
import { type Command, defineCommand } from "../command.ts";
import { print, printDone } from "../output.ts";
import { queryArguments } from "../query-arguments.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const deletePath: Command = defineCommand({
  usage: "[options] PATH [K=V…]",
  description:
    "Deletes what is at a path of the server's API. Deleting what is not there succeeds too. Further arguments become query parameters.",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 1, max: 64 },
  async run(context, { flags, positional }) {
    const [typed = "", ...parameters] = positional;
    const path = apiPath(typed);
    const format = formatFrom(context, flags.format);
    const request = { method: "DELETE", path, query: queryArguments(parameters) } as const;
    const response = await new ServerApi(connectionFrom(context, flags)).call(request);
    if (response.json !== undefined) return print(context, format, { body: response.json });
    return printDone(context, format, `Success! Data deleted (if it existed) at: ${path}`);
  },
});
