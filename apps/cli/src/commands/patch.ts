import { apiPath } from "../api-path.ts";
import { type Command, defineCommand } from "../command.ts";
import { dataArguments } from "../data-arguments.ts";
import { printDone } from "../output.ts";
import { printSecret } from "../secret-output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const patch: Command = defineCommand({
  usage: "[options] PATH (K=V… | @FILE | -)",
  description: `Changes what is given at a path of the server's API and leaves the rest (a JSON merge patch, RFC 7396).

  strongroom patch secret/data/app @patch.json`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, ...FIELD_FLAG },
  positional: { min: 2, max: 1024 },
  async run(context, { flags, positional }) {
    const [typed = "", ...data] = positional;
    const path = apiPath(typed);
    const format = formatFrom(context, flags.format);
    const body = await dataArguments(context, data);
    const response = await new ServerApi(connectionFrom(context, flags)).call({ method: "PATCH", path, body });
    if (response.json === undefined) return printDone(context, format, `Success! Data written to: ${path}`);
    return printSecret(context, format, response.json, flags.field);
  },
});
