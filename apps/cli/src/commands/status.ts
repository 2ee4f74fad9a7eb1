import { type Command, defineCommand, EXIT } from "../command.ts";
import { print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const status: Command = defineCommand({
  usage: "[options]",
  description:
    "Shows whether the node asked is initialised and open, and who leads. Exit code 0: open; 2: sealed; 1: an error.",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const api = new ServerApi(connectionFrom(context, flags));
    const seal = (await api.call({ method: "GET", path: "sys/seal-status" })).json ?? {};
    const leader = (await api.send({ method: "GET", path: "sys/leader" })).json;
    const rows: [string, string][] = [
      ["Seal Type", String(seal["type"])],
      ["Initialized", String(seal["initialized"])],
      ["Sealed", String(seal["sealed"])],
      ["Total Shares", String(seal["n"])],
      ["Threshold", String(seal["t"])],
    ];
    if (seal["sealed"] === true || Number(seal["progress"]) > 0) {
      rows.push(
        ["Unseal Progress", `${String(seal["progress"])}/${String(seal["t"])}`],
        ["Unseal Nonce", String(seal["nonce"])],
      );
    }
    rows.push(["Version", String(seal["version"])], ["Storage Type", String(seal["storage_type"])]);
    if (seal["cluster_name"] !== undefined) rows.push(["Cluster Name", String(seal["cluster_name"])]);
    if (seal["cluster_id"] !== undefined) rows.push(["Cluster ID", String(seal["cluster_id"])]);
    if (leader !== undefined) {
      rows.push(
        ["HA Enabled", String(leader["ha_enabled"])],
        ["HA Mode", leader["is_self"] === true ? "active" : "standby"],
      );
      rows.push(["Active Node Address", String(leader["leader_address"] || "<none>")]);
      rows.push(
        ["Raft Committed Index", String(leader["raft_committed_index"])],
        ["Raft Applied Index", String(leader["raft_applied_index"])],
      );
    }
    const code = print(context, formatFrom(context, flags.format), {
      body: seal,
      fields: seal,
      table: () => table(["Key", "Value"], rows),
    });
    return seal["sealed"] === true ? EXIT.remote : code;
  },
});
