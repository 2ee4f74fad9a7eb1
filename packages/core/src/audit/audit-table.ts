/**
 * The cluster's audit devices and the headers that are recorded: one row among the server's own. Every worker reads it for
 * its records, and one worker of each node for its devices; a change bumps the epoch, by which all of them hear of it.
 */
import { type DeviceConfig, parseDevice } from "@strongroom/audit";
import type { Barrier, BarrierView } from "@strongroom/barrier";
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";
import type { Invalidation, Transaction } from "@strongroom/storage";
import { StateCache } from "../state-cache.ts";
import { bumpEpoch, changesEpoch, SYSTEM_SCOPE } from "../system-scope.ts";

const PATH = "core/audit";
const VERSION = 1;
const CACHE_KEY = "audit";

interface AuditedHeader {
  /** In lower case. */
  readonly name: string;
  readonly hmac: boolean;
}

export interface AuditTableState {
  readonly devices: readonly DeviceConfig[];
  readonly headers: readonly AuditedHeader[];
}

/** What records depend on. */
export interface AuditSettings extends AuditTableState {
  /** Some device shows accessors. */
  readonly clearAccessors: boolean;
}

const EMPTY: AuditTableState = { devices: [], headers: [] };

export class AuditTable {
  readonly #barrier: Barrier;
  readonly #cache = new StateCache<AuditSettings>(1);
  #latest: AuditSettings = settingsOf(EMPTY);

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  /** As of the transaction's state. */
  settings(tx: Transaction): AuditSettings {
    let settings = this.#cache.get(CACHE_KEY, tx.appliedIndex);
    if (settings === undefined) {
      settings = settingsOf(this.#load(tx));
      this.#cache.fill(CACHE_KEY, tx.appliedIndex, settings);
      this.#latest = settings;
    }
    return settings;
  }

  /** As last read, for what comes to no state: a refusal at the door. */
  get latest(): AuditSettings {
    return this.#latest;
  }

  change(tx: Transaction, change: (state: AuditTableState) => AuditTableState): void {
    const { devices, headers } = change(this.#load(tx));
    this.#rows(tx).put(PATH, utf8(JSON.stringify({ version: VERSION, devices, headers })));
    bumpEpoch(tx);
  }

  onInvalidation(event: Invalidation): void {
    if (changesEpoch(event)) this.#cache.clear(event.index);
  }

  #load(tx: Transaction): AuditTableState {
    const bytes = this.#rows(tx).get(PATH);
    if (bytes === undefined) return EMPTY;
    // The bytes come out of the barrier, so they are what some version of this program wrote.
    const { version, devices, headers } = JSON.parse(fromUtf8(bytes)) as AuditTableState & { version: number };
    assert(version === VERSION, `the audit table has version ${version}, this program knows ${VERSION}`);
    return { devices, headers };
  }

  #rows(tx: Transaction): BarrierView {
    return this.#barrier.view(tx, SYSTEM_SCOPE);
  }
}

function settingsOf(state: AuditTableState): AuditSettings {
  return { ...state, clearAccessors: state.devices.some(showsAccessors) };
}

function showsAccessors({ type, options }: DeviceConfig): boolean {
  try {
    return !parseDevice(type, options).hmacAccessor;
  } catch {
    // A device that this version does not know gets what the others get.
    return false;
  }
}
