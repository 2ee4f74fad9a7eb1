import { apiPath } from "../api-path.ts";
import { type Command, defineCommand } from "../command.ts";
import { queryArguments } from "../query-arguments.ts";
import { printSecret } from "../secret-output.ts";
import { RemoteError, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const read: Command = defineCommand({
  usage: "[options] PATH [K=V…]",
  description: `Reads a path of the server's API. Further arguments become query parameters.

  strongroom read secret/data/app
  strongroom read -field=data secret/data/app version=3`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, ...FIELD_FLAG },
  positional: { min: 1, max: 64 },
  async run(context, { flags, positional }) {
    const format = formatFrom(context, flags.format);
    const [typed = "", ...parameters] = positional;
    const path = apiPath(typed);
    const api = new ServerApi(connectionFrom(context, flags));
    const request = { method: "GET", path, query: queryArguments(parameters) } as const;
    const response = await api.call(request, [404]);
    if (response.status === 404 && response.json?.data == null) throw new RemoteError(`No value found at ${path}`, 404);
    if (format === "raw" && flags.field === undefined) {
      context.terminal.out(response.text);
      return 0;
    }
    const body = response.json ?? {};
    return printSecret(context, format, body, flags.field);
  },
});
