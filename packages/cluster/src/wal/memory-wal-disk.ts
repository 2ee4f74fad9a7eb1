/**
 * A log's files in memory, with the faults that a real disk has: what was not synced may be lost in any part when the power
 * goes. For tests, simulations and servers without a directory.
 */
import type { Random } from "@strongroom/runtime";
import type { WalDisk } from "./wal-disk.ts";

const SECTOR_BYTES = 512;

interface MemoryFile {
  bytes: Uint8Array;
  /** Sectors written since the last sync, each as it was then. */
  readonly unsynced: Map<number, Uint8Array>;
}

export class MemoryWalDisk implements WalDisk {
  readonly #files = new Map<string, MemoryFile>();
  /** Bytes that all files together may take; a write past it stops where the room ends, and fails. */
  capacity: number = Number.POSITIVE_INFINITY;

  list(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** A copy. */
  read(name: string): Uint8Array {
    return this.#file(name).bytes.slice();
  }

  write(name: string, offset: number, bytes: Uint8Array): void {
    const file = this.#files.get(name) ?? { bytes: new Uint8Array(0), unsynced: new Map<number, Uint8Array>() };
    this.#files.set(name, file);
    const room = this.capacity - this.#taken() + file.bytes.length - offset;
    if (bytes.length > room) {
      if (room > 0) this.write(name, offset, bytes.subarray(0, room - (room % SECTOR_BYTES)));
      throw new Error("ENOSPC: no space left on device, write");
    }
    const end = offset + bytes.length;
    if (end > file.bytes.length) file.bytes = grown(file.bytes, Math.ceil(end / SECTOR_BYTES) * SECTOR_BYTES);
    for (let at = offset - (offset % SECTOR_BYTES); at < end; at += SECTOR_BYTES) {
      if (!file.unsynced.has(at)) file.unsynced.set(at, file.bytes.slice(at, at + SECTOR_BYTES));
    }
    file.bytes.set(bytes, offset);
  }

  sync(name: string): void {
    this.#file(name).unsynced.clear();
  }

  rename(from: string, to: string): void {
    const file = this.#file(from);
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  remove(name: string): void {
    this.#files.delete(name);
  }

  close(): void {
    // Nothing is open: the next owner goes on with the same files.
  }

  /** Loss of power: of what was not synced, each sector reached the disk or did not. */
  crash(random: Random): void {
    for (const file of this.#files.values()) {
      for (const [at, before] of file.unsynced) if (random.below(2) === 0) file.bytes.set(before, at);
      file.unsynced.clear();
    }
  }

  /** Changes bytes behind the log's back, as rot does. */
  corrupt(name: string, change: (bytes: Uint8Array) => void): void {
    change(this.#file(name).bytes);
  }

  #taken(): number {
    if (this.capacity === Number.POSITIVE_INFINITY) return 0;
    let bytes = 0;
    for (const file of this.#files.values()) bytes += file.bytes.length;
    return bytes;
  }

  #file(name: string): MemoryFile {
    const file = this.#files.get(name);
    if (file === undefined) throw new Error(`ENOENT: no such file, ${name}`);
    return file;
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  result.set(bytes);
  return result;
}
