/** The file system under a data directory. All calls go through the process's thread pool, since a file system may hang. */
import { constants, type FileHandle, open, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { DiskRoom, DiskSpace } from "./disk-space.ts";

const FILE_NAME = "reserve";
/** Random bytes would be needed against a file system that compresses; zeros are what others give, and are honest on most. */
const PIECE = new Uint8Array(1024 * 1024);
/** Written and synced at a time: the log's syncs wait for the same disk. */
const STEP_BYTES = 4 * 1024 * 1024;

export class NodeDiskSpace implements DiskSpace {
  readonly #directory: string;
  readonly #path: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, FILE_NAME);
  }

  async look(): Promise<DiskRoom> {
    const { bavail, blocks, bsize } = await statfs(this.#directory);
    const allocated = await stat(this.#path).then(
      (found) => found.blocks * 512,
      () => 0,
    );
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, reservedBytes: allocated };
  }

  async reserve(bytes: number): Promise<void> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, constants.O_WRONLY | constants.O_CREAT, 0o600);
      const { size } = await file.stat();
      const end = Math.min(bytes, size + STEP_BYTES);
      // Written, not only given a length: a hole takes no room.
      for (let at = size; at < end; at += PIECE.length)
        await file.write(PIECE, 0, Math.min(PIECE.length, end - at), at);
      await file.sync();
    } catch (error) {
      await this.release();
      throw error;
    } finally {
      await file?.close();
    }
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
