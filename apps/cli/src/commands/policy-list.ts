import { type Command, defineCommand, EXIT } from "../command.ts";
import { print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const policyList: Command = defineCommand({
  usage: "[options]",
  description: "Lists the names of policies.",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const api = new ServerApi(connectionFrom(context, flags));
    const body = (await api.call({ method: "LIST", path: "sys/policies/acl" })).json ?? {};
    const names = Array.isArray(body.data?.["keys"]) ? body.data["keys"].map(String) : [];
    const format = formatFrom(context, flags.format);
    if (format === "table" || format === "raw") {
      context.terminal.out(names.map((name) => `${name}\n`).join(""));
      return EXIT.ok;
    }
    return print(context, format, { body: names as never });
  },
});
