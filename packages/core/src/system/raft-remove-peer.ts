/** `sys/storage/raft/remove-peer`: takes a node out of the cluster for good. */
import { definePath, LogicalError } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function raftRemovePeerPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "storage/raft/remove-peer",
    fields: { server_id: { type: "string", description: "The node's name or number." } },
    operations: {
      update: {
        summary: "Remove a node.",
        handler: async (context, _request, fields) => {
          const serverId = fields.get("server_id");
          if (serverId === undefined || serverId === "") {
            throw new LogicalError("invalid_request", "no server id provided");
          }
          await dependencies.cluster.removePeer(serverId, SystemContext.of(context).request.deadlineMs);
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Remove a node.",
    description: "Its number never comes again; to return, it joins afresh with an empty data directory.",
  });
  return { path, access: "sudo", run: "effect", reply: "envelope" };
}
