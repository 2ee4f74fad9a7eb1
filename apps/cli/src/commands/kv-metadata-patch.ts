import { type Command, defineCommand, LocalError } from "../command.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { KV_SETTINGS, settingsBody } from "../kv-settings.ts";
import { printDone } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvMetadataPatch: Command = defineCommand({
  usage: "[options] PATH",
  description: `Changes those of a secret's settings that are given; custom metadata is added to what is there, name by name.

  strongroom kv metadata patch -custom-metadata=owner=payments secret/app
  strongroom kv metadata patch -remove-custom-metadata=owner secret/app`,
  flags: {
    ...CONNECTION_FLAGS,
    ...MOUNT_FLAG,
    ...FORMAT_FLAG,
    ...KV_SETTINGS,
    "remove-custom-metadata": {
      kind: "list",
      value: "NAME",
      help: "A note to take away; may be given more than once.",
    },
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const format = formatFrom(context, flags.format);
    const { custom_metadata: notes, ...settings } = settingsBody(flags);
    const removed = flags["remove-custom-metadata"].map((name) => [name, null] as const);
    // RFC 7396: null takes a member away.
    const changed = { ...(notes as object | undefined), ...Object.fromEntries(removed) };
    const body = { ...settings, ...(Object.keys(changed).length === 0 ? {} : { custom_metadata: changed }) };
    if (Object.keys(body).length === 0) throw new LocalError("Give at least one setting to change; see -help.");
    const api = new ServerApi(connectionFrom(context, flags));
    const path = endpoint(await kvPath(api, positional[0] ?? "", flags.mount, "versions"), "metadata");
    await api.call({ method: "PATCH", path, body: JSON.stringify(body) });
    return printDone(context, format, `Success! Data written to: ${path}`);
  },
});
