/** `sys/storage/raft/digest`: what stands for the whole state of the node that is asked, to compare it with others'. */
import { definePath } from "@strongroom/logical";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function raftDigestPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "storage/raft/digest",
    fields: {},
    operations: {
      read: {
        summary: "The digest of this node's state.",
        handler: async () => {
          const { index, sha256 } = await dependencies.cluster.digest();
          return { kind: "data", data: { index, sha256 } };
        },
      },
    },
    synopsis: "The digest of this node's state.",
    description:
      "index is that of the last entry applied. Nodes that answer with the same index answer with the same digest, or one of them is damaged.",
  });
  return { path, access: "policy", run: "effect", reply: "envelope" };
}
