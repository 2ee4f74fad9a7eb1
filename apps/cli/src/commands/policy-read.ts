import { type Command, defineCommand, EXIT } from "../command.ts";
import { display, print } from "../output.ts";
import { RemoteError, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const policyRead: Command = defineCommand({
  usage: "[options] NAME",
  description: "Prints a policy as it was written.\n\n  strongroom policy read app > app.hcl",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const [name = ""] = positional;
    const api = new ServerApi(connectionFrom(context, flags));
    const response = await api.call({ method: "GET", path: `sys/policies/acl/${name}` }, [404]);
    if (response.status === 404) throw new RemoteError(`No policy named: ${name}`, 404);
    const body = response.json ?? {};
    const format = formatFrom(context, flags.format);
    if (format !== "table" && format !== "raw") return print(context, format, { body });
    context.terminal.out(`${display(body.data?.["policy"] ?? "").trimEnd()}\n`);
    return EXIT.ok;
  },
});
