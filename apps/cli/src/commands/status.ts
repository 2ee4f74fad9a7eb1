import { type Command, defineCommand, EXIT } from "../command.ts";
import { display, print, table } from "../output.ts";
import { failingLocally, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const status: Command = defineCommand({
  usage: "[options]",
  description:
    "Shows whether the node asked is initialised and open, and who leads. Exit code 0: open; 2: sealed; 1: an error.",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const api = new ServerApi(connectionFrom(context, flags));
    const seal = (await failingLocally(api.call({ method: "GET", path: "sys/seal-status" }))).json ?? {};
    const leader = (await failingLocally(api.call({ method: "GET", path: "sys/leader" }))).json;
    const rows: [string, string][] = [
      ["Seal Type", display(seal["type"])],
      ["Initialized", display(seal["initialized"])],
      ["Sealed", display(seal["sealed"])],
      ["Total Shares", display(seal["n"])],
      ["Threshold", display(seal["t"])],
    ];
    if (seal["sealed"] === true || Number(seal["progress"]) > 0) {
      rows.push(
        ["Unseal Progress", `${display(seal["progress"])}/${display(seal["t"])}`],
        ["Unseal Nonce", display(seal["nonce"])],
      );
    }
    rows.push(["Version", display(seal["version"])], ["Storage Type", display(seal["storage_type"])]);
    if (seal["cluster_name"] !== undefined) rows.push(["Cluster Name", display(seal["cluster_name"])]);
    if (seal["cluster_id"] !== undefined) rows.push(["Cluster ID", display(seal["cluster_id"])]);
    if (leader !== undefined) {
      rows.push(
        ["HA Enabled", display(leader["ha_enabled"])],
        ["HA Mode", leader["is_self"] === true ? "active" : "standby"],
      );
      rows.push([
        "Active Node Address",
        display(leader["leader_address"] === "" ? "<none>" : leader["leader_address"]),
      ]);
      rows.push(
        ["Raft Committed Index", display(leader["raft_committed_index"])],
        ["Raft Applied Index", display(leader["raft_applied_index"])],
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
