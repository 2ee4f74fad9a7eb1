/** A directory in memory that can run full, tear writes, and lose what it was not asked to keep. */
import type { AuditDisk, AuditFile } from "../stream/disk.ts";

export class DiskFaultError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`${code}: the disk was told to fail`);
    this.code = code;
  }
}

export class MemoryAuditDisk implements AuditDisk {
  readonly files: Map<string, Buffer> = new Map<string, Buffer>();
  /** Bytes that are still free. */
  freeBytes: number = Number.POSITIVE_INFINITY;
  /** Set: the next truncation fails. */
  failTruncate = false;
  appends = 0;
  syncs = 0;
  nowMs = 0;
  readonly #changed = new Map<string, number>();

  list(): readonly string[] {
    return [...this.files.keys()];
  }

  async listAside(): Promise<readonly string[]> {
    return this.list();
  }

  create(name: string): AuditFile {
    if (this.files.has(name)) throw new DiskFaultError("EEXIST");
    this.files.set(name, Buffer.alloc(0));
    this.#changed.set(name, this.nowMs);
    return this.#file(name);
  }

  open(name: string): AuditFile {
    if (!this.files.has(name)) throw new DiskFaultError("ENOENT");
    return this.#file(name);
  }

  stat(name: string): { readonly bytes: number; readonly changedMs: number } | undefined {
    const bytes = this.files.get(name);
    return bytes === undefined ? undefined : { bytes: bytes.length, changedMs: this.#changed.get(name) ?? 0 };
  }

  read(name: string, position: number, length: number): Uint8Array {
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new DiskFaultError("ENOENT");
    return Uint8Array.from(bytes.subarray(position, position + length));
  }

  remove(name: string): void {
    this.files.delete(name);
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    this.files.set(name, Buffer.from(bytes));
  }

  /** All lines of all segments, in the order of the streams. */
  lines(): readonly string[] {
    return [...this.files]
      .filter(([name]) => name.endsWith(".jsonl"))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, bytes]) => bytes.toString("utf8").split("\n"))
      .filter((line) => line !== "");
  }

  #file(name: string): AuditFile {
    return {
      append: (bytes) => {
        this.appends++;
        const taken = Math.min(bytes.length, this.freeBytes);
        this.files.set(name, Buffer.concat([this.files.get(name) ?? Buffer.alloc(0), bytes.subarray(0, taken)]));
        this.#changed.set(name, this.nowMs);
        this.freeBytes -= taken;
        if (taken < bytes.length) throw new DiskFaultError("ENOSPC");
      },
      truncate: (length) => {
        if (this.failTruncate) throw new DiskFaultError("EIO");
        const bytes = this.files.get(name) ?? Buffer.alloc(0);
        this.freeBytes += bytes.length - length;
        this.files.set(name, bytes.subarray(0, length));
      },
      sync: async () => {
        this.syncs++;
      },
      close: () => {},
    };
  }
}
