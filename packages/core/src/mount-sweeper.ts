/**
 * Deletes the rows of mounts that are gone. Taking a mount away only moves its uuid to the table's closing list, in one
 * command with the epoch; every write to it that was on its way fails at its guard, so from that entry on the mount's rows
 * can only become fewer. The sweep reads them from a state that is proven to show that entry, deletes them in bounded
 * commands, and takes the uuid off the list when a pass finds nothing. Any node may sweep, several may at once, and one that
 * dies half-way leaves nothing that the next does not finish.
 */
import type { Logger } from "@strongroom/runtime";
import {
  KEY_KIND,
  type KeyRange,
  makeKey,
  prefixRange,
  type ReplicatedStore,
  runTransaction,
} from "@strongroom/storage";
import { type Mounts, scopeOf } from "./mounts.ts";

const ROWS_PER_COMMAND = 512;
const COMMAND_DEADLINE_MS = 10_000;

export class MountSweeper {
  readonly #store: ReplicatedStore;
  readonly #mounts: Mounts;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;

  constructor(parts: { readonly store: ReplicatedStore; readonly mounts: Mounts; readonly logger: Logger }) {
    this.#store = parts.store;
    this.#mounts = parts.mounts;
    this.#logger = parts.logger;
  }

  /** Sweeps all that is closing at this moment. Failures are logged; a later call goes on where this one ended. */
  sweep(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#runAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Ends a sweep under way at its next command. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #runAll(): Promise<void> {
    do {
      this.#again = false;
      try {
        for (const uuid of await this.#closing()) await this.#sweepMount(uuid);
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        this.#logger.warn("rows of a removed mount are left; they are deleted later", { error: error as Error });
      }
    } while (this.#again);
  }

  async #closing(): Promise<readonly string[]> {
    const { result } = await runTransaction(
      this.#store,
      (tx) => this.#mounts.table(tx, "read").state.closing,
      this.#options("read"),
    );
    return result;
  }

  async #sweepMount(uuid: string): Promise<void> {
    const { namespaceId, mountId } = scopeOf(uuid);
    const range = prefixRange(makeKey(KEY_KIND.barrier, namespaceId, mountId));
    let deleted = 0;
    for (;;) {
      const keys = await this.#nextKeys(range);
      if (keys.length === 0) break;
      await runTransaction(
        this.#store,
        (tx) => {
          for (const key of keys) tx.delete(key);
        },
        this.#options("write"),
      );
      deleted += keys.length;
    }
    await runTransaction(
      this.#store,
      (tx) => {
        const { state } = this.#mounts.table(tx, "write");
        if (!state.closing.includes(uuid)) return;
        this.#mounts.change(tx, (current) => ({
          ...current,
          closing: current.closing.filter((other) => other !== uuid),
        }));
      },
      this.#options("write"),
    );
    this.#logger.info("a removed mount is swept", { mount: uuid, rows: deleted });
  }

  async #nextKeys(range: KeyRange): Promise<readonly Uint8Array[]> {
    const snapshot = await this.#store.linearizableSnapshot(this.#options("read"));
    try {
      const iterator = snapshot.iterate(range);
      try {
        return (await iterator.next(ROWS_PER_COMMAND)).map(({ key }) => key);
      } finally {
        await iterator.close();
      }
    } finally {
      snapshot.release();
    }
  }

  #options<const M extends "read" | "write">(mode: M): { mode: M; deadlineMs: number; signal: AbortSignal } {
    const deadlineMs = this.#store.clock.monotonicMs() + COMMAND_DEADLINE_MS;
    return { mode, deadlineMs, signal: this.#abort.signal };
  }
}
