import { type Command, defineCommand, EXIT } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const operatorSeal: Command = defineCommand({
  usage: "[options]",
  description:
    "Seals the node asked: it forgets its keys and serves no secret until shares open it again. It goes on replicating and voting.",
  flags: { ...CONNECTION_FLAGS },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    await new ServerApi(connectionFrom(context, flags)).call({ method: "PUT", path: "sys/seal" });
    context.terminal.out("Success! The node is sealed.\n");
    return EXIT.ok;
  },
});
