import { type Command, defineCommand, EXIT } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const auditDisable: Command = defineCommand({
  usage: "[options] PATH",
  description: "Takes an audit device away. The nodes' own streams go on.\n\n  strongroom audit disable siem",
  flags: CONNECTION_FLAGS,
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const path = (positional[0] ?? "").replace(/^\/+|\/+$/g, "");
    await new ServerApi(connectionFrom(context, flags)).call({ method: "DELETE", path: `sys/audit/${path}` });
    context.terminal.out(`Success! Disabled audit device (if it was enabled) at: ${path}/\n`);
    return EXIT.ok;
  },
});
