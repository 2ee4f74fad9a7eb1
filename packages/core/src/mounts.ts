/**
 * The mount table: read by every request, changed by few. Its row lies under the system's own mount id; each change bumps
 * the epoch row in the same command, and each writing request guards the epoch, so that no write lands in a mount that was
 * taken away under it.
 */
import type { Barrier, BarrierView, Scope } from "@strongroom/barrier";
import {
  type Backend,
  type BackendFactory,
  LogicalError,
  type MountInfo,
  type RequestContext,
} from "@strongroom/logical";
import { fromHex, present } from "@strongroom/runtime";
import { EPOCH_KEY, type Invalidation, KEY_KIND, type Revision, type Transaction } from "@strongroom/storage";
import {
  decodeMountTable,
  EMPTY_MOUNT_TABLE,
  encodeMountTable,
  type MountEntry,
  type MountTableState,
} from "./mount-entry.ts";
import { StateCache } from "./state-cache.ts";

/** Of the root namespace, the only one so far. */
const ROOT_NAMESPACE_ID: Uint8Array = new Uint8Array(4);
const SYSTEM_SCOPE: Scope = { namespaceId: ROOT_NAMESPACE_ID, mountId: new Uint8Array(16) };
const TABLE_PATH = "core/mounts";
const CACHE_KEY = "mounts";

/** A mount that can serve. */
export interface Mount {
  readonly entry: MountEntry;
  readonly info: MountInfo;
  readonly backend: Backend;
  readonly scope: Scope;
}

/** The table of one state, ready for routing. */
export interface MountTable {
  readonly state: MountTableState;
  readonly byPath: ReadonlyMap<string, Mount>;
}

export class Mounts {
  readonly #barrier: Barrier;
  readonly #factories = new Map<string, BackendFactory>();
  readonly #aliases = new Map<string, { readonly type: string; readonly options: ReadonlyMap<string, string> }>();
  readonly #cache = new StateCache<{ readonly table: MountTable; readonly epoch: Revision }>(1);
  /** By uuid: a mount lives on when the table changes around it. */
  #running = new Map<string, Mount>();

  constructor(barrier: Barrier, factories: readonly BackendFactory[]) {
    this.#barrier = barrier;
    for (const factory of factories) {
      this.#factories.set(factory.type, factory);
      for (const [type, options] of factory.aliases ?? []) this.#aliases.set(type, { type: factory.type, options });
    }
  }

  /** The table of the transaction's state. A transaction that may write fails at its commit if the table has changed. */
  table(tx: Transaction, mode: "read" | "write"): MountTable {
    let cached = this.#cache.get(CACHE_KEY, tx.appliedIndex);
    if (cached === undefined) {
      cached = { table: this.#activate(this.#load(tx)), epoch: tx.epochRevision() };
      this.#cache.fill(CACHE_KEY, tx.appliedIndex, cached);
    }
    if (mode === "write") tx.guardEpoch(cached.epoch);
    return cached.table;
  }

  /** Replaces the table by what `change` makes of it, in one command with the epoch. */
  change(tx: Transaction, change: (state: MountTableState) => MountTableState): void {
    const view = this.#view(tx);
    view.put(TABLE_PATH, encodeMountTable(change(this.#load(tx))));
    bumpEpoch(tx);
  }

  /**
   * The backend type that `type` names, and the mount's options with those that the name implies. Throws `LogicalError`
   * for an unknown type and for options that the type cannot serve.
   */
  resolveType(type: string, options: ReadonlyMap<string, string>): { type: string; options: Map<string, string> } {
    const alias = this.#aliases.get(type);
    const resolved = { type: alias?.type ?? type, options: new Map([...options, ...(alias?.options ?? [])]) };
    const factory = this.#factories.get(resolved.type);
    if (factory === undefined) {
      throw new LogicalError("invalid_request", `plugin not found in the catalog: ${type}`);
    }
    factory.create(resolved);
    return resolved;
  }

  /** Makes a mount's backend, and lets it write its first rows in `tx`. */
  async initialize(
    tx: Transaction,
    entry: MountEntry,
    world: Pick<RequestContext, "nowMs" | "entropy">,
  ): Promise<void> {
    const mount = present(this.#make(entry), "the type was resolved before the entry was made");
    await mount.backend.initialize?.({ ...world, storage: this.storage(tx, mount), mount: mount.info });
  }

  storage(tx: Transaction, mount: Mount): BarrierView {
    return this.#barrier.view(tx, mount.scope);
  }

  onInvalidation(event: Invalidation): void {
    if (changesEpoch(event)) this.#cache.clear(event.index);
  }

  #load(tx: Transaction): MountTableState {
    const bytes = this.#view(tx).get(TABLE_PATH);
    return bytes === undefined ? EMPTY_MOUNT_TABLE : decodeMountTable(bytes);
  }

  #view(tx: Transaction): BarrierView {
    return this.#barrier.view(tx, SYSTEM_SCOPE);
  }

  #activate(state: MountTableState): MountTable {
    const running = new Map<string, Mount>();
    const byPath = new Map<string, Mount>();
    for (const entry of state.mounts) {
      const known = this.#running.get(entry.uuid);
      const mount = known !== undefined && sameEntry(known.entry, entry) ? known : this.#make(entry);
      if (mount === undefined) continue;
      running.set(entry.uuid, mount);
      byPath.set(entry.path, mount);
    }
    this.#running = running;
    return { state, byPath };
  }

  /** Nothing for a type or an option that this program does not know yet: its requests find no mount, all others are served. */
  #make(entry: MountEntry): Mount | undefined {
    const info = mountInfoOf(entry);
    const factory = this.#factories.get(entry.type);
    if (factory === undefined) return undefined;
    try {
      return { entry, info, backend: factory.create(info), scope: scopeOf(entry.uuid) };
    } catch (error) {
      if (error instanceof LogicalError) return undefined;
      throw error;
    }
  }
}

/** The rows of the mount with this uuid. */
export function scopeOf(uuid: string): Scope {
  return { namespaceId: ROOT_NAMESPACE_ID, mountId: fromHex(uuid.replaceAll("-", "")) };
}

/** Core's first rows: an empty table, and the first epoch. */
export function createMountTable(tx: Transaction, barrier: Barrier): void {
  barrier.view(tx, SYSTEM_SCOPE).put(TABLE_PATH, encodeMountTable(EMPTY_MOUNT_TABLE));
  bumpEpoch(tx);
}

/**
 * The mount that serves `path`, or nothing. No mount lies below another, so of the prefixes of a path at most one is a
 * mount, and the first one found is the longest.
 */
export function findMount(table: MountTable, path: string): Mount | undefined {
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
    const mount = table.byPath.get(path.slice(0, slash + 1));
    if (mount !== undefined) return mount;
  }
  return undefined;
}

function mountInfoOf(entry: MountEntry): MountInfo {
  return {
    path: entry.path,
    type: entry.type,
    accessor: entry.accessor,
    uuid: entry.uuid,
    options: new Map(Object.entries(entry.options)),
    config: {
      defaultLeaseTtlSeconds: entry.defaultLeaseTtlSeconds,
      maxLeaseTtlSeconds: entry.maxLeaseTtlSeconds,
    },
  };
}

function sameEntry(a: MountEntry, b: MountEntry): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whether mounts, policies or the keyring may have changed. */
export function changesEpoch(event: Invalidation): boolean {
  return event.type === "all" || event.keys.some((key) => key.length === 1 && key[0] === KEY_KIND.epoch);
}

/** What requests guard is the row's revision; it has no content. */
function bumpEpoch(tx: Transaction): void {
  tx.put(EPOCH_KEY, 0, new Uint8Array(0));
}
