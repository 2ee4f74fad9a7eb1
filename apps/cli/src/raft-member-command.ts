/** The commands that ask one thing of one member: they differ in the endpoint and in words. */
import { type Command, defineCommand, EXIT } from "./command.ts";
import { ServerApi } from "./server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "./settings.ts";

export function raftMemberCommand(parts: {
  /** Below `sys/storage/raft/`. */
  readonly endpoint: string;
  readonly description: string;
  readonly done: (node: string) => string;
  /** Whether a node must be named. */
  readonly optional?: boolean;
}): Command {
  const { endpoint, description, done, optional = false } = parts;
  return defineCommand({
    usage: optional ? "[options] [NODE]" : "[options] NODE",
    description,
    flags: CONNECTION_FLAGS,
    positional: { min: optional ? 0 : 1, max: 1 },
    async run(context, { flags, positional }) {
      const [node = ""] = positional;
      const body = JSON.stringify(node === "" ? {} : { server_id: node });
      await new ServerApi(connectionFrom(context, flags)).call({
        method: "PUT",
        path: `sys/storage/raft/${endpoint}`,
        body,
      });
      context.terminal.out(`${done(node)}\n`);
      return EXIT.ok;
    },
  });
}
