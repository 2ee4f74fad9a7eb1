import { type Command, defineCommand } from "../command.ts";
import { keyValueTable, print } from "../output.ts";
import { ServerApi } from "../server-api.ts";
import { CONNECTION_FLAGS, connectionFrom, FORMAT_FLAG, formatFrom } from "../settings.ts";
import { saveSnapshot, saveStoppedNode, snapshotFacts } from "../snapshot-file.ts";

export const operatorRaftSnapshotSave: Command = defineCommand({
  usage: "[options] FILE",
  description: `Saves the cluster's whole state to FILE, while it goes on working; all that was acknowledged before is in it. Names and values stay
sealed: the file opens only with shares of the seal that is in force now, so keep both, apart. FILE appears when all of it has come
and was proven.

With -data-dir no server is asked: the file gets what a stopped node of this machine holds, with all entries of its log. That is for
a cluster that has lost its quorum. No key is at hand then, so the file bears no signature.

  strongroom operator raft snapshot save backup.snap
  strongroom operator raft snapshot save -data-dir=/var/lib/strongroom/node-2 survivor.snap`,
  flags: {
    "data-dir": { kind: "string", value: "DIR", help: "The data directory of a stopped node on this machine." },
    ...CONNECTION_FLAGS,
    ...FORMAT_FLAG,
  },
  positional: { min: 1, max: 1 },
  async run(context, { flags, positional }) {
    const [file = ""] = positional;
    const { interactive } = context.terminal;
    let shown = 0;
    const take = (stream: AsyncIterable<Uint8Array>) =>
      saveSnapshot(stream, file, (bytes) => {
        if (!interactive || bytes - shown < 1024 * 1024) return;
        shown = bytes;
        context.terminal.error(`\r${(bytes / 1024 / 1024).toFixed(0)} MiB`);
      });
    const { "data-dir": directory } = flags;
    const saved =
      directory === undefined
        ? await take(await download(new ServerApi(connectionFrom(context, flags))))
        : await saveStoppedNode(directory, file, take);
    const facts = snapshotFacts(saved);
    if (shown > 0) context.terminal.error("\r");
    return print(context, formatFrom(context, flags.format), {
      body: facts,
      fields: facts,
      table: () => `Saved: ${file}\n\n${keyValueTable(facts)}`,
    });
  },
});

function download(api: ServerApi): Promise<AsyncIterable<Uint8Array>> {
  return api.download({ method: "GET", path: "sys/storage/raft/snapshot" });
}
