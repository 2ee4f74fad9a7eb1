/** `sys/storage/raft/configuration`: the members of the cluster. */
import { definePath } from "@strongroom/logical";
import { memberName } from "../cluster-view.ts";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function raftConfigurationPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "storage/raft/configuration",
    fields: {},
    operations: {
      read: {
        summary: "The members of the cluster.",
        handler: async () => {
          const status = await dependencies.cluster.status();
          const servers = status.members.map((member) => ({
            node_id: memberName(member),
            address: member.clusterAddress,
            api_address: member.apiAddress,
            leader: member.leader,
            voter: member.voter,
            protocol_version: "1",
            id: String(member.nodeId),
          }));
          return { kind: "data", data: { config: { index: status.configurationIndex ?? 0, servers } } };
        },
      },
    },
    synopsis: "The members of the cluster.",
    description: "node_id is the node's name; id its number, which never comes again.",
  });
  return { path, access: "policy", run: "effect", reply: "envelope" };
}
