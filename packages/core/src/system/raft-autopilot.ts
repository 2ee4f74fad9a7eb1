/** `sys/storage/raft/autopilot/…`: how healthy the members are, and what tends them. */
import { definePath, type FieldSchemas, type Fields, formatDuration, LogicalError } from "@strongroom/logical";
import {
  type AutopilotSettings,
  currentAutopilotSettings,
  readAutopilotSettings,
  writeAutopilotSettings,
} from "../autopilot-settings.ts";
import { type ClusterMember, type ClusterSummary, memberName } from "../cluster-view.ts";
import type { JsonMembers } from "../request.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

/** A learner must have been silent or behind for a minute at least before it counts as dead. */
const LEAST_DEAD_SECONDS = 60;

const FIELDS = {
  cleanup_dead_servers: { type: "bool", description: "Remove members that were silent for too long." },
  last_contact_threshold: { type: "duration", description: "Silent for longer, a member is unhealthy." },
  dead_server_last_contact_threshold: {
    type: "duration",
    description: "Silent for longer, a member may be removed; 1m at least.",
  },
  max_trailing_logs: { type: "int", description: "Further behind, a member is unhealthy." },
  min_quorum: { type: "int", description: "Removing leaves at least so many voters." },
  server_stabilization_time: { type: "duration", description: "For so long a learner is healthy before it votes." },
  disable_upgrade_migration: { type: "bool", description: "Ignored." },
} as const satisfies FieldSchemas;

export function raftAutopilotConfigurationPath({ dependencies: { barrier } }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "storage/raft/autopilot/configuration",
    fields: FIELDS,
    operations: {
      read: {
        summary: "The settings.",
        handler: (context) => {
          const { transaction } = SystemContext.of(context);
          return { kind: "data", data: settingsBody(readAutopilotSettings(transaction, barrier)) };
        },
      },
      update: {
        summary: "Change settings; what is not given stays.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const settings = changed(readAutopilotSettings(transaction, barrier), fields);
          writeAutopilotSettings(transaction, barrier, settings);
          return { kind: "empty" };
        },
      },
    },
    synopsis: "How the membership is tended.",
    description: "Learners that have caught up become voters; members that are silent for very long can be removed.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

export function raftAutopilotStatePath({ dependencies }: SystemServices): SystemPath {
  const { cluster, store, barrier } = dependencies;
  const path = definePath({
    pattern: "storage/raft/autopilot/state",
    fields: {},
    operations: {
      read: {
        summary: "The members' health, as the leader sees it.",
        handler: async () => {
          const status = await cluster.leaderStatus();
          return { kind: "data", data: stateBody(status, currentAutopilotSettings(store, barrier)) };
        },
      },
    },
    synopsis: "The members' health.",
    description: "failure_tolerance is how many healthy voters may fail before the cluster stands still.",
  });
  return { path, access: "policy", run: "effect", reply: "envelope" };
}

function settingsBody(settings: AutopilotSettings): JsonMembers {
  return {
    cleanup_dead_servers: settings.cleanupDeadServers,
    dead_server_last_contact_threshold: duration(settings.deadServerMs),
    disable_upgrade_migration: false,
    last_contact_threshold: duration(settings.lastContactMs),
    max_trailing_logs: settings.maxTrailingLogs,
    min_quorum: settings.minQuorum,
    server_stabilization_time: duration(settings.stabilizationMs),
  };
}

function changed(settings: AutopilotSettings, fields: Fields<typeof FIELDS>): AutopilotSettings {
  const ms = (seconds: number | undefined, before: number): number => (seconds === undefined ? before : seconds * 1000);
  const deadSeconds = fields.get("dead_server_last_contact_threshold");
  if (deadSeconds !== undefined && deadSeconds < LEAST_DEAD_SECONDS) {
    throw new LogicalError("invalid_field", "dead_server_last_contact_threshold should not be less than 1m");
  }
  const after: AutopilotSettings = {
    cleanupDeadServers: fields.get("cleanup_dead_servers") ?? settings.cleanupDeadServers,
    lastContactMs: ms(fields.get("last_contact_threshold"), settings.lastContactMs),
    deadServerMs: ms(deadSeconds, settings.deadServerMs),
    maxTrailingLogs: fields.get("max_trailing_logs") ?? settings.maxTrailingLogs,
    minQuorum: fields.get("min_quorum") ?? settings.minQuorum,
    stabilizationMs: ms(fields.get("server_stabilization_time"), settings.stabilizationMs),
  };
  if (after.maxTrailingLogs < 0 || after.minQuorum < 0) {
    throw new LogicalError("invalid_field", "max_trailing_logs and min_quorum cannot be negative");
  }
  if (after.cleanupDeadServers && after.minQuorum < 3) {
    throw new LogicalError("invalid_request", "min_quorum must be set to at least 3 where cleanup_dead_servers is on");
  }
  return after;
}

function stateBody(status: ClusterSummary, settings: AutopilotSettings): JsonMembers {
  const healthy = (member: ClusterMember): boolean =>
    member.lastContactMs <= settings.lastContactMs &&
    (member.match === undefined || member.match + settings.maxTrailingLogs >= status.commitIndex);
  const voters = status.members.filter(({ voter }) => voter);
  const majority = Math.floor(voters.length / 2) + 1;
  const tolerance = Math.max(0, voters.filter(healthy).length - majority);
  const servers = status.members.map((member): [string, JsonMembers] => [
    memberName(member),
    {
      address: member.clusterAddress,
      healthy: healthy(member),
      id: memberName(member),
      last_contact: duration(member.lastContactMs),
      last_index: member.match ?? 0,
      last_term: status.term,
      name: memberName(member),
      node_status: member.online ? "alive" : "failed",
      node_type: member.voter ? "voter" : "non-voter",
      status: member.leader ? "leader" : member.voter ? "voter" : "non-voter",
      version: "",
    },
  ]);
  const leader = status.members.find((member) => member.leader);
  return {
    failure_tolerance: tolerance,
    healthy: status.members.every(healthy),
    leader: leader === undefined ? "" : memberName(leader),
    optimistic_failure_tolerance: tolerance,
    servers: Object.fromEntries(servers),
    voters: voters.map(memberName),
  };
}

/** As Go prints one, to the millisecond. */
function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : formatDuration(Math.round(ms / 1000));
}
