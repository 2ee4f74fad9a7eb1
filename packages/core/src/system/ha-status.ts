/** `sys/ha-status`: the nodes, who leads, and when the leader last heard of the others. */
import { definePath, formatTimestamp, type JsonValue } from "@strongroom/logical";
import { type ClusterMember, memberName } from "../cluster-view.ts";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function haStatusPath({ dependencies }: SystemServices): SystemPath {
  const { cluster, clock } = dependencies;
  const path = definePath({
    pattern: "ha-status",
    fields: {},
    operations: {
      read: {
        summary: "The nodes, as the leader sees them.",
        handler: async () => {
          const { members } = await cluster.leaderStatus();
          const nowMs = clock.wallMs();
          return { kind: "data", data: { nodes: members.map((member) => nodeBody(member, nowMs)) } };
        },
      },
    },
    synopsis: "The nodes of the cluster.",
    description:
      "The same on every node: the leader is asked. hostname is the node's name. last_echo is when the leader last heard of the " +
      "node, or began to listen for it, and null of the leader itself. Members do not tell each other their versions and clocks: " +
      "what Vault says of these is left out.",
  });
  return { path, access: "policy", run: "effect", reply: "top-level" };
}

function nodeBody(member: ClusterMember, nowMs: number): { readonly [name: string]: JsonValue } {
  return {
    hostname: memberName(member),
    api_address: member.apiAddress,
    cluster_address: member.clusterAddress === "" ? "" : `https://${member.clusterAddress}`,
    active_node: member.leader,
    last_echo: member.leader ? null : formatTimestamp(nowMs - member.lastContactMs),
  };
}
