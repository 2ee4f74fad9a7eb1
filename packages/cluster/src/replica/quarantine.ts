/**
 * A node that was found to hold a wrong state ends, and must not come back by a restart: it would vote, and be voted for, on
 * what it holds. A file in its data directory keeps it away until a person has replaced the node.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StrongroomError } from "@strongroom/runtime";

/** Handed to `onFatal` when this node's state is found to be wrong: by most voters, by its own scrub, or as it was to be opened. */
export class QuarantineError extends StrongroomError {
  readonly code = "quarantined";
  /** Up to where the state is doubted. */
  readonly index: number;

  constructor(index: number, reason: string) {
    super(
      `This node is quarantined, since ${reason}. It serves no more: remove it from the cluster on another node ` +
        "(strongroom operator raft remove-peer), move its data directory away, and let it join again with a new token.",
    );
    this.index = index;
  }
}

/** Says so at each start, until the directory is replaced. */
class QuarantinedError extends StrongroomError {
  readonly code = "quarantined";
}

const FILE_NAME = "quarantined";

/** Durable on return. Never throws: the process is ending anyway, and says why itself. */
export function quarantine(directory: string, message: string): void {
  try {
    const path = join(directory, FILE_NAME);
    writeFileSync(path, `${message}\n`, { mode: 0o600 });
    for (const synced of [path, directory]) syncPath(synced);
  } catch {
    // A full or failing disk: what was found wrong is found again.
  }
}

/** Throws if this directory's node was quarantined before. */
export function refuseQuarantined(directory: string): void {
  const path = join(directory, FILE_NAME);
  if (!existsSync(path)) return;
  throw new QuarantinedError(`${readFileSync(path, "utf8").trim()} (${path})`);
}

function syncPath(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
