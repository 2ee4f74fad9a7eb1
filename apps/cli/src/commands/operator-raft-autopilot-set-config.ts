import { type Command, defineCommand, LocalError } from "../command.ts";
import { printDone } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";

const SETTINGS = [
  "cleanup-dead-servers",
  "last-contact-threshold",
  "dead-server-last-contact-threshold",
  "max-trailing-logs",
  "min-quorum",
  "server-stabilization-time",
] as const;

export const operatorRaftAutopilotSetConfig: Command = defineCommand({
  usage: "[options]",
  description: `Changes how the membership is tended; what is not given stays.

  strongroom operator raft autopilot set-config -cleanup-dead-servers=true -dead-server-last-contact-threshold=1h -min-quorum=3`,
  flags: {
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
    "cleanup-dead-servers": { kind: "string", help: "true or false: remove members that were silent for too long." },
    "last-contact-threshold": { kind: "string", help: "Silent for longer, a member is unhealthy: a duration." },
    "dead-server-last-contact-threshold": {
      kind: "string",
      help: "Silent for longer, it may be removed; 1m at least.",
    },
    "max-trailing-logs": { kind: "string", help: "Entries that a healthy member may be behind." },
    "min-quorum": { kind: "string", help: "Voters that removing leaves at least." },
    "server-stabilization-time": { kind: "string", help: "For so long a learner is healthy before it votes." },
  },
  positional: { min: 0, max: 0 },
  async run(context, { flags }) {
    const format = formatFrom(context, flags.format);
    const given = SETTINGS.flatMap((name) => {
      const value = flags[name];
      return value === undefined ? [] : [[name.replaceAll("-", "_"), value] as const];
    });
    if (given.length === 0) throw new LocalError("Give at least one setting to change; see -help.");
    const body = JSON.stringify(Object.fromEntries(given));
    const api = new ServerApi(connectionFrom(context, flags));
    await api.call({ method: "POST", path: "sys/storage/raft/autopilot/configuration", body });
    return printDone(context, format, "Success! The settings are changed.");
  },
});
