import { apiPath } from "../api-path.ts";
import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { dataArguments } from "../data-arguments.ts";
import { printSecret } from "../secret-output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const write: Command = defineCommand({
  usage: "[options] PATH [K=V… | @FILE | -]",
  description: `Writes data to a path of the server's API.

  strongroom write secret/config max_versions=5
  strongroom write secret/data/app @body.json
  strongroom write -force sys/step-down`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    force: { kind: "switch", alias: "f", help: "Write without data." },
  },
  positional: { min: 1, max: 1024 },
  async run(context, { flags, positional }) {
    const [typed = "", ...data] = positional;
    const path = apiPath(typed);
    if (data.length === 0 && !flags.force) {
      throw new LocalError("No data given. Give key=value, @file or -, or -force to write without data.");
    }
    const format = formatFrom(context, flags.format);
    const body = data.length === 0 ? "{}" : await dataArguments(context, data);
    const response = await new ServerApi(connectionFrom(context, flags)).call({ method: "PUT", path, body });
    if (response.json === undefined) {
      if (flags.field === undefined && format === "table") context.terminal.out(`Success! Data written to: ${path}\n`);
      return EXIT.ok;
    }
    return printSecret(context, format, response.json, flags.field);
  },
});
