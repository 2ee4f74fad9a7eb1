import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const leaseRevoke: Command = defineCommand({
  usage: "[options] LEASE-ID | PREFIX",
  description: `Ends a lease, and what it stands for with it.

  strongroom lease revoke database/creds/app/2f6a…
  strongroom lease revoke -prefix database/creds/
  strongroom lease revoke -force -prefix database/     forgets leases whose engine cannot end them`,
  flags: {
    ...CONNECTION_FLAGS,
    prefix: { kind: "switch", help: "All leases whose ids begin so." },
    force: { kind: "switch", help: "With -prefix: forget them even if what they stand for cannot be ended." },
    sync: { kind: "switch", help: "Wait until it is done." },
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const [given = ""] = positional;
    if (flags.force && !flags.prefix) throw new LocalError("-force goes with -prefix.");
    const path = flags.prefix
      ? `sys/leases/${flags.force ? "revoke-force" : "revoke-prefix"}/${given.replace(/\/+$/, "")}`
      : "sys/leases/revoke";
    const body = JSON.stringify({
      ...(flags.prefix ? {} : { lease_id: given }),
      ...(flags.sync ? { sync: true } : {}),
    });
    const { status } = await new ServerApi(connectionFrom(context, flags)).call({ method: "PUT", path, body });
    context.terminal.out(
      status === 202
        ? "All revocation operations queued successfully!\n"
        : `Success! Revoked ${flags.prefix ? "leases under" : "lease:"} ${given}\n`,
    );
    return EXIT.ok;
  },
});
