import { type Command, defineCommand, LocalError } from "../command.ts";
import { printSecret } from "../secret-output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const tokenRenew: Command = defineCommand({
  usage: "[options] [TOKEN | -]",
  description: `Has a token live on: the one in use, the one given, or one named by its accessor. \`-\` reads the token from standard input.

  strongroom token renew -increment=2h`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    increment: {
      kind: "string",
      alias: "i",
      value: "DURATION",
      help: "For how long from now; the server may grant less.",
    },
    accessor: { kind: "switch", help: "What is given is an accessor." },
  },
  positional: { min: 0, max: 1 },
  async run(context, { flags, positional }) {
    const [given] = positional;
    const named = given === "-" ? (await context.terminal.readInput()).toString("utf8").trim() : given;
    if (flags.accessor && named === undefined) throw new LocalError("Give the accessor.");
    const increment = flags.increment === undefined ? {} : { increment: flags.increment };
    const [path, body] =
      named === undefined
        ? ["auth/token/renew-self", increment]
        : flags.accessor
          ? ["auth/token/renew-accessor", { accessor: named, ...increment }]
          : ["auth/token/renew", { token: named, ...increment }];
    const api = new ServerApi(connectionFrom(context, flags));
    const answer = (await api.call({ method: "POST", path, body: JSON.stringify(body) })).json ?? {};
    return printSecret(context, formatFrom(context, flags.format), answer, flags.field);
  },
});
