import { type Command, defineCommand } from "../command.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { printKeys } from "../output.ts";
import { RemoteError, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvList: Command = defineCommand({
  usage: "[options] PATH",
  description: `Lists the secrets below a path; directories end in "/".

  strongroom kv list secret/
  strongroom kv list -mount=secret team/`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, ...MOUNT_FLAG },
  positional: { min: 0, max: 1 },
  async run(context, { flags, positional }) {
    const api = new ServerApi(connectionFrom(context, flags));
    const path = endpoint(await kvPath(api, positional[0] ?? "", flags.mount), "metadata");
    const response = await api.call({ method: "LIST", path }, [404]);
    if (response.status === 404) throw new RemoteError(`No value found at ${path}`, 404);
    return printKeys(context, formatFrom(context, flags.format), response.json ?? {});
  },
});
