/** A log's files in a directory of their own: 0700, files 0600. All calls are synchronous and belong to one thread. */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { WalDisk } from "./wal-disk.ts";

export class NodeWalDisk implements WalDisk {
  readonly #directory: string;
  /** Files that were written to, by name. */
  readonly #descriptors = new Map<string, number>();

  /** Makes the directory if it is missing. */
  constructor(directory: string) {
    this.#directory = directory;
    if (mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined) syncDirectory(dirname(directory));
  }

  list(): readonly string[] {
    return readdirSync(this.#directory);
  }

  read(name: string): Uint8Array {
    const bytes = readFileSync(this.#path(name));
    // No `Buffer`, whose `slice` would be a view.
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  write(name: string, offset: number, bytes: Uint8Array): void {
    const descriptor = this.#open(name);
    for (let done = 0; done < bytes.length; ) {
      const written = writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
      if (written === 0) throw new Error(`writing ${name} made no progress`);
      done += written;
    }
  }

  sync(name: string): void {
    fdatasyncSync(this.#open(name));
  }

  rename(from: string, to: string): void {
    renameSync(this.#path(from), this.#path(to));
    this.#forget(to);
    const descriptor = this.#descriptors.get(from);
    if (descriptor !== undefined) this.#descriptors.set(to, descriptor);
    this.#descriptors.delete(from);
    syncDirectory(this.#directory);
  }

  remove(name: string): void {
    this.#forget(name);
    rmSync(this.#path(name), { force: true });
    syncDirectory(this.#directory);
  }

  close(): void {
    for (const name of this.#descriptors.keys()) this.#forget(name);
  }

  #open(name: string): number {
    let descriptor = this.#descriptors.get(name);
    if (descriptor === undefined) {
      descriptor = openSync(this.#path(name), constants.O_RDWR | constants.O_CREAT, 0o600);
      this.#descriptors.set(name, descriptor);
    }
    return descriptor;
  }

  #forget(name: string): void {
    const descriptor = this.#descriptors.get(name);
    if (descriptor === undefined) return;
    this.#descriptors.delete(name);
    closeSync(descriptor);
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
