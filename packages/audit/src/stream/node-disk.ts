/** Streams in a directory of the file system: 0700, its files 0600. */
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StrongroomError } from "@strongroom/runtime";
import type { AuditDisk, AuditFile } from "./disk.ts";

/** The file system took fewer bytes than it was given: it is full. */
class ShortWriteError extends StrongroomError {
  readonly code = "short_write";
}

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;

export class NodeAuditDisk implements AuditDisk {
  readonly directory: string;

  /** Makes the directory if it is missing. Throws Node's error when that fails. */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  list(): readonly string[] {
    return readdirSync(this.directory);
  }

  listAside(): Promise<readonly string[]> {
    return readdir(this.directory);
  }

  create(name: string): AuditFile {
    return new NodeAuditFile(
      openSync(join(this.directory, name), APPEND | constants.O_CREAT | constants.O_EXCL, 0o600),
    );
  }

  open(name: string): AuditFile {
    return new NodeAuditFile(openSync(join(this.directory, name), APPEND));
  }

  stat(name: string): { readonly bytes: number; readonly changedMs: number } | undefined {
    const stat = statSync(join(this.directory, name), { throwIfNoEntry: false });
    return stat === undefined ? undefined : { bytes: stat.size, changedMs: stat.mtimeMs };
  }

  read(name: string, position: number, length: number): Uint8Array {
    const fd = openSync(join(this.directory, name), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, fstatSync(fd).size - position)));
      let filled = 0;
      while (filled < buffer.length) {
        const count = readSync(fd, buffer, filled, buffer.length - filled, position + filled);
        if (count === 0) break;
        filled += count;
      }
      return buffer.subarray(0, filled);
    } finally {
      closeSync(fd);
    }
  }

  remove(name: string): void {
    try {
      unlinkSync(join(this.directory, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  /** Not synced: what is kept so is where a consumer stands, and an older place only means that records come twice. */
  async replace(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.directory, name);
    await writeFile(`${path}.new`, bytes, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
}

class NodeAuditFile implements AuditFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  append(bytes: Uint8Array): void {
    writeAll(this.#fd, bytes);
  }

  truncate(bytes: number): void {
    ftruncateSync(this.#fd, bytes);
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  const written = writeSync(fd, bytes);
  if (written === bytes.length) return;
  // A disk that is nearly full takes what it can; the second write says why it took no more.
  if (writeSync(fd, bytes, written) !== bytes.length - written) {
    throw new ShortWriteError(`the file system took fewer than the ${bytes.length} bytes that it was given`);
  }
}
