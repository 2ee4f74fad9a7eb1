import { type Command, defineCommand, EXIT } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const policyDelete: Command = defineCommand({
  usage: "[options] NAME",
  description: "Removes a policy: tokens that have it may no longer what it granted.",
  flags: CONNECTION_FLAGS,
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const [name = ""] = positional;
    await new ServerApi(connectionFrom(context, flags)).call({ method: "DELETE", path: `sys/policies/acl/${name}` });
    context.terminal.out(`Success! Deleted policy: ${name}\n`);
    return EXIT.ok;
  },
});
