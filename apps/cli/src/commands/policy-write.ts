import { type Command, defineCommand, EXIT } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, readText } from "../settings.ts";

export const policyWrite: Command = defineCommand({
  usage: "[options] NAME (FILE | -)",
  description: `Writes a policy from a file or from standard input; the old one of that name is replaced, for all tokens at once.

  strongroom policy write app app.hcl`,
  flags: CONNECTION_FLAGS,
  positional: { min: 2, max: 2 },
  async run(context, { flags, positional }) {
    const [name = "", file = ""] = positional;
    const policy = file === "-" ? (await context.terminal.readInput()).toString("utf8") : readText(file, "the policy");
    const api = new ServerApi(connectionFrom(context, flags));
    const response = await api.call({
      method: "PUT",
      path: `sys/policies/acl/${name}`,
      body: JSON.stringify({ policy }),
    });
    for (const warning of response.json?.warnings ?? []) context.terminal.error(`WARNING! ${warning}\n`);
    context.terminal.out(`Success! Uploaded policy: ${name}\n`);
    return EXIT.ok;
  },
});
