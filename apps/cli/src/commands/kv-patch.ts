import { type Command, defineCommand } from "../command.ts";
import { dataArguments } from "../data-arguments.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { keyValueTable, print } from "../output.ts";
import { printSecret } from "../secret-output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvPatch: Command = defineCommand({
  usage: "[options] PATH (K=V… | @FILE | -)",
  description: `Writes a new version of a secret, with what is given changed and the rest as it was.

  strongroom kv patch secret/app password=-
  strongroom kv patch -cas=3 secret/app @changes.json`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    ...MOUNT_FLAG,
    cas: { kind: "integer", help: "Write only if this is the current version." },
  },
  positional: { min: 2, max: 1024 },
  async run(context, { flags, positional }) {
    const [path = "", ...args] = positional;
    const data = await dataArguments(context, args);
    const api = new ServerApi(connectionFrom(context, flags));
    const target = endpoint(await kvPath(api, path, flags.mount, "versions"), "data");
    const options = flags.cas === undefined ? "" : `,"options":{"cas":${flags.cas}}`;
    const body = (await api.call({ method: "PATCH", path: target, body: `{"data":${data}${options}}` })).json ?? {};
    if (body.wrap_info != null) return printSecret(context, formatFrom(context, flags.format), body, flags.field);
    const table = () => `== Secret Path ==\n${target}\n\n======= Metadata =======\n${keyValueTable(body.data ?? {})}`;
    return print(context, formatFrom(context, flags.format), { body, table }, flags.field);
  },
});
