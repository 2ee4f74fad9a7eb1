import { type Command, defineCommand } from "../command.ts";
import { display, print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

type Server = Readonly<Record<string, unknown>>;

export const operatorRaftAutopilotState: Command = defineCommand({
  usage: "[options]",
  description: `Shows the members' health as the leader sees it, and how many voters may fail before the cluster stands still.

  strongroom operator raft autopilot state`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const api = new ServerApi(connectionFrom(context, flags));
    const data = (await api.call({ method: "GET", path: "sys/storage/raft/autopilot/state" })).json?.data ?? {};
    const servers = Object.values((data["servers"] ?? {}) as Readonly<Record<string, Server>>);
    const rows = servers.map((server) =>
      ["name", "address", "status", "node_status", "healthy", "last_contact", "last_index"].map((key) =>
        display(server[key]),
      ),
    );
    return print(context, formatFrom(context, flags.format), {
      body: data,
      fields: data,
      table: () =>
        `${table(
          ["Key", "Value"],
          [
            ["Healthy", display(data["healthy"])],
            ["Failure Tolerance", display(data["failure_tolerance"])],
            ["Leader", display(data["leader"])],
          ],
        )}\n${table(["Node", "Address", "Status", "Seen", "Healthy", "Last Contact", "Index"], rows)}`,
    });
  },
});
