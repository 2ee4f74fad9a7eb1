import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const tokenRevoke: Command = defineCommand({
  usage: "[options] [TOKEN | ACCESSOR | -]",
  description: `Ends a token, with all its children and leases: none of them works once this has succeeded, on any node. \`-\` reads the token from
standard input, which keeps it out of the process list.

  strongroom token revoke -self
  strongroom token revoke -accessor 8609694a-…
  strongroom token revoke -mode=orphan -         its children live on`,
  flags: {
    ...CONNECTION_FLAGS,
    self: { kind: "switch", help: "The token in use." },
    accessor: { kind: "switch", help: "What is given is an accessor." },
    mode: { kind: "string", help: "orphan: children live on; path: all tokens that were made at a path." },
  },
  positional: { min: 0, max: 1 },
  async run(context, { flags, positional }) {
    const [given] = positional;
    const named = given === "-" ? (await context.terminal.readInput()).toString("utf8").trim() : given;
    if (flags.mode !== undefined && flags.mode !== "orphan" && flags.mode !== "path")
      throw new LocalError('-mode is "orphan" or "path".');
    // Whoever asks for two things at once means one of them, and the other cannot be undone.
    if (flags.self && (flags.accessor || flags.mode !== undefined))
      throw new LocalError("-self stands alone: it takes neither -accessor nor -mode.");
    if (flags.accessor && flags.mode !== undefined) throw new LocalError("-accessor takes no -mode.");
    if (flags.self === (named !== undefined))
      throw new LocalError("Give a token, an accessor with -accessor, or -self.");
    const api = new ServerApi(connectionFrom(context, flags));
    const call = (path: string, body: object) => api.call({ method: "PUT", path, body: JSON.stringify(body) });
    if (flags.self) await call("auth/token/revoke-self", {});
    else if (flags.mode === "path") await call(`sys/leases/revoke-prefix/${named?.replace(/\/+$/, "")}`, {});
    else if (flags.mode === "orphan") await call("auth/token/revoke-orphan", { token: named });
    else if (flags.accessor) await call("auth/token/revoke-accessor", { accessor: named });
    else await call("auth/token/revoke", { token: named });
    context.terminal.out("Success! Revoked token (if it existed)\n");
    return EXIT.ok;
  },
});
