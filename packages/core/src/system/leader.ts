/** `sys/leader`: who leads, as this node sees it. */
import { definePath } from "@strongroom/logical";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function leaderPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "leader",
    fields: {},
    operations: {
      read: {
        summary: "The leader's addresses.",
        handler: async () => {
          const status = await dependencies.cluster.status();
          const leader = status.members.find(({ nodeId }) => nodeId === status.leaderId);
          const since = status.leadingSinceMs === undefined ? "0001-01-01T00:00:00Z" : isoTime(status.leadingSinceMs);
          return {
            kind: "data",
            data: {
              ha_enabled: true,
              is_self: status.leaderId !== 0 && status.leaderId === status.nodeId,
              active_time: since,
              leader_address: leader?.apiAddress ?? "",
              leader_cluster_address: clusterUrl(leader?.clusterAddress ?? ""),
              performance_standby: false,
              performance_standby_last_remote_wal: 0,
              raft_committed_index: status.commitIndex,
              raft_applied_index: status.appliedIndex,
            },
          };
        },
      },
    },
    synopsis: "The leader's addresses.",
    description: "Answered from what this node knows; empty addresses while there is no leader.",
  });
  return { path, access: "open", run: "effect", reply: "plain" };
}

/** Empty while the leader has not said where it is: the first node, before init. */
function clusterUrl(address: string): string {
  return address === "" ? "" : `https://${address}`;
}

function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
