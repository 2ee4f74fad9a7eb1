import { type Command, defineCommand, EXIT, LocalError } from "../command.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom } from "../settings.ts";

export const auditEnable: Command = defineCommand({
  usage: "[options] TYPE [K=V…]",
  description: `Adds an audit device on every node: file, socket, syslog or http. It is given what the nodes' own streams have recorded from now on, and
keeps nobody waiting.

  strongroom audit enable file file_path=/var/log/strongroom-audit.log
  strongroom audit enable -path=siem socket address=10.0.0.9:9000 socket_type=tcp`,
  flags: {
    ...CONNECTION_FLAGS,
    path: { kind: "string", value: "PATH", help: "Its name, if not its type's." },
    description: { kind: "string", help: "For people." },
    local: { kind: "switch", help: "Shown with the device; there is one cluster, to which all devices belong." },
  },
  positional: { min: 1, max: 64 },
  async run(context, { flags, positional }) {
    const [type = "", ...pairs] = positional;
    const options = Object.fromEntries(
      pairs.map((pair) => {
        const at = pair.indexOf("=");
        if (at <= 0) throw new LocalError(`Invalid option "${pair}": give key=value.`);
        return [pair.slice(0, at), pair.slice(at + 1)];
      }),
    );
    const path = (flags.path ?? type).replace(/^\/+|\/+$/g, "");
    const description = flags.description === undefined ? {} : { description: flags.description };
    const body = JSON.stringify({ type, options, ...description, ...(flags.local ? { local: true } : {}) });
    await new ServerApi(connectionFrom(context, flags)).call({ method: "PUT", path: `sys/audit/${path}`, body });
    context.terminal.out(`Success! Enabled the ${type} audit device at: ${path}/\n`);
    return EXIT.ok;
  },
});
