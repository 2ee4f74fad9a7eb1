/**
 * The mount table: read by every request, changed by few. Its row lies under the system's own mount id; each change bumps
 * the epoch row in the same command, and each writing request guards the epoch, so that no write lands in a mount that was
 * taken away under it.
 */
import type { Barrier, BarrierView, DecodedRow, Scope } from "@strongroom/barrier";
import {
  type Backend,
  type BackendFactory,
  LogicalError,
  type MountInfo,
  type RequestContext,
} from "@strongroom/logical";
import { fromHex, fromUtf8, present, utf8 } from "@strongroom/runtime";
import { type Invalidation, KEY_KIND, type Revision, type Transaction } from "@strongroom/storage";
import {
  builtInMount,
  CUBBYHOLE_MOUNT,
  decodeMountTable,
  EMPTY_MOUNT_TABLE,
  encodeMountTable,
  isAuthMount,
  type MountEntry,
  type MountTableState,
  SYSTEM_MOUNT,
  TOKEN_MOUNT,
} from "./mount-entry.ts";
import { StateCache } from "./state-cache.ts";
import { bumpEpoch, changesEpoch, ROOT_NAMESPACE_ID, SYSTEM_SCOPE } from "./system-scope.ts";
import type { Bearer } from "./token/authenticator.ts";
import { cubbyholeScope } from "./token/token-keys.ts";
import { SYSTEM_LEASE_TTL_SECONDS } from "./ttl.ts";

const TABLE_PATH = "core/mounts";
const MOVES_PATH = "core/mount-moves";
const MOVES_KEPT = 100;
const CACHE_KEY = "mounts";
/** Of at most `MAX_DECODED_BYTES` each. */
const DECODED_ROWS = 8192;

/** One that was done. */
export interface MountMove {
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

/** A mount as the table has it and as its requests see it. */
export interface MountView {
  readonly entry: MountEntry;
  readonly info: MountInfo;
}

/** A mount that can serve. */
export interface Mount extends MountView {
  readonly backend: Backend;
  readonly scope: Scope;
}

/** The table of one state, ready for routing. */
export interface MountTable {
  readonly state: MountTableState;
  readonly byPath: ReadonlyMap<string, Mount>;
  /** Those that are closing too: their leases are still to be revoked. */
  readonly byUuid: ReadonlyMap<string, Mount>;
  /** Of those that are there, not closing. */
  readonly uuids: ReadonlySet<string>;
  /** What core serves itself, with what was said of it. */
  readonly system: MountView;
  readonly token: MountView;
}

/** What mounts have that say nothing else. */
export interface SystemTtls {
  readonly defaultLeaseTtlSeconds: number;
  readonly maxLeaseTtlSeconds: number;
}

const DEFAULT_TTLS: SystemTtls = {
  defaultLeaseTtlSeconds: SYSTEM_LEASE_TTL_SECONDS,
  maxLeaseTtlSeconds: SYSTEM_LEASE_TTL_SECONDS,
};

export class Mounts {
  readonly #barrier: Barrier;
  readonly #systemTtls: SystemTtls;
  readonly #factories = new Map<string, BackendFactory>();
  readonly #aliases = new Map<string, { readonly type: string; readonly options: ReadonlyMap<string, string> }>();
  readonly #cache = new StateCache<{ readonly table: MountTable; readonly epoch: Revision }>(1);
  /** What engines read to decide: metadata, settings, roles. */
  readonly #decodedRows = new StateCache<DecodedRow>(DECODED_ROWS);
  /** By uuid: a mount lives on when the table changes around it. */
  #running = new Map<string, Mount>();

  constructor(barrier: Barrier, factories: readonly BackendFactory[], systemTtls: SystemTtls = DEFAULT_TTLS) {
    this.#barrier = barrier;
    this.#systemTtls = systemTtls;
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
    const view = this.#rows(tx);
    view.put(TABLE_PATH, encodeMountTable(change(this.#load(tx))));
    bumpEpoch(tx);
  }

  /**
   * The backend type that `type` names among those of its category, and the mount's options with those that the name implies.
   * Throws `LogicalError` for an unknown type and for options that the type cannot serve.
   */
  resolveType(
    category: BackendFactory["category"],
    type: string,
    options: ReadonlyMap<string, string>,
  ): { type: string; options: Map<string, string> } {
    const alias = this.#aliases.get(type);
    const resolved = { type: alias?.type ?? type, options: new Map([...options, ...(alias?.options ?? [])]) };
    const factory = this.#factories.get(resolved.type);
    // Each token has one cubbyhole, and it is mounted.
    if (factory === undefined || factory.category !== category || factory.type === CUBBYHOLE_MOUNT.type) {
      throw new LogicalError("invalid_request", `plugin not found in the catalog: ${type}`);
    }
    factory.create(resolved);
    return resolved;
  }

  /** The options that the mount has when it is given these. Throws `LogicalError` where it cannot have them. */
  retuned(entry: MountEntry, options: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
    const factory = this.#factories.get(entry.type);
    const settled = factory?.retune?.(new Map(Object.entries(entry.options)), options) ?? options;
    factory?.create({ type: entry.type, options: settled });
    return settled;
  }

  /** What clients are shown of a mount: without the options that its engine has for itself. */
  shown(entry: MountEntry): MountEntry {
    const own = this.#factories.get(entry.type)?.ownOptions;
    if (own === undefined) return entry;
    return { ...entry, options: Object.fromEntries(Object.entries(entry.options).filter(([name]) => !own.has(name))) };
  }

  /** The last moves of mounts, newest first. */
  moves(tx: Transaction): readonly MountMove[] {
    const bytes = this.#rows(tx).get(MOVES_PATH);
    return bytes === undefined ? [] : (JSON.parse(fromUtf8(bytes)) as MountMove[]);
  }

  recordMove(tx: Transaction, move: MountMove): void {
    const moves = [move, ...this.moves(tx)].slice(0, MOVES_KEPT);
    this.#rows(tx).put(MOVES_PATH, utf8(JSON.stringify(moves)));
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

  /** Throws `LogicalError` where the mount's storage is the bearer's own, and there is none. */
  storage(tx: Transaction, mount: Mount, bearer?: Bearer): BarrierView {
    if (mount.entry.type !== CUBBYHOLE_MOUNT.type) return this.#barrier.view(tx, mount.scope, this.#decodedRows);
    if (bearer === undefined || bearer.entry.type === "batch") {
      throw new LogicalError("invalid_request", 'cubbyhole operations are only supported by "service" type tokens');
    }
    return this.#barrier.view(tx, cubbyholeScope(bearer.hash));
  }

  onInvalidation(event: Invalidation): void {
    if (changesEpoch(event)) this.#cache.clear(event.index);
    if (event.type === "all") this.#decodedRows.clear(event.index);
    else for (const key of event.keys) if (key[0] === KEY_KIND.barrier) this.#decodedRows.invalidate(key, event.index);
  }

  #load(tx: Transaction): MountTableState {
    const bytes = this.#rows(tx).get(TABLE_PATH);
    return bytes === undefined ? EMPTY_MOUNT_TABLE : decodeMountTable(bytes);
  }

  #rows(tx: Transaction): BarrierView {
    return this.#barrier.view(tx, SYSTEM_SCOPE);
  }

  #activate(state: MountTableState): MountTable {
    const running = new Map<string, Mount>();
    const byPath = new Map<string, Mount>();
    for (const entry of [CUBBYHOLE_MOUNT, ...state.mounts, ...state.closing]) {
      const mount = this.#make(entry, this.#running.get(entry.uuid));
      if (mount !== undefined) running.set(entry.uuid, mount);
    }
    for (const { path, uuid } of [CUBBYHOLE_MOUNT, ...state.mounts]) {
      const mount = running.get(uuid);
      if (mount !== undefined) byPath.set(path, mount);
    }
    this.#running = running;
    const builtIn = (mount: MountEntry): MountView => this.#view(builtInMount(state, mount));
    const uuids = new Set(state.mounts.map(({ uuid }) => uuid));
    return { state, byPath, byUuid: running, uuids, system: builtIn(SYSTEM_MOUNT), token: builtIn(TOKEN_MOUNT) };
  }

  /** Nothing for a type or an option that this program does not know yet: its requests find no mount, all others are served. */
  #make(entry: MountEntry, known?: Mount): Mount | undefined {
    const { info } = this.#view(entry);
    if (known !== undefined && sameBackend(known.entry, entry)) return { ...known, entry, info };
    const factory = this.#factories.get(entry.type);
    if (factory === undefined) return undefined;
    try {
      return { entry, info, backend: factory.create(info), scope: scopeOf(entry.uuid) };
    } catch (error) {
      if (error instanceof LogicalError) return undefined;
      throw error;
    }
  }

  #view(entry: MountEntry): MountView {
    return { entry, info: mountInfoOf(entry, this.#systemTtls) };
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

function mountInfoOf(entry: MountEntry, system: SystemTtls): MountInfo {
  const maxLeaseTtlSeconds = entry.maxLeaseTtlSeconds || system.maxLeaseTtlSeconds;
  const defaultLeaseTtlSeconds = entry.defaultLeaseTtlSeconds || system.defaultLeaseTtlSeconds;
  return {
    path: entry.path,
    type: entry.type,
    accessor: entry.accessor,
    uuid: entry.uuid,
    options: new Map(Object.entries(entry.options)),
    config: {
      defaultLeaseTtlSeconds: Math.min(defaultLeaseTtlSeconds, maxLeaseTtlSeconds),
      maxLeaseTtlSeconds,
      ...(isAuthMount(entry) ? { tokenType: entry.tokenType, userLockout: entry.userLockout } : {}),
    },
  };
}

/** Backends are made from these alone; what else is said of a mount reaches them with each request. */
function sameBackend(a: MountEntry, b: MountEntry): boolean {
  return a.type === b.type && JSON.stringify(a.options) === JSON.stringify(b.options);
}
