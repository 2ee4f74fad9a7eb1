/** `sys/storage/raft/snapshot`: the whole state as a file. A restore is offline (ADR 12), which is said to who asks for one here. */
import { definePath, LogicalError, type OperationDefinition } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

/** For the file that Vault's clients send here, of gigabytes perhaps. */
const RESTORE = {
  summary: "Refused: a restore is offline.",
  handler: () => {
    throw new LogicalError(
      "invalid_request",
      "a snapshot is restored offline: stop the server and run " +
        "`strongroom operator raft snapshot restore -data-dir=DIRECTORY FILE` on an empty data directory",
    );
  },
} satisfies OperationDefinition;

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
      update: RESTORE,
    },
    synopsis: "Save the state.",
    description:
      "All rows as they are stored: names and values stay sealed, so the file opens only with shares of the seal that was in " +
      "force when it was made. Writing goes on meanwhile; all that was acknowledged before is in it. It is restored by " +
      "`strongroom operator raft snapshot restore`, on a directory that no server has.",
  });
  return { path, access: "sudo", run: "effect", reply: "envelope", body: "unread" };
}

export function raftSnapshotForcePath(_services: SystemServices): SystemPath {
  const path = definePath({
    pattern: "storage/raft/snapshot-force",
    fields: {},
    operations: { update: RESTORE },
    synopsis: "Refused: a restore is offline.",
    description:
      "`strongroom operator raft snapshot restore` makes a new cluster of a snapshot, on a directory that no server has, and is " +
      "opened with the shares of the snapshot's time: there is no check of the seal to be skipped.",
  });
  return { path, access: "sudo", run: "effect", reply: "envelope", body: "unread" };
}
