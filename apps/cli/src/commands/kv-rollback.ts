import { type Command, defineCommand, LocalError } from "../command.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { keyValueTable, print } from "../output.ts";
import { printSecret } from "../secret-output.ts";
import { RemoteError, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const kvRollback: Command = defineCommand({
  usage: "-version=N [options] PATH",
  description: `Writes the data of an old version again as the newest one; a write that comes between makes it fail.

  strongroom kv rollback -version=2 secret/app`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    ...MOUNT_FLAG,
    version: { kind: "integer", help: "The version to go back to." },
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    if (flags.version === undefined || flags.version < 1)
      throw new LocalError("No version given: say which, as in -version=2.");
    const format = formatFrom(context, flags.format);
    const api = new ServerApi(connectionFrom(context, flags));
    const target = await kvPath(api, positional[0] ?? "", flags.mount, "versions");
    const path = endpoint(target, "data");
    const read = { method: "GET", preflight: true } as const;
    const metadata = await api.call({ ...read, path: endpoint(target, "metadata") }, [404]);
    const current = metadata.json?.data?.["current_version"];
    if (metadata.status === 404 || current === undefined) throw new RemoteError(`No value found at ${path}`, 404);
    const old = await api.call({ ...read, path, query: { version: String(flags.version) } }, [404]);
    const data = old.json?.data?.["data"];
    if (data == null)
      throw new RemoteError(
        `Version ${flags.version} of ${path} has no data: it was deleted, destroyed, or never was.`,
        404,
      );
    const body =
      (await api.call({ method: "PUT", path, body: JSON.stringify({ options: { cas: current }, data }) })).json ?? {};
    if (body.wrap_info != null) return printSecret(context, format, body, flags.field);
    return print(context, format, { body, table: () => keyValueTable(body.data ?? {}) }, flags.field);
  },
});
