import { type Command, defineCommand } from "../command.ts";
import { display, print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

interface Server {
  readonly [name: string]: unknown;
}

export const operatorRaftListPeers: Command = defineCommand({
  usage: "[options]",
  description: "Shows the members of the cluster: who leads, who votes, and how far each has come.",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const body =
      (
        await new ServerApi(connectionFrom(context, flags)).call({
          method: "GET",
          path: "sys/storage/raft/configuration",
        })
      ).json ?? {};
    const config = body.data?.["config"] as { readonly servers?: readonly Server[] } | undefined;
    const rows = (config?.servers ?? []).map((server) => [
      display(server["node_id"]),
      display(server["address"]),
      server["leader"] === true ? "leader" : "follower",
      display(server["voter"]),
    ]);
    return print(context, formatFrom(context, flags.format), {
      body,
      table: () => table(["Node", "Address", "State", "Voter"], rows),
    });
  },
});
