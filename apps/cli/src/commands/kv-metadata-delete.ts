import { type Command, defineCommand, EXIT } from "../command.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const kvMetadataDelete: Command = defineCommand({
  usage: "[options] PATH",
  description: "Removes a secret with all its versions and settings for good.",
  flags: { ...CONNECTION_FLAGS, ...MOUNT_FLAG },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const api = new ServerApi(connectionFrom(context, flags));
    const path = endpoint(await kvPath(api, positional[0] ?? "", flags.mount, "versions"), "metadata");
    await api.call({ method: "DELETE", path });
    context.terminal.out(`Success! Data deleted (if it existed) at: ${path}\n`);
    return EXIT.ok;
  },
});
