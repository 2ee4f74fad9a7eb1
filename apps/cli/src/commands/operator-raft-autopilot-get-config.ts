import { type Command, defineCommand } from "../command.ts";
import { keyValueTable, print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const operatorRaftAutopilotGetConfig: Command = defineCommand({
  usage: "[options]",
  description: `Shows how the membership is tended.

  strongroom operator raft autopilot get-config`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const api = new ServerApi(connectionFrom(context, flags));
    const data = (await api.call({ method: "GET", path: "sys/storage/raft/autopilot/configuration" })).json?.data ?? {};
    return print(context, formatFrom(context, flags.format), {
      body: data,
      fields: data,
      table: () => keyValueTable(data),
    });
  },
});
