import { type Command, defineCommand } from "../command.ts";
import { printSecret } from "../secret-output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const leaseRenew: Command = defineCommand({
  usage: "[options] LEASE-ID",
  description:
    "Has a lease last longer, as far as its engine allows.\n\n  strongroom lease renew -increment=1h database/creds/app/2f6a…",
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
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const increment = flags.increment === undefined ? {} : { increment: flags.increment };
    const body = JSON.stringify({ lease_id: positional[0], ...increment });
    const api = new ServerApi(connectionFrom(context, flags));
    const answer = (await api.call({ method: "PUT", path: "sys/leases/renew", body })).json ?? {};
    return printSecret(context, formatFrom(context, flags.format), answer, flags.field);
  },
});
