import { type Command, defineCommand } from "../command.ts";
import { print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const operatorRaftJoinToken: Command = defineCommand({
  usage: "[options]",
  description: `Makes a token with which one node may join, once.

  TOKEN=$(strongroom operator raft join-token -field=token)
  strongroom server -config=node-1.json -join="$TOKEN"`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    ...FIELD_FLAG,
    ttl: { kind: "string", value: "DURATION", help: "How long it is good for, as 10m; 10m." },
    name: { kind: "string", value: "NAME", help: "Only a node of this name may use it." },
    cidr: { kind: "string", value: "CIDR", help: "Only from an address in this range." },
    open: { kind: "switch", help: "The node that joins is opened at once, without shares." },
  },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const request = {
      ...(flags.ttl === undefined ? {} : { ttl: flags.ttl }),
      ...(flags.name === undefined ? {} : { name: flags.name }),
      ...(flags.cidr === undefined ? {} : { cidr: flags.cidr }),
      ...(flags.open ? { open: true } : {}),
    };
    const api = new ServerApi(connectionFrom(context, flags));
    const body =
      (await api.call({ method: "POST", path: "sys/storage/raft/join-token", body: JSON.stringify(request) })).json ??
      {};
    return print(context, formatFrom(context, flags.format), { body }, flags.field);
  },
});
