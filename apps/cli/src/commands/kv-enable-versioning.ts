import { type Command, defineCommand, EXIT } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const kvEnableVersioning: Command = defineCommand({
  usage: "[options] MOUNT",
  description: `Gives the secrets of a KV mount versions, for good. What is there becomes version 1 of each; policies have to name data/, metadata/ and
so on from then on.

  strongroom kv enable-versioning team`,
  flags: CONNECTION_FLAGS,
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const mount = (positional[0] ?? "").replace(/^\/+|\/+$/g, "");
    const body = JSON.stringify({ options: { version: "2" } });
    await new ServerApi(connectionFrom(context, flags)).call({
      method: "POST",
      path: `sys/mounts/${mount}/tune`,
      body,
    });
    context.terminal.out(`Success! Tuned the secrets engine at: ${mount}/\n`);
    return EXIT.ok;
  },
});
