import { type Command, defineCommand } from "../command.ts";
import { display, print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

type InstalledVersion = Readonly<Record<string, unknown>>;

export const versionHistory: Command = defineCommand({
  usage: "[options]",
  description: `Shows which versions have led the cluster, oldest first, and since when.

  strongroom version-history`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const request = { method: "LIST", path: "sys/version-history" } as const;
    const body = (await new ServerApi(connectionFrom(context, flags)).call(request)).json ?? {};
    const { keys, key_info: info } = (body.data ?? {}) as {
      readonly keys?: readonly string[];
      readonly key_info?: Readonly<Record<string, InstalledVersion>>;
    };
    const rows = (keys ?? []).map((version) => [
      version,
      display(info?.[version]?.["timestamp_installed"]),
      display(info?.[version]?.["build_date"]),
    ]);
    return print(context, formatFrom(context, flags.format), {
      body,
      table: () => table(["Version", "Installation Time", "Build Date"], rows),
    });
  },
});
