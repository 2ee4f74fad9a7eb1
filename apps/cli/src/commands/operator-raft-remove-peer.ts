import { type Command, defineCommand } from "../command.ts";
import { printDone } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const operatorRaftRemovePeer: Command = defineCommand({
  usage: "[options] NODE",
  description: `Removes a member for good, by its name or its number: it may vote and be heard no more, and its number never comes back. A
machine that is to return joins again with an empty data directory and a new token.

  strongroom operator raft remove-peer node-1`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const format = formatFrom(context, flags.format);
    const [node = ""] = positional;
    const api = new ServerApi(connectionFrom(context, flags));
    await api.call({
      method: "POST",
      path: "sys/storage/raft/remove-peer",
      body: JSON.stringify({ server_id: node }),
    });
    return printDone(context, format, `Success! ${node} is no member any more.`);
  },
});
