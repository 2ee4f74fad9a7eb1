/** Snapshots as files on the operator's machine. */
import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { inspectSnapshot, readStoppedNode } from "@strongroom/cluster";
import { asError, StrongroomError, toHex } from "@strongroom/runtime";
import { LocalError } from "./command.ts";

type Inspected = Awaited<ReturnType<typeof inspectSnapshot>>;

/**
 * Writes the stream beside `file`, proves it against its own sums, and only then gives it its name: whatever goes wrong,
 * `file` is what it was before. Throws `LocalError` for what the disk does.
 */
export async function saveSnapshot(
  stream: AsyncIterable<Uint8Array>,
  file: string,
  onProgress: (bytes: number) => void,
): Promise<Inspected> {
  const part = `${file}.part`;
  const handle = await open(part, "wx", 0o600).catch((cause: unknown) => {
    throw unwritable(part, cause);
  });
  try {
    let written = 0;
    for await (const bytes of stream) {
      await handle.writeFile(bytes);
      written += bytes.length;
      onProgress(written);
    }
    await handle.sync();
    await handle.close();
    const inspected = await inspectSnapshot(createReadStream(part));
    await rename(part, file);
    return inspected;
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(part, { force: true });
    throw error instanceof StrongroomError ? error : unwritable(part, error);
  }
}

/** Has `take` save what a stopped node holds; the copy of its state that this takes lies beside `file` meanwhile. */
export async function saveStoppedNode(
  directory: string,
  file: string,
  take: (stream: AsyncIterable<Uint8Array>) => Promise<Inspected>,
): Promise<Inspected> {
  // LevelDB creates files as 0644 unless the mask says otherwise.
  process.umask(0o077);
  return readStoppedNode({ directory, workDirectory: `${file}.work` }, take);
}

/** Throws `LocalError`, `SnapshotDamagedError` or `SnapshotRefusedError`. */
export async function readSnapshot(file: string): Promise<Inspected> {
  try {
    return await inspectSnapshot(createReadStream(file));
  } catch (error) {
    if (error instanceof StrongroomError) throw error;
    throw new LocalError(`Cannot read ${file}: ${asError(error).message}`, { cause: error });
  }
}

/** What a snapshot says of itself, for people and programs. */
export function snapshotFacts({ header, trailer }: Inspected): Readonly<Record<string, string | number | boolean>> {
  const { metadata, logTimeMs, clusterId, nodeId, digest } = header;
  return {
    cluster_id: uuidText(clusterId),
    node_id: String(nodeId),
    index: metadata.index,
    term: metadata.term,
    voters: metadata.confState.voters.length,
    log_time: new Date(logTimeMs).toISOString(),
    rows: trailer.rows,
    bytes: trailer.contentBytes,
    sha256: toHex(trailer.contentHash),
    digest: toHex(digest),
    signed: trailer.mac.length > 0,
  };
}

/** As everything else writes the cluster's id; empty before there is one. */
function uuidText(bytes: Uint8Array): string {
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function unwritable(file: string, cause: unknown): LocalError {
  const { message } = asError(cause);
  const next = message.includes("EEXIST") ? " Is another save under way? If not, remove that file." : "";
  return new LocalError(`Cannot save to ${file}: ${message}.${next}`, { cause });
}
