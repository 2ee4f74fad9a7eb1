import { asError } from "@strongroom/runtime";
import { type Command, defineCommand, EXIT } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, type Connection, connectionFrom } from "../settings.ts";

interface Server {
  readonly node_id?: unknown;
  readonly api_address?: unknown;
}

export const operatorSeal: Command = defineCommand({
  usage: "[options]",
  description: `Seals the node asked: it forgets its keys and serves no secret until shares open it again. It goes on replicating and voting.

  strongroom operator seal
  strongroom operator seal -cluster       all members, the node asked last`,
  flags: { ...CONNECTION_FLAGS, cluster: { kind: "switch", help: "Seal every member of the cluster." } },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const connection = connectionFrom(context, flags);
    if (!flags.cluster) {
      await seal(connection);
      context.terminal.out("Success! The node is sealed.\n");
      return EXIT.ok;
    }
    // The node asked goes last: it is the one that surely can be reached and knows the others.
    const others = (await members(connection)).filter(({ address }) => address.origin !== connection.address.origin);
    let failures = 0;
    for (const { name, address } of [...others, { name: "the node asked", address: connection.address }]) {
      try {
        await seal({ ...connection, address });
        context.terminal.out(`Sealed: ${name} (${address.origin})\n`);
      } catch (error) {
        failures += 1;
        context.terminal.error(`Not sealed: ${name} (${address.origin}): ${asError(error).message}\n`);
      }
    }
    if (failures === 0) return EXIT.ok;
    context.terminal.error(`${failures} members are not sealed. Seal each by itself with -address, or stop it.\n`);
    return EXIT.remote;
  },
});

async function seal(connection: Connection): Promise<void> {
  await new ServerApi(connection).call({ method: "PUT", path: "sys/seal" });
}

async function members(connection: Connection): Promise<readonly { readonly name: string; readonly address: URL }[]> {
  const answer = await new ServerApi(connection).call({ method: "GET", path: "sys/storage/raft/configuration" });
  const config = answer.json?.data?.["config"] as { readonly servers?: readonly Server[] } | undefined;
  return (config?.servers ?? []).flatMap(({ node_id, api_address }) =>
    typeof api_address === "string" && URL.canParse(api_address)
      ? [{ name: String(node_id), address: new URL(api_address) }]
      : [],
  );
}
