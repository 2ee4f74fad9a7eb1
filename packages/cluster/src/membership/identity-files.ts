/** Small files that a node must find whole or not at all after a power cut: keys, certificates, who it is. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Writes `path` so that a crash at any moment leaves the old contents or the new: a neighbour is written and synced,
 * then renamed over it, then the directory is synced. The file is readable by its owner only (0600).
 */
export function writeFileDurably(path: string, contents: string | Uint8Array): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, "w", 0o600);
  try {
    const bytes = typeof contents === "string" ? Buffer.from(contents, "utf8") : contents;
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

/** Makes `directory` and its parents, readable by their owner only (0700). */
export function makePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
}

/** The text of a file in `directory`; undefined when there is none. */
export function readTextIfPresent(directory: string, name: string): string | undefined {
  try {
    return readFileSync(join(directory, name), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** So that what was made, renamed or removed in it stays so after a loss of power. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
