import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { dataArguments } from "../data-arguments.ts";
import { display } from "../output.ts";
import { printSecret } from "../secret-output.ts";
import { type ApiBody, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { storeToken } from "../token-file.ts";

export const login: Command = defineCommand({
  usage: "[options] [TOKEN | - | K=V…]",
  description: `Logs in and keeps the token in ~/.vault-token for the commands that follow.

  strongroom login                                          asks for a token
  strongroom login -method=userpass username=alice          asks for the password
  strongroom login -method=approle role_id=… secret_id=-    reads the secret id from standard input
  strongroom login -no-store -field=token -method=userpass username=alice`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    method: { kind: "string", value: "TYPE", help: "token, userpass or approle; token." },
    path: { kind: "string", value: "PATH", help: "Where the method is mounted, if not at its type's name." },
    "no-store": { kind: "switch", help: "Keep the token nowhere: only show it." },
    "no-print": { kind: "switch", help: "Show nothing." },
    "token-only": { kind: "switch", help: "Show only the token, and keep it nowhere." },
  },
  positional: { min: 0, max: 64 },
  async run(context, { flags, positional }) {
    const { terminal, environment } = context;
    const connection = connectionFrom(context, flags);
    const method = flags.method ?? "token";
    const store = !flags["no-store"] && !flags["token-only"];
    if (method === "token") {
      const given = positional[0]?.replace(/^token=/, "");
      if (positional.length > 1) throw new LocalError("Give one token, or none to be asked for it.");
      if (given !== undefined && given !== "-" && terminal.interactive) {
        terminal.error(
          "WARNING! A token given as an argument stays in the shell's history. Leave it out to be asked for it.\n",
        );
      }
      const token = await secretFrom(terminal, given, "Token (will be hidden): ");
      const response = await new ServerApi({ ...connection, token, wrapTtl: undefined }).call({
        method: "GET",
        path: "auth/token/lookup-self",
      });
      const body: ApiBody = { auth: authOf(token, response.json?.data ?? {}) };
      if (store) storeToken(environment, token);
      return show(body, token);
    }
    const at = `auth/${(flags.path ?? method).replace(/^\/+|\/+$/g, "")}`;
    const request = await loginRequest(method, at);
    const body = (await new ServerApi({ ...connection, token: undefined }).call(request)).json ?? {};
    const token = display(body.auth?.["client_token"] ?? "");
    if (store && body.wrap_info == null) storeToken(environment, token);
    return show(body, token);

    function show(body: ApiBody, token: string): number {
      if (flags["no-print"]) return EXIT.ok;
      if (flags["token-only"]) {
        terminal.out(terminal.interactive ? `${token}\n` : token);
        return EXIT.ok;
      }
      const format = formatFrom(context, flags.format);
      if (format === "table" && flags.field === undefined) {
        terminal.out(
          store
            ? "Success! You are logged in. The token is kept in ~/.vault-token; you need not give it again.\n\n"
            : "Success! You are logged in. The token is kept nowhere: set VAULT_TOKEN to use it.\n\n",
        );
      }
      return printSecret(context, format, body, flags.field);
    }

    async function loginRequest(type: string, mount: string) {
      switch (type) {
        case "userpass": {
          const given = new Map(positional.map((argument) => argument.split(/=(.*)/s, 2) as [string, string]));
          const username = given.get("username");
          if (username === undefined) throw new LocalError("Give the name: username=NAME.");
          const password = await secretFrom(terminal, given.get("password"), "Password (will be hidden): ");
          return { method: "POST", path: `${mount}/login/${username}`, body: JSON.stringify({ password }) } as const;
        }
        case "approle":
          return { method: "POST", path: `${mount}/login`, body: await dataArguments(context, positional) } as const;
        default:
          throw new LocalError(`Unknown auth method "${type}": it is one of token, userpass, approle.`);
      }
    }
  },
});

/** Asked for when it is not given; `-` reads it from standard input. */
async function secretFrom(terminal: Terminal, given: string | undefined, prompt: string): Promise<string> {
  const secret =
    given === undefined
      ? await terminal.promptHidden(prompt)
      : given === "-"
        ? (await terminal.readInput()).toString("utf8")
        : given;
  const trimmed = secret.replace(/\r?\n$/, "");
  if (trimmed === "") throw new LocalError("Nothing was given.");
  return trimmed;
}

/** A token that was looked up, as a login answers it. */
function authOf(token: string, data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    client_token: token,
    accessor: data["accessor"],
    lease_duration: data["ttl"],
    renewable: data["renewable"] ?? false,
    token_policies: data["policies"],
    policies: data["policies"],
    metadata: data["meta"] ?? {},
  };
}
