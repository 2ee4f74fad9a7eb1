/** `sys/storage/raft/join`: Vault's way in, which takes the leader's address; here a node joins as it starts, by token. */
import { definePath, LogicalError } from "@strongroom/logical";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function raftJoinPath(_services: SystemServices): SystemPath {
  const path = definePath({
    pattern: "storage/raft/join",
    fields: {},
    operations: {
      update: {
        summary: "Refused: a node joins by token.",
        handler: () => {
          throw new LogicalError(
            "invalid_request",
            "a node joins by token: make one with `strongroom operator raft join-token` on the cluster and start this node with " +
              "it, as -join=TOKEN or in STRONGROOM_JOIN_TOKEN, on an empty data directory",
          );
        },
      },
    },
    synopsis: "Refused: a node joins by token.",
    description:
      "The token tells the node where the cluster is and how to know it. It is given to the server as it starts, by -join or " +
      "STRONGROOM_JOIN_TOKEN.",
  });
  return { path, access: "open", run: "effect", reply: "plain", body: "unread" };
}
