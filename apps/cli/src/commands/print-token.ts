import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const printToken: Command = defineCommand({
  usage: "",
  description: `Prints the token that commands use: VAULT_TOKEN, or else what \`login\` keeps.

  export VAULT_TOKEN=$(strongroom print token)`,
  flags: CONNECTION_FLAGS,
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const { token } = connectionFrom(context, flags);
    if (token === undefined)
      throw new LocalError("There is no token: log in with `strongroom login`, or set VAULT_TOKEN.");
    context.terminal.out(`${token}\n`);
    return EXIT.ok;
  },
});
