import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { display, print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const tokenCapabilities: Command = defineCommand({
  usage: "[options] [TOKEN | -] PATH",
  description: `Shows what a token may do at PATH: the one in use, or the one given; \`policy explain\` says why.

  strongroom token capabilities secret/data/app`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, accessor: { kind: "switch", help: "What is given is an accessor." } },
  positional: { min: 1, max: 2 },
  async run(context, { flags, positional }) {
    const path = positional.at(-1) ?? "";
    const given = positional.length === 2 ? positional[0] : undefined;
    const named = given === "-" ? (await context.terminal.readInput()).toString("utf8").trim() : given;
    if (flags.accessor && named === undefined) throw new LocalError("Give the accessor and the path.");
    const [endpoint, body] =
      named === undefined
        ? ["sys/capabilities-self", {}]
        : flags.accessor
          ? ["sys/capabilities-accessor", { accessor: named }]
          : ["sys/capabilities", { token: named }];
    const api = new ServerApi(connectionFrom(context, flags));
    const request = { method: "POST", path: endpoint, body: JSON.stringify({ ...body, paths: [path] }) } as const;
    const answer = (await api.call(request)).json ?? {};
    const capabilities = Array.isArray(answer.data?.[path]) ? answer.data[path] : [];
    const format = formatFrom(context, flags.format);
    if (format !== "table") return print(context, format, { body: capabilities as never });
    context.terminal.out(`${capabilities.map(display).sort().join(", ")}\n`);
    return EXIT.ok;
  },
});
