/**
 * Values read from replicated rows, kept until the row changes. No time is involved: the store's stream of invalidations
 * ends an entry, and the index of the snapshot that an entry was filled from says which snapshots it may be shown to. An
 * entry filled from a snapshot that is older than the last change of its kind would be stale at birth and is not kept.
 */
import { mapKey } from "@strongroom/storage";

export class StateCache<V> {
  readonly #capacity: number;
  /** By `mapKey`. */
  readonly #entries = new Map<string, { readonly value: V; readonly filledAt: number }>();
  /** How many entries have a key that ends so: most rows that change are not kept here, and telling so takes no string. */
  readonly #endings = new Map<number, number>();
  #changedAt = 0;

  /** Holds at most `capacity` entries; the one filled first goes first. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** What a snapshot at `appliedIndex` may be told; an older snapshot than the entry's has to read for itself. */
  get(key: string, appliedIndex: number): V | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.filledAt <= appliedIndex ? entry.value : undefined;
  }

  fill(key: string, appliedIndex: number, value: V): void {
    if (appliedIndex < this.#changedAt) return;
    const oldest = this.#entries.keys().next();
    if (this.#entries.size >= this.#capacity && oldest.done !== true) this.#remove(oldest.value);
    if (!this.#entries.has(key)) this.#count(endingOf(key), 1);
    this.#entries.set(key, { value, filledAt: appliedIndex });
  }

  /** The row `key` was written at `index`. */
  invalidate(key: Uint8Array, index: number): void {
    this.#changedAt = Math.max(this.#changedAt, index);
    if (this.#endings.has(endingOfBytes(key))) this.#remove(mapKey(key));
  }

  clear(index: number): void {
    this.#changedAt = Math.max(this.#changedAt, index);
    this.#entries.clear();
    this.#endings.clear();
  }

  #remove(key: string): void {
    if (this.#entries.delete(key)) this.#count(endingOf(key), -1);
  }

  #count(ending: number, more: number): void {
    const count = (this.#endings.get(ending) ?? 0) + more;
    if (count === 0) this.#endings.delete(ending);
    else this.#endings.set(ending, count);
  }
}

/** The last four bytes; those that are not there count as zero. */
function endingOf(key: string): number {
  const end = key.length;
  return (
    key.charCodeAt(end - 1) |
    (key.charCodeAt(end - 2) << 8) |
    (key.charCodeAt(end - 3) << 16) |
    (key.charCodeAt(end - 4) << 24)
  );
}

function endingOfBytes(key: Uint8Array): number {
  const end = key.length;
  const at = (i: number): number => key[i] ?? 0;
  return at(end - 1) | (at(end - 2) << 8) | (at(end - 3) << 16) | (at(end - 4) << 24);
}
