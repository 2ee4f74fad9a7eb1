import { type Command, defineCommand } from "../command.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { keyValueTable, print } from "../output.ts";
import { RemoteError, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvMetadataGet: Command = defineCommand({
  usage: "[options] PATH",
  description: "Shows a secret's settings and its versions, without their data.",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, ...FIELD_FLAG, ...MOUNT_FLAG },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const format = formatFrom(context, flags.format);
    const api = new ServerApi(connectionFrom(context, flags));
    const path = endpoint(await kvPath(api, positional[0] ?? "", flags.mount, "versions"), "metadata");
    const response = await api.call({ method: "GET", path }, [404]);
    if (response.status === 404) throw new RemoteError(`No value found at ${path}`, 404);
    const body = response.json ?? {};
    const { versions, ...settings } = (body.data ?? {}) as {
      readonly versions?: Record<string, Record<string, unknown>>;
    };
    const table = () => {
      const sections = Object.entries(versions ?? {}).map(
        ([version, data]) => `\n====== Version ${version} ======\n${keyValueTable(data)}`,
      );
      return `== Metadata Path ==\n${path}\n\n========== Metadata ==========\n${keyValueTable(settings)}${sections.join("")}`;
    };
    return print(context, format, { body, table }, flags.field);
  },
});
