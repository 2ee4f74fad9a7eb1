import { type Command, defineCommand, LocalError } from "../command.ts";
import { dataArguments } from "../data-arguments.ts";
import { parseExactly } from "../exact-json.ts";
import { endpoint, kvPath, MOUNT_FLAG } from "../kv-path.ts";
import { keyValueTable, print } from "../output.ts";
import { printSecret } from "../secret-output.ts";
import { type ApiBody, RemoteError, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

type Members = Readonly<Record<string, unknown>>;

interface Change {
  readonly data: Members;
  readonly removed: readonly string[];
  readonly cas: number | undefined;
}

export const kvPatch: Command = defineCommand({
  usage: "[options] PATH [K=V… | @FILE | -]",
  description: `Writes a new version of a secret, with what is given changed and the rest as it was. With -method=rw the secret is read, changed here and
written back if it is still the same: for a token that may read and update, and not patch.

  strongroom kv patch secret/app password=-
  strongroom kv patch -remove-data=old_password secret/app
  strongroom kv patch -cas=3 secret/app @changes.json`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    ...MOUNT_FLAG,
    cas: { kind: "integer", help: "Write only if this is the current version." },
    method: { kind: "string", help: "patch: the server merges; rw: read, change, write. patch." },
    "remove-data": { kind: "list", value: "NAME", help: "A member to take away; may be given more than once." },
  },
  positional: { min: 1, max: 1024 },
  async run(context, { flags, positional }) {
    const [path = "", ...args] = positional;
    const { method = "patch", cas, "remove-data": removed } = flags;
    if (method !== "patch" && method !== "rw") throw new LocalError('-method is "patch" or "rw".');
    if (args.length === 0 && removed.length === 0) throw new LocalError("Give what to change, or -remove-data.");
    const data = args.length === 0 ? {} : (parseExactly(await dataArguments(context, args)) as Members);
    const format = formatFrom(context, flags.format);
    const api = new ServerApi(connectionFrom(context, flags));
    const target = endpoint(await kvPath(api, path, flags.mount, "versions"), "data");
    const change = { data, removed, cas };
    const body = method === "patch" ? await merge(api, target, change) : await readAndWrite(api, target, change);
    if (body.wrap_info != null) return printSecret(context, format, body, flags.field);
    const table = () => `== Secret Path ==\n${target}\n\n======= Metadata =======\n${keyValueTable(body.data ?? {})}`;
    return print(context, format, { body, table }, flags.field);
  },
});

/** By the server, in one request (RFC 7396: null takes a member away). */
async function merge(api: ServerApi, path: string, { data, removed, cas }: Change): Promise<ApiBody> {
  const patch = { ...data, ...Object.fromEntries(removed.map((name) => [name, null])) };
  const body = JSON.stringify({ data: patch, ...(cas === undefined ? {} : { options: { cas } }) });
  return (await api.call({ method: "PATCH", path, body })).json ?? {};
}

/** A write that comes between makes it fail, whatever -cas says. */
async function readAndWrite(api: ServerApi, path: string, { data, removed, cas }: Change): Promise<ApiBody> {
  const { json, status } = await api.call({ method: "GET", path, preflight: true }, [404]);
  const old = json?.data?.["data"] as Members | null | undefined;
  if (status === 404 || old == null) throw new RemoteError(`No value found at ${path}`, 404);
  const { version } = (json?.data?.["metadata"] ?? {}) as { readonly version?: number };
  const kept = Object.entries({ ...old, ...data }).filter(([name]) => !removed.includes(name));
  const body = JSON.stringify({ data: Object.fromEntries(kept), options: { cas: cas ?? version } });
  return (await api.call({ method: "PUT", path, body })).json ?? {};
}
