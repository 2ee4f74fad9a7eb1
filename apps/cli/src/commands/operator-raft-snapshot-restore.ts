import { type Command, defineCommand, LocalError } from "../command.ts";
import { keyValueTable, print } from "../output.ts";
import { FORMAT_FLAG, formatFrom } from "../settings.ts";
import { readSnapshot, snapshotFacts } from "../snapshot-file.ts";

export const operatorRaftSnapshotRestore: Command = defineCommand({
  usage: "[options] -data-dir=DIR FILE",
  description: `Makes DIR the data directory of a new cluster's first node, which begins with the state in FILE. It runs on that node's machine, and
asks no server. DIR must be missing or empty. Then start the server with DIR, open it with the shares that were in force when FILE was
saved, and let the other nodes join with empty directories. Nodes of the old cluster are strangers to the new one: never start them again.

  strongroom operator raft snapshot restore -data-dir=/var/lib/strongroom/node-0 backup.snap`,
  flags: {
    "data-dir": { kind: "string", value: "DIR", help: "As `path` in the server's configuration. Must be given." },
    "accept-unsigned": {
      kind: "switch",
      help: "Take a file that no open node has signed, on your word that it is what a node of this cluster held.",
    },
    ...FORMAT_FLAG,
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const [file = ""] = positional;
    const { "data-dir": dataDirectory, "accept-unsigned": acceptUnsigned } = flags;
    if (dataDirectory === undefined) throw new LocalError("Say where the node is to have its data: -data-dir=DIR.");
    // A file that cannot be read is told of before anything else.
    await readSnapshot(file);
    const { restoreDataDirectory } = await import("@strongroom/server");
    const restored = await restoreDataDirectory({ dataDirectory, file, acceptUnsigned });
    const { index, log_time, rows, signed } = snapshotFacts(restored);
    const facts = { cluster_id: restored.clusterId, node_id: String(restored.nodeId), index, log_time, rows, signed };
    return print(context, formatFrom(context, flags.format), {
      body: facts,
      fields: facts,
      table: () =>
        `Restored: ${dataDirectory}\n\n${keyValueTable(facts)}\n\nStart the server with this directory, and unseal it with the shares of the time at which the file was saved.`,
    });
  },
});
