import { type Command, defineCommand } from "../command.ts";
import { keyValueTable, print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";
import { saveSnapshot, snapshotFacts } from "../snapshot-file.ts";

export const operatorRaftSnapshotSave: Command = defineCommand({
  usage: "[options] FILE",
  description: `Saves the cluster's whole state to FILE, while it goes on working; all that was acknowledged before is in it. Names and values stay
sealed: the file opens only with shares of the seal that is in force now, so keep both, apart. FILE appears when all of it has come
and was proven.

  strongroom operator raft snapshot save backup.snap`,
  flags: { ...CONNECTION_FLAGS, ...FORMAT_FLAG },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const [file = ""] = positional;
    const api = new ServerApi(connectionFrom(context, flags));
    const stream = await api.download({ method: "GET", path: "sys/storage/raft/snapshot" });
    const { interactive } = context.terminal;
    let shown = 0;
    const facts = snapshotFacts(
      await saveSnapshot(stream, file, (bytes) => {
        if (!interactive || bytes - shown < 1024 * 1024) return;
        shown = bytes;
        context.terminal.error(`\r${(bytes / 1024 / 1024).toFixed(0)} MiB`);
      }),
    );
    if (shown > 0) context.terminal.error("\r");
    return print(context, formatFrom(context, flags.format), {
      body: facts,
      fields: facts,
      table: () => `Saved: ${file}\n\n${keyValueTable(facts)}`,
    });
  },
});
