import { apiPath } from "../api-path.ts";
import { type Command, defineCommand, EXIT } from "../command.ts";
import { display, print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const pathHelp: Command = defineCommand({
  usage: "[options] PATH",
  description: `Shows what the server says about a path of its API: a mount's paths, or one path's parameters.

  strongroom path-help secret
  strongroom path-help sys/policies/acl/app`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const path = apiPath(positional[0] ?? "");
    const api = new ServerApi(connectionFrom(context, flags));
    const body = (await api.call({ method: "GET", path, query: { help: "1" } })).json ?? {};
    const format = formatFrom(context, flags.format);
    if (format !== "table") return print(context, format, { body, fields: body });
    context.terminal.out(`${display(body["help"] ?? "").trimEnd()}\n`);
    return EXIT.ok;
  },
});
