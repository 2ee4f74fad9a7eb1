import { type Command, defineCommand } from "../command.ts";
import { print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const operatorRotate: Command = defineCommand({
  usage: "[options]",
  description: `Adds a new data key to the cluster's keyring: rows written from now on are sealed with it, older ones stay under their keys. Shares
and the root key stay the same; \`operator rekey\` changes these.

  strongroom operator rotate
  strongroom operator key-status`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const format = formatFrom(context, flags.format);
    const api = new ServerApi(connectionFrom(context, flags));
    await api.call({ method: "PUT", path: "sys/rotate" });
    const { json } = await api.call({ method: "GET", path: "sys/key-status" });
    const data = json?.data ?? {};
    return print(context, format, {
      body: data,
      table: () => `Success! New rows are sealed with the key of term ${String(data["term"])}.\n`,
    });
  },
});
