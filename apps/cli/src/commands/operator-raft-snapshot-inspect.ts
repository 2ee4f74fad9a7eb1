import { type Command, defineCommand } from "../command.ts";
import { keyValueTable, print } from "../output.ts";
import { FORMAT_FLAG, formatFrom } from "../settings.ts";
import { readSnapshot, snapshotFacts } from "../snapshot-file.ts";

export const operatorRaftSnapshotInspect: Command = defineCommand({
  usage: "[options] FILE",
  description: `Shows what a snapshot says of itself, and proves what can be proven without keys: that nothing is missing, changed or out of order.
Whether the cluster made it is proven when it is opened.

  strongroom operator raft snapshot inspect backup.snap`,
  flags: FORMAT_FLAG,
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const facts = snapshotFacts(await readSnapshot(positional[0] ?? ""));
    return print(context, formatFrom(context, flags.format), {
      body: facts,
      fields: facts,
      table: () => keyValueTable(facts),
    });
  },
});
