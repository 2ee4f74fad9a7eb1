import { apiPath } from "../api-path.ts";
import { type Command, defineCommand, EXIT } from "../command.ts";
import { print } from "../output.ts";
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
    const request = { method: "DELETE", path, query: queryArguments(parameters) } as const;
    const response = await new ServerApi(connectionFrom(context, flags)).call(request);
    const format = formatFrom(context, flags.format);
    if (response.json !== undefined) return print(context, format, { body: response.json });
    if (format === "table") context.terminal.out(`Success! Data deleted (if it existed) at: ${path}\n`);
    return EXIT.ok;
  },
});
