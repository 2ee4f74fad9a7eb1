import { type Command, defineCommand } from "../command.ts";
import { print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const operatorKeyStatus: Command = defineCommand({
  usage: "[options]",
  description: `Shows which data key of the keyring seals new rows, and since when.

  strongroom operator key-status`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const answer = await new ServerApi(connectionFrom(context, flags)).call({ method: "GET", path: "sys/key-status" });
    const data = answer.json?.data ?? {};
    return print(context, formatFrom(context, flags.format), {
      body: data,
      fields: data,
      table: () =>
        table(
          ["Key", "Value"],
          [
            ["Key Term", String(data["term"])],
            ["Install Time", String(data["install_time"])],
          ],
        ),
    });
  },
});
