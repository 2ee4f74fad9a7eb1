/** Reads a snapshot for what it says of itself, and proves all that can be proven without keys. Writes nothing. */
import { SnapshotParser } from "./parser.ts";
import type { SnapshotHeader, SnapshotTrailer } from "./types.ts";

/** Throws `SnapshotDamagedError` or `SnapshotRefusedError`. */
export async function inspectSnapshot(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: SnapshotHeader; readonly trailer: SnapshotTrailer }> {
  const parser = new SnapshotParser();
  for await (const bytes of stream) parser.push(bytes);
  return parser.finish();
}
