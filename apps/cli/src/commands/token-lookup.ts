import { type Command, defineCommand } from "../command.ts";
import { print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const tokenLookup: Command = defineCommand({
  usage: "[options] [TOKEN | -]",
  description:
    "Shows what the own token is, or the one given; `-` reads it from standard input, which keeps it out of the process list.",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, ...FIELD_FLAG },
  positional: { min: 0, max: 1 },
  async run(context, { flags, positional }) {
    const api = new ServerApi(connectionFrom(context, flags));
    const [given] = positional;
    const token = given === "-" ? (await context.terminal.readInput()).toString("utf8").trim() : given;
    const response = await (token === undefined
      ? api.call({ method: "GET", path: "auth/token/lookup-self" })
      : api.call({ method: "POST", path: "auth/token/lookup", body: JSON.stringify({ token }) }));
    return print(context, formatFrom(context, flags.format), { body: response.json ?? {} }, flags.field);
  },
});
