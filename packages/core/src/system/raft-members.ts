/** `sys/storage/raft/promote`, `demote` and `transfer-leader`: who votes, and who leads. */
import { definePath, type FieldSchemas, LogicalError } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const FIELDS = {
  server_id: { type: "string", description: "The node's name or number.", default: "" },
} as const satisfies FieldSchemas;

export function raftPromotePath({ dependencies: { cluster } }: SystemServices): SystemPath {
  return memberPath({
    pattern: "storage/raft/promote",
    summary: "Make a learner a voter.",
    description: "Refused until it has caught up; the cluster does it by itself, unless the node was demoted.",
    change: (serverId, deadlineMs) => cluster.promote(serverId, deadlineMs),
  });
}

export function raftDemotePath({ dependencies: { cluster } }: SystemServices): SystemPath {
  return memberPath({
    pattern: "storage/raft/demote",
    summary: "Make a voter a learner.",
    description:
      "It goes on replicating and serving, and votes no more until it is promoted. Refused when the cluster would stand still without it.",
    change: (serverId, deadlineMs) => cluster.demote(serverId, deadlineMs),
  });
}

export function raftTransferLeaderPath({ dependencies: { cluster } }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "storage/raft/transfer-leader",
    fields: FIELDS,
    operations: {
      update: {
        summary: "Hand leadership over.",
        handler: async (_context, _request, fields) => {
          const serverId = fields.get("server_id");
          await cluster.transferLeadership(serverId === "" ? undefined : serverId);
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Hand leadership over.",
    description: "To the node named, or to the voter that has come furthest. Any node may be asked.",
  });
  return { path, access: "sudo", run: "effect", reply: "envelope" };
}

function memberPath(parts: {
  readonly pattern: string;
  readonly summary: string;
  readonly description: string;
  readonly change: (serverId: string, deadlineMs: number) => Promise<void>;
}): SystemPath {
  const { pattern, summary, description, change } = parts;
  const path = definePath({
    pattern,
    fields: FIELDS,
    operations: {
      update: {
        summary,
        handler: async (context, _request, fields) => {
          const serverId = fields.get("server_id");
          if (serverId === "") throw new LogicalError("invalid_request", "no server id provided");
          await change(serverId, SystemContext.of(context).request.deadlineMs);
          return { kind: "empty" };
        },
      },
    },
    synopsis: summary,
    description,
  });
  return { path, access: "sudo", run: "effect", reply: "envelope" };
}
