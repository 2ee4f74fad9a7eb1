import { type Command, defineCommand } from "../command.ts";
import { print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FIELD_FLAG, FORMAT_FLAG, formatFrom } from "../settings.ts";

export const leaseLookup: Command = defineCommand({
  usage: "[options] LEASE-ID",
  description: "Shows when a lease was made, and when it ends.\n\n  strongroom lease lookup database/creds/app/2f6a…",
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG, ...FIELD_FLAG },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const body = JSON.stringify({ lease_id: positional[0] });
    const api = new ServerApi(connectionFrom(context, flags));
    const answer = (await api.call({ method: "PUT", path: "sys/leases/lookup", body })).json ?? {};
    return print(context, formatFrom(context, flags.format), { body: answer }, flags.field);
  },
});
