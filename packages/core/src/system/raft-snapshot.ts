/** `sys/storage/raft/snapshot`: the whole state as a file. */
import { definePath } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function raftSnapshotPath({ dependencies: { cluster } }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "storage/raft/snapshot",
    fields: {},
    operations: {
      read: {
        summary: "Save the state.",
        handler: async (context) => {
          const body = await cluster.snapshot(SystemContext.of(context).request.deadlineMs);
          return { kind: "stream", contentType: "application/octet-stream", body };
        },
      },
    },
    synopsis: "Save the state.",
    description:
      "All rows as they are stored: names and values stay sealed, so the file opens only with shares of the seal that was in " +
      "force when it was made. Writing goes on meanwhile; all that was acknowledged before is in it.",
  });
  return { path, access: "sudo", run: "effect", reply: "envelope" };
}
