import { type Command, defineCommand, LocalError } from "../command.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { keyValueTable, print } from "../output.ts";
import { printSecret } from "../secret-output.ts";
import { RemoteError, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvGet: Command = defineCommand({
  usage: "[options] PATH",
  description: `Reads a secret, the newest version unless -version says otherwise.

  strongroom kv get secret/app
  strongroom kv get -mount=secret -field=password -version=3 app`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    ...MOUNT_FLAG,
    version: { kind: "integer", help: "The version to read." },
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const format = formatFrom(context, flags.format);
    const api = new ServerApi(connectionFrom(context, flags));
    const target = await kvPath(api, positional[0] ?? "", flags.mount);
    const path = endpoint(target, "data");
    if (!target.versioned) {
      if (flags.version !== undefined) throw new LocalError(`The secrets of ${target.mount} have no versions.`);
      const plain = await api.call({ method: "GET", path }, [404]);
      if (plain.status === 404) throw new RemoteError(`No value found at ${path}`, 404);
      const body = plain.json ?? {};
      if (body.wrap_info != null) return printSecret(context, format, body, flags.field);
      return print(
        context,
        format,
        { body, table: () => `====== Data ======\n${keyValueTable(body.data ?? {})}` },
        flags.field,
      );
    }
    const query = flags.version === undefined ? {} : { version: String(flags.version) };
    const response = await api.call({ method: "GET", path, query }, [404]);
    const body = response.json ?? {};
    if (body.wrap_info != null) return printSecret(context, format, body, flags.field);
    const data = body.data?.["data"] as Record<string, unknown> | null | undefined;
    const metadata = body.data?.["metadata"] as Record<string, unknown> | undefined;
    if (response.status === 404 && metadata === undefined) throw new RemoteError(`No value found at ${path}`, 404);
    const section = (title: string, table: string) => `${title}\n${table}`;
    const table = () =>
      `${section("====== Metadata ======", keyValueTable(metadata ?? {}))}${data == null ? "" : `\n${section("====== Data ======", keyValueTable(data))}`}`;
    const code = print(
      context,
      format,
      { body, fields: data ?? {}, table: () => `== Secret Path ==\n${path}\n\n${table()}` },
      flags.field,
    );
    return response.status === 404 ? 2 : code;
  },
});
