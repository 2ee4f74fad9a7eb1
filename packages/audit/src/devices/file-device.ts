/**
 * The device `file`: lines at the end of a file. A file that was moved away or deleted is made anew within a second, or at
 * once when the device is reopened. It writes to nothing but a regular file of audit records that belongs to this process.
 */
import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Clock } from "@strongroom/runtime";
import { DeviceFailedError } from "../errors.ts";
import type { AuditDevice } from "./device.ts";
import type { Slots } from "./slots.ts";

export interface FileDeviceParts {
  readonly clock: Clock;
  /** Of file operations that may hang at a time: all of the process share few threads for them. */
  readonly slots: Slots;
  /** Throws for a path that this node may not write, once links in its directories are resolved. */
  readonly check: (path: string) => void;
}

const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CHECK_INTERVAL_MS = 1000;
const FIRST_BYTES = '{"time":"';
const LINE_BREAK = 0x0a;

interface OpenFile {
  readonly handle: FileHandle;
  readonly device: number;
  readonly inode: number;
}

export class FileDevice implements AuditDevice {
  readonly maxLineBytes: number = Number.POSITIVE_INFINITY;
  readonly settleMs = 0;
  readonly #path: string;
  readonly #mode: number | undefined;
  readonly #parts: FileDeviceParts;
  #file: OpenFile | undefined;
  #checkedMs = 0;
  #reopen = false;
  #closed = false;

  constructor(target: { readonly path: string; readonly mode: number | undefined }, parts: FileDeviceParts) {
    this.#path = target.path;
    this.#mode = target.mode;
    this.#parts = parts;
  }

  async write(lines: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    await this.#parts.slots.use(signal, async () => {
      try {
        const { handle } = await this.#current();
        const bytes = lines.length === 1 && lines[0] !== undefined ? lines[0] : Buffer.concat(lines);
        let written = 0;
        while (written < bytes.length) {
          written += (await handle.write(bytes, written, bytes.length - written)).bytesWritten;
        }
      } catch (error) {
        // What it took of the last line is ended when the file is opened again.
        await this.#drop();
        throw error;
      } finally {
        // Closed meanwhile: the file may have been opened behind that.
        if (this.#closed) await this.#drop();
      }
    });
  }

  reopen(): void {
    this.#reopen = true;
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#drop();
  }

  async #current(): Promise<OpenFile> {
    const { clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (this.#file !== undefined && nowMs - this.#checkedMs >= CHECK_INTERVAL_MS) {
      this.#checkedMs = nowMs;
      const there = await stat(this.#path).catch(() => undefined);
      if (there?.ino !== this.#file.inode || there.dev !== this.#file.device) this.#reopen = true;
    }
    if (this.#reopen) await this.#drop();
    this.#reopen = false;
    this.#file ??= await this.#open();
    return this.#file;
  }

  async #open(): Promise<OpenFile> {
    const directory = await realpath(dirname(this.#path));
    this.#parts.check(join(directory, basename(this.#path)));
    const handle = await open(this.#path, FLAGS, this.#mode ?? 0o600);
    try {
      const {
        dev: device,
        ino: inode,
        size,
        mode,
        uid,
      } = await handle.stat().then((found) => {
        if (!found.isFile()) throw new DeviceFailedError(`${this.#path} is not a regular file`);
        return found;
      });
      if (uid !== process.getuid?.()) throw new DeviceFailedError(`${this.#path} belongs to another user`);
      if (size > 0) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(FIRST_BYTES.length), 0, FIRST_BYTES.length, 0);
        if (buffer.toString("latin1", 0, bytesRead) !== FIRST_BYTES) {
          throw new DeviceFailedError(`${this.#path} holds something else than audit records`);
        }
        const { buffer: last } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
        if (last[0] !== LINE_BREAK) await handle.write("\n");
      }
      if (this.#mode !== undefined && (mode & 0o7777) !== this.#mode) await handle.chmod(this.#mode);
      this.#checkedMs = this.#parts.clock.monotonicMs();
      return { handle, device, inode };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #drop(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close().catch(() => undefined);
  }
}
