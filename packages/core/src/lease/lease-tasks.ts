/**
 * Work on many leases that was asked for and is not done: a row says what, so that an answer can be given before the work ends
 * and whoever leads goes on with it. Leases are gone over in bounded pages, from the start after a failover: what is marked
 * already costs a read.
 */
import { type Barrier, tokenRowKey } from "@strongroom/barrier";
import { asError, assert, type Entropy, fromUtf8, type Logger, utf8 } from "@strongroom/runtime";
import { type Invalidation, type KeyedRow, keyAfter, type Transaction } from "@strongroom/storage";
import type { BackgroundTask } from "../background/background-work.ts";
import type { LeaderStore } from "../background/leader-store.ts";
import type { MountEntry } from "../mount-entry.ts";
import type { LeaseEntry } from "./lease-entry.ts";
import { dueRange, isTaskKey, taskKey, taskRange } from "./lease-keys.ts";
import type { LeaseManager } from "./lease-manager.ts";
import type { LeaseRows } from "./lease-rows.ts";

/**
 * Ends all leases under `prefix` of a mount that were made before the task was: by their places in the log, since the clocks of
 * two nodes may tell it otherwise.
 */
export interface PrefixTask {
  readonly type: "revoke-prefix";
  readonly mountUuid: string;
  readonly prefix: string;
  readonly force: boolean;
}

/** Ends leases whose token is gone, and takes rows out of the index that name nothing. */
interface TidyTask {
  readonly type: "tidy";
}

export type LeaseTask = PrefixTask | TidyTask;

const PURPOSE = "lease-task";
const VERSION = 1;
const TASKS_PER_PAGE = 16;
const LEASES_PER_PAGE = 256;

export interface LeaseTasksParts {
  readonly barrier: Barrier;
  readonly rows: LeaseRows;
  readonly manager: LeaseManager;
  readonly logger: Logger;
}

/** Asks for `task`, from the commit of `tx` on. */
export function addLeaseTask(tx: Transaction, barrier: Barrier, task: LeaseTask, entropy: Entropy): Uint8Array {
  const key = taskKey(entropy.bytes(16));
  barrier.rows(tx, PURPOSE).put(key, utf8(JSON.stringify({ version: VERSION, ...task })));
  return key;
}

export class LeaseTasks implements BackgroundTask {
  readonly name = "lease-tasks";
  readonly everyMs = 30_000;
  readonly #parts: LeaseTasksParts;

  constructor(parts: LeaseTasksParts) {
    this.#parts = parts;
  }

  wakesOn(event: Invalidation): boolean {
    return event.type === "all" || event.keys.some(isTaskKey);
  }

  async run(store: LeaderStore): Promise<void> {
    let failure: unknown;
    let { gte, lt } = taskRange();
    for (;;) {
      const page = await store.rows({ gte, lt }, TASKS_PER_PAGE);
      const last = page.at(-1);
      if (last === undefined) break;
      for (const row of page) {
        try {
          await this.#do(store, this.#read(row), row.row.revision.index);
          await store.write((tx) => tx.delete(row.key));
        } catch (thrown) {
          // One that fails holds up no other.
          failure ??= asError(thrown);
        }
      }
      gte = keyAfter(last.key);
    }
    if (failure !== undefined) throw failure;
  }

  #read({ key, row }: KeyedRow): LeaseTask {
    const bytes = this.#parts.barrier.openValue(key, PURPOSE, row);
    const { version, ...task } = JSON.parse(fromUtf8(bytes)) as LeaseTask & { version: number };
    assert(version === VERSION, `a lease task has version ${version}, this program knows ${VERSION}`);
    return task as LeaseTask;
  }

  async #do(store: LeaderStore, task: LeaseTask, askedAtIndex: number): Promise<void> {
    if (task.type === "revoke-prefix") {
      const marked = await this.#queueBelow(store, task, ({ madeAtIndex }) => madeAtIndex <= askedAtIndex);
      this.#parts.logger.info("leases under a prefix are being revoked", { mount: task.mountUuid, leases: marked });
      return;
    }
    const { checked, mended } = await this.#tidy(store);
    this.#parts.logger.info("leases are tidied", { leases: checked, mended });
  }

  /** Ends all leases of a mount that is closing, to which none can be added; those that were tried already are left alone. */
  endAll(store: LeaderStore, mount: Pick<MountEntry, "uuid">): Promise<number> {
    const all = { mountUuid: mount.uuid, prefix: "", force: false };
    return this.#queueBelow(store, all, (entry) => entry.state === "live");
  }

  /** Marks what the task names as to be revoked; how many that was. */
  async #queueBelow(
    store: LeaderStore,
    task: Omit<PrefixTask, "type">,
    wanted: (entry: LeaseEntry) => boolean,
  ): Promise<number> {
    const { rows, manager } = this.#parts;
    let marked = 0;
    let after: Uint8Array | undefined;
    for (;;) {
      const page = await store.read((tx) =>
        rows.view(tx, task.mountUuid).walk(task.prefix, { after, limit: LEASES_PER_PAGE }),
      );
      const last = page.at(-1);
      if (last === undefined) return marked;
      marked += await store.write((tx) => {
        let changed = 0;
        for (const { path } of page) {
          const ref = { mountUuid: task.mountUuid, path };
          const entry = rows.get(tx, ref);
          if (entry === undefined || !wanted(entry)) continue;
          if (manager.queue(tx, { ref, entry }, { force: task.force })) changed++;
        }
        return changed;
      });
      after = last.storageKey;
    }
  }

  /** Whether a mount has any lease, in whatever state. */
  async hasLeases(store: LeaderStore, mount: Pick<MountEntry, "uuid">): Promise<boolean> {
    const page = await store.read((tx) => this.#parts.rows.view(tx, mount.uuid).walk("", { limit: 1 }));
    return page.length > 0;
  }

  async #tidy(store: LeaderStore): Promise<{ readonly checked: number; readonly mended: number }> {
    let { gte, lt } = dueRange();
    let checked = 0;
    let mended = 0;
    for (;;) {
      const page = await store.rows({ gte, lt }, LEASES_PER_PAGE);
      const last = page.at(-1);
      if (last === undefined) return { checked, mended };
      checked += page.length;
      mended += await store.write((tx) => this.#tidyPage(tx, page));
      gte = keyAfter(last.key);
    }
  }

  #tidyPage(tx: Transaction, page: readonly KeyedRow[]): number {
    const { rows, manager } = this.#parts;
    let mended = 0;
    for (const row of page) {
      const ref = rows.refOf(row);
      const entry = rows.get(tx, ref);
      if (entry === undefined || !rows.isDueAt(tx, ref, { entry, key: row.key })) {
        // Unless it has been renewed or revoked since the page was read.
        if (tx.get(row.key) === undefined) continue;
        tx.delete(row.key);
        mended++;
        continue;
      }
      const orphaned = entry.tokenHash !== undefined && tx.get(tokenRowKey(entry.tokenHash)) === undefined;
      if (orphaned && manager.queue(tx, { ref, entry }, { force: false })) mended++;
    }
    return mended;
  }
}
