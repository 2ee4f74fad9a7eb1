import { type Command, defineCommand } from "../command.ts";
import { display, print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

type HaNode = Readonly<Record<string, unknown>>;

export const operatorMembers: Command = defineCommand({
  usage: "[options]",
  description: `Shows the nodes of the cluster with their addresses, which one leads, and when it last heard of the others.

  strongroom operator members`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const request = { method: "GET", path: "sys/ha-status" } as const;
    const body = (await new ServerApi(connectionFrom(context, flags)).call(request)).json ?? {};
    const { nodes } = (body.data ?? {}) as { readonly nodes?: readonly HaNode[] };
    const names = ["hostname", "api_address", "cluster_address", "active_node", "last_echo"];
    const rows = (nodes ?? []).map((node) => names.map((name) => display(node[name])));
    return print(context, formatFrom(context, flags.format), {
      body,
      table: () => table(["Host Name", "API Address", "Cluster Address", "Active Node", "Last Echo"], rows),
    });
  },
});
