import { type Command, defineCommand, LocalError } from "../command.ts";
import { print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom, refuseUnverified } from "../settings.ts";

export const operatorUnseal: Command = defineCommand({
  usage: "[options] [KEY | -]",
  description: `Gives one key share to the cluster, through any node: when enough different shares are there, all members open. Without an argument the
share is asked for and not shown; \`-\` reads it from standard input.

  strongroom operator unseal
  strongroom operator unseal -reset        forgets the shares given so far`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, reset: { kind: "switch", help: "Forget the shares given so far." } },
  positional: { min: 0, max: 1 },
  async run(context, { flags, positional }) {
    const connection = connectionFrom(context, flags);
    refuseUnverified(connection);
    let body = '{"reset":true}';
    if (!flags.reset) {
      const [given] = positional;
      if (given !== undefined && given !== "-" && context.terminal.interactive) {
        context.terminal.error(
          "WARNING! A key share given as an argument stays in the shell's history. Leave it out to be asked for it.\n",
        );
      }
      const key =
        given === undefined
          ? (await context.terminal.promptHidden("Unseal Key (will be hidden): ")).trim()
          : given === "-"
            ? (await context.terminal.readInput()).toString("utf8").trim()
            : given;
      if (key === "") throw new LocalError("No key share given.");
      body = JSON.stringify({ key });
    }
    const answer = (await new ServerApi(connection).call({ method: "PUT", path: "sys/unseal", body })).json ?? {};
    const rows: [string, string][] = [
      ["Sealed", String(answer["sealed"])],
      ["Total Shares", String(answer["n"])],
      ["Threshold", String(answer["t"])],
    ];
    if (Number(answer["progress"]) > 0)
      rows.push(
        ["Unseal Progress", `${String(answer["progress"])}/${String(answer["t"])}`],
        ["Unseal Nonce", String(answer["nonce"])],
      );
    return print(context, formatFrom(context, flags.format), {
      body: answer,
      fields: answer,
      table: () => table(["Key", "Value"], rows),
    });
  },
});
