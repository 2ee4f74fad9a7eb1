/**
 * A data directory that a snapshot is restored into. It has to hold no node; and while the restoring goes on, a file says so,
 * which keeps a server away from what is half there. Restoring again takes such a directory up and begins anew.
 */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { StrongroomError } from "@strongroom/runtime";
import { makePrivateDirectory, syncDirectory, writeFileDurably } from "../membership/identity-files.ts";

/** The directory cannot be used for this; the message says why, and what to do. */
class RestoreDirectoryError extends StrongroomError {
  readonly code = "bad_restore_directory";
}

const MARKER = "restoring";
/** What a node's directory may hold before there is a node. */
const HARMLESS: ReadonlySet<string> = new Set([
  "https.crt",
  "https.key",
  "https-ca.crt",
  "https-ca.key",
  "lost+found",
  `${MARKER}.tmp`,
]);
const MADE_BY_RESTORE = /^(?:state-\d+-\d+(?:\.building)?|wal|identity\.key(?:\.tmp)?)$/;

/** Durable on return. Throws `RestoreDirectoryError` and leaves the directory as it is if it may hold a node. */
export function beginRestore(directory: string): void {
  makePrivateDirectory(directory);
  const found = readdirSync(directory).filter((name) => !HARMLESS.has(name));
  const again = found.includes(MARKER);
  const foreign = found.filter((name) => !again || (name !== MARKER && !MADE_BY_RESTORE.test(name)));
  if (foreign.length > 0) {
    throw new RestoreDirectoryError(
      `${directory} is not empty (it holds ${foreign.slice(0, 5).join(", ")}), and a restore overwrites nothing: move it away, or name another directory.`,
    );
  }
  writeFileDurably(join(directory, MARKER), "A snapshot is being restored here.\n");
  for (const name of found) if (name !== MARKER) rmSync(join(directory, name), { recursive: true, force: true });
  syncDirectory(directory);
}

/** From now on a server may start with the directory. Durable on return. */
export function endRestore(directory: string): void {
  rmSync(join(directory, MARKER));
  syncDirectory(directory);
}

/** Throws `RestoreDirectoryError` if a restore into this directory never came to its end. */
export function refuseUnfinishedRestore(directory: string): void {
  if (!existsSync(join(directory, MARKER))) return;
  throw new RestoreDirectoryError(
    `A restore into ${directory} has not come to its end. Run \`strongroom operator raft snapshot restore\` again, which begins anew, or empty the directory.`,
  );
}
