import { type Command, defineCommand } from "../command.ts";
import { display, print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const auditList: Command = defineCommand({
  usage: "[options]",
  description: "Lists the audit devices. Each node's own stream is always there, and is none of them.",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, detailed: { kind: "switch", help: "With their options." } },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const body =
      (await new ServerApi(connectionFrom(context, flags)).call({ method: "GET", path: "sys/audit" })).json ?? {};
    const devices = Object.entries((body.data ?? {}) as Readonly<Record<string, Readonly<Record<string, unknown>>>>);
    return print(context, formatFrom(context, flags.format), {
      body: body.data ?? {},
      table: () =>
        devices.length === 0
          ? "No audit devices are enabled.\n"
          : table(
              ["Path", "Type", "Description", ...(flags.detailed ? ["Options"] : [])],
              devices.map(([path, device]) => [
                path,
                ...["type", "description", ...(flags.detailed ? ["options"] : [])].map((name) => display(device[name])),
              ]),
            ),
    });
  },
});
