/**
 * A log's disk with all the faults that disks have: it fills up, fails to sync, forgets what was not synced, and dies in the
 * middle of what it was doing. A fault is a throw, as from the real one; the log must end its process on any.
 */
import { MemoryWalDisk, type WalDisk } from "@strongroom/cluster";
import type { Choices } from "./choices.ts";
import type { Tally } from "./tally.ts";

/** What a disk threw because the simulation wanted it to. */
export class InjectedFault extends Error {
  override readonly name = "InjectedFault";
  readonly kind: DiskFault;

  constructor(kind: DiskFault) {
    super(kind);
    this.kind = kind;
  }
}

export type DiskFault = "death" | "full disk" | "failing sync";

/** Whether this, or what it was caused by, was injected. */
export function injectedFault(error: unknown): InjectedFault | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof InjectedFault) return at;
  return undefined;
}

export class FaultyDisk implements WalDisk {
  readonly #inner = new MemoryWalDisk();
  readonly #sizes = new Map<string, number>();
  /** No file may grow. */
  isFull = false;
  /** Syncs do nothing. */
  isLying = false;
  readonly #tally: Tally;
  #armed: { kind: DiskFault; operations: number } | undefined;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** The operation after so many more fails in this way. */
  arm(kind: DiskFault, operations: number): void {
    this.#armed = { kind, operations };
  }

  disarm(): void {
    this.#armed = undefined;
  }

  list(): readonly string[] {
    return this.#inner.list();
  }

  read(name: string): Uint8Array {
    return this.#inner.read(name);
  }

  write(name: string, offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    const size = this.#sizes.get(name) ?? 0;
    if (this.#due("full disk") || (this.isFull && end > size)) {
      // Some of it got there.
      this.#inner.write(name, offset, bytes.subarray(0, bytes.length >> 1));
      this.#sizes.set(name, Math.max(size, offset + (bytes.length >> 1)));
      throw new InjectedFault("full disk");
    }
    this.#inner.write(name, offset, bytes);
    if (end > size) this.#sizes.set(name, end);
  }

  sync(name: string): void {
    if (this.#due("failing sync")) throw new InjectedFault("failing sync");
    if (!this.isLying) this.#inner.sync(name);
  }

  rename(from: string, to: string): void {
    this.#due(undefined);
    this.#inner.rename(from, to);
    this.#tally.mark("segment begun");
    this.#sizes.set(to, this.#sizes.get(from) ?? 0);
    this.#sizes.delete(from);
  }

  remove(name: string): void {
    this.#due(undefined);
    this.#inner.remove(name);
    if (name.endsWith(".wal")) this.#tally.mark("segment removed");
    this.#sizes.delete(name);
  }

  close(): void {
    this.#inner.close();
  }

  /** Power is gone: each sector that was not synced got there or did not. */
  losePower(choices: Choices): void {
    this.#inner.crash(choices);
  }

  /** One byte of the log changes behind its back. */
  rot(choices: Choices): void {
    const name = choices.pick(this.list().filter((one) => one.endsWith(".wal")));
    this.#inner.corrupt(name, (bytes) => {
      // Early bytes more often than late ones, which may never have been written.
      const at = choices.below(1 + choices.below(bytes.length));
      bytes[at] = (bytes[at] as number) ^ (1 << choices.below(8));
    });
  }

  #due(kind: DiskFault | undefined): boolean {
    const armed = this.#armed;
    if (armed === undefined || armed.operations-- > 0) return false;
    if (armed.kind === "death") throw new InjectedFault("death");
    if (armed.kind !== kind) return false;
    this.#armed = undefined;
    return true;
  }
}
