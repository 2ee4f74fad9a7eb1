import { type Command, defineCommand, EXIT } from "../command.ts";
import { printSecret } from "../secret-output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const unwrap: Command = defineCommand({
  usage: "[options] [TOKEN | -]",
  description: `Gives the answer that a wrapping token holds, once; without an argument the token in use is the wrapping token. \`-\` reads it from
standard input, which keeps it out of the process list.

  strongroom unwrap -
  strongroom unwrap -field=secret_id hvs.…`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, ...FIELD_FLAG },
  positional: { min: 0, max: 1 },
  async run(context, { flags, positional }) {
    const connection = connectionFrom(context, flags);
    const [given] = positional;
    const wrapping = given === "-" ? (await context.terminal.readInput()).toString("utf8").trim() : given;
    const token = wrapping ?? connection.token;
    const api = new ServerApi({ ...connection, token, wrapTtl: undefined });
    const response = await api.call({ method: "PUT", path: "sys/wrapping/unwrap", body: "{}" });
    if (response.json === undefined) {
      context.terminal.out("Success! The answer that was wrapped is empty.\n");
      return EXIT.ok;
    }
    return printSecret(context, formatFrom(context, flags.format), response.json, flags.field);
  },
});
