import { type Command, defineCommand } from "../command.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { KV_SETTINGS, settingsBody } from "../kv-settings.ts";
import { printDone } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvMetadataPut: Command = defineCommand({
  usage: "[options] PATH",
  description: `Sets a secret's settings; makes the secret, without a version, if there is none. Custom metadata replaces all that was there;
\`kv metadata patch\` adds to it.

  strongroom kv metadata put -max-versions=20 -custom-metadata=owner=payments secret/app`,
  flags: { ...CONNECTION_FLAGS, ...MOUNT_FLAG, ...FORMAT_FLAG, ...KV_SETTINGS },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const format = formatFrom(context, flags.format);
    const body = JSON.stringify(settingsBody(flags));
    const api = new ServerApi(connectionFrom(context, flags));
    const path = endpoint(await kvPath(api, positional[0] ?? "", flags.mount, "versions"), "metadata");
    await api.call({ method: "PUT", path, body });
    return printDone(context, format, `Success! Data written to: ${path}`);
  },
});
