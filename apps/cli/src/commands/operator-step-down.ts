import { type Command, defineCommand, EXIT } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const operatorStepDown: Command = defineCommand({
  usage: "[options]",
  description: `Has the node asked hand leadership to another voter; nothing happens if it does not lead.

  strongroom operator step-down`,
  flags: CONNECTION_FLAGS,
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const { address } = connectionFrom(context, flags);
    await new ServerApi(connectionFrom(context, flags)).call({ method: "PUT", path: "sys/step-down" });
    context.terminal.out(`Success! Stepped down: ${address.origin}\n`);
    return EXIT.ok;
  },
});
