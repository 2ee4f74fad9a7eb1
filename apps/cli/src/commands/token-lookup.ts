import { type Command, defineCommand, LocalError } from "../command.ts";
import { print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const tokenLookup: Command = defineCommand({
  usage: "[options] [TOKEN | ACCESSOR | -]",
  description: `Shows what the own token is, or the one given; \`-\` reads it from standard input, which keeps it out of the process list.

  strongroom token lookup
  strongroom token lookup -accessor 8609694a-…`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    accessor: { kind: "switch", help: "What is given is an accessor." },
  },
  positional: { min: 0, max: 1 },
  async run(context, { flags, positional }) {
    const api = new ServerApi(connectionFrom(context, flags));
    const [given] = positional;
    const named = given === "-" ? (await context.terminal.readInput()).toString("utf8").trim() : given;
    if (flags.accessor && named === undefined) throw new LocalError("Give the accessor.");
    const call = (path: string, body: object) => api.call({ method: "POST", path, body: JSON.stringify(body) });
    const response = await (named === undefined
      ? api.call({ method: "GET", path: "auth/token/lookup-self" })
      : flags.accessor
        ? call("auth/token/lookup-accessor", { accessor: named })
        : call("auth/token/lookup", { token: named }));
    return print(context, formatFrom(context, flags.format), { body: response.json ?? {} }, flags.field);
  },
});
