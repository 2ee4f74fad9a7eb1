import { type Command, defineCommand, LocalError } from "../command.ts";
import { dataArguments } from "../data-arguments.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { keyValueTable, print, printDone } from "../output.ts";
import { printSecret } from "../secret-output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvPut: Command = defineCommand({
  usage: "[options] PATH (K=V… | @FILE | -)",
  description: `Writes a new version of a secret. The data replaces the old version's whole.

  strongroom kv put secret/app @app.json
  generate-password | strongroom kv put secret/app password=-
  strongroom kv put -cas=0 secret/app key=value      only if there is none yet`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    ...MOUNT_FLAG,
    cas: { kind: "integer", help: "Write only if this is the current version; 0: only if there is none." },
  },
  positional: { min: 2, max: 1024 },
  async run(context, { flags, positional }) {
    const [path = "", ...args] = positional;
    const data = await dataArguments(context, args);
    const format = formatFrom(context, flags.format);
    const api = new ServerApi(connectionFrom(context, flags));
    const found = await kvPath(api, path, flags.mount);
    const target = endpoint(found, "data");
    if (!found.versioned) {
      if (flags.cas !== undefined)
        throw new LocalError(`The secrets of ${found.mount} have no versions, so -cas has none to name.`);
      await api.call({ method: "PUT", path: target, body: data });
      return printDone(context, format, `Success! Data written to: ${target}`);
    }
    // The data is spliced in as text: what the user's file says is what is stored, digit by digit.
    const options = flags.cas === undefined ? "" : `,"options":{"cas":${flags.cas}}`;
    const body = (await api.call({ method: "PUT", path: target, body: `{"data":${data}${options}}` })).json ?? {};
    if (body.wrap_info != null) return printSecret(context, format, body, flags.field);
    const table = () => `== Secret Path ==\n${target}\n\n======= Metadata =======\n${keyValueTable(body.data ?? {})}`;
    return print(context, format, { body, table }, flags.field);
  },
});
