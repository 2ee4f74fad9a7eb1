import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { display, print, table } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

interface Place {
  readonly policy: string;
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly because?: string;
}

export const policyExplain: Command = defineCommand({
  usage: "[options] PATH [OPERATION]",
  description: `Says whether the token may do OPERATION (read) at PATH, which rule decides it, and what is missing if it may not. Nothing is executed.
Exit code 0: it may; 2: it may not.

  strongroom policy explain secret/data/app
  strongroom policy explain -accessor=… secret/data/app update`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    accessor: { kind: "string", help: "Another token, by its accessor." },
    token: { kind: "string", value: "TOKEN | -", help: "Another token; - reads it from standard input." },
    sudo: { kind: "switch", help: "The endpoint asks for the sudo capability too." },
    parameters: { kind: "string", value: "JSON", help: "The request's parameters, where rules restrict them." },
  },
  positional: { min: 1, max: 2 },
  async run(context, { flags, positional }) {
    const [path = "", operation = "read"] = positional;
    const token = flags.token === "-" ? (await context.terminal.readInput()).toString("utf8").trim() : flags.token;
    const body = {
      path,
      operation,
      ...(flags.sudo ? { sudo: true } : {}),
      ...(flags.accessor === undefined ? {} : { accessor: flags.accessor }),
      ...(token === undefined ? {} : { token }),
      ...(flags.parameters === undefined ? {} : { parameters: parametersOf(flags.parameters) }),
    };
    const api = new ServerApi(connectionFrom(context, flags));
    const answer =
      (await api.call({ method: "POST", path: "sys/policies/explain", body: JSON.stringify(body) })).json ?? {};
    const data = answer.data ?? {};
    print(context, formatFrom(context, flags.format), { body: answer, table: () => text(data) });
    return data["allowed"] === true ? EXIT.ok : EXIT.remote;
  },
});

function text(data: Readonly<Record<string, unknown>>): string {
  const verdict =
    data["allowed"] === true
      ? "Allowed"
      : data["depends_on_parameters"] === true
        ? "Depends on the parameters"
        : "Denied";
  const lines = [
    `${verdict}: ${display(data["operation"])} ${display(data["path"])}`,
    "",
    display(data["explanation"]),
  ];
  const rules = [...places(data["rules"], "decides"), ...places(data["overruled"], "overruled")];
  if (rules.length > 0) lines.push("", table(["Rule", "Policy", "Line", ""], rules).trimEnd());
  for (const hint of Array.isArray(data["hints"]) ? data["hints"] : []) lines.push("", display(hint));
  const suggestion = data["suggestion"];
  if (typeof suggestion === "string" && suggestion !== "")
    lines.push("", "What would allow it:", "", suggestion.trimEnd());
  return `${lines.join("\n")}\n`;
}

function places(value: unknown, role: string): string[][] {
  if (!Array.isArray(value)) return [];
  return (value as readonly Place[]).map(({ policy, path, line, column, because }) => [
    path,
    policy,
    `${line}:${column}`,
    because ?? role,
  ]);
}

function parametersOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new LocalError("-parameters takes a JSON object.", { cause });
  }
}
