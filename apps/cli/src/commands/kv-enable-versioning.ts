import { type Command, defineCommand } from "../command.ts";
import { printDone } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvEnableVersioning: Command = defineCommand({
  usage: "[options] MOUNT",
  description: `Gives the secrets of a KV mount versions, for good. What is there becomes version 1 of each; policies have to name data/, metadata/ and
so on from then on.

  strongroom kv enable-versioning team`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const format = formatFrom(context, flags.format);
    const mount = (positional[0] ?? "").replace(/^\/+|\/+$/g, "");
    const body = JSON.stringify({ options: { version: "2" } });
    await new ServerApi(connectionFrom(context, flags)).call({
      method: "POST",
      path: `sys/mounts/${mount}/tune`,
      body,
    });
    return printDone(context, format, `Success! Tuned the secrets engine at: ${mount}/`);
  },
});
