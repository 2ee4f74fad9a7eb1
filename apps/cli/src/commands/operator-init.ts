import { type Command, defineCommand } from "../command.ts";
import { print } from "../output.ts";
import { failingLocally, ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom, refuseUnverified } from "../settings.ts";

export const operatorInit: Command = defineCommand({
  usage: "[options]",
  description: `Sets up a new cluster on the node asked: makes the keys, splits the unseal key into shares, and prints the shares and the first
root token. They are shown once and stored nowhere. The other nodes join with a token from \`operator raft join-token\`.

  strongroom operator init
  strongroom operator init -key-shares=3 -key-threshold=2 -format=json
  strongroom operator init -status`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    "key-shares": { kind: "integer", help: "Shares to make; 5." },
    n: { kind: "integer", help: "The same as -key-shares." },
    "key-threshold": { kind: "integer", help: "Shares needed to open the cluster; 3." },
    t: { kind: "integer", help: "The same as -key-threshold." },
    status: { kind: "switch", help: "Only tell whether the cluster is set up. Exit code 0: yes; 2: no; 1: an error." },
  },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const connection = connectionFrom(context, flags);
    refuseUnverified(connection);
    const api = new ServerApi(connection);
    if (flags.status) {
      const initialized =
        (await failingLocally(api.call({ method: "GET", path: "sys/init" }))).json?.["initialized"] === true;
      context.terminal.out(`The cluster is ${initialized ? "" : "not "}initialized.\n`);
      return initialized ? 0 : 2;
    }
    const shares = flags["key-shares"] ?? flags.n ?? 5;
    const threshold = flags["key-threshold"] ?? flags.t ?? 3;
    const request = { secret_shares: shares, secret_threshold: threshold };
    const answer = (await api.call({ method: "PUT", path: "sys/init", body: JSON.stringify(request) })).json ?? {};
    const keys = Array.isArray(answer["keys_base64"]) ? answer["keys_base64"].map(String) : [];
    const body = {
      unseal_keys_b64: keys,
      unseal_keys_hex: answer["keys"],
      unseal_shares: shares,
      unseal_threshold: threshold,
      root_token: answer["root_token"],
    };
    return print(context, formatFrom(context, flags.format), {
      body,
      fields: body,
      table: () => text(keys, String(answer["root_token"]), threshold),
    });
  },
});

function text(keys: readonly string[], rootToken: string, threshold: number): string {
  const lines = keys.map((key, index) => `Unseal Key ${index + 1}: ${key}`);
  return `${lines.join("\n")}

Initial Root Token: ${rootToken}

The cluster is set up with ${keys.length} key shares; any ${threshold} of them open it. Give each share to a person of its own, in private, and keep
none of them with another. Without ${threshold} shares nothing in the cluster can ever be read again.

Next: strongroom operator unseal
`;
}
