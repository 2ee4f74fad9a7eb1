/**
 * Values read from replicated rows, kept until the row changes. No time is involved: the store's stream of invalidations
 * ends an entry, and the index of the snapshot that an entry was filled from says which snapshots it may be shown to. An
 * entry filled from a snapshot that is older than the last change of its kind would be stale at birth and is not kept.
 */
export class StateCache<V> {
  readonly #capacity: number;
  readonly #entries = new Map<string, { readonly value: V; readonly filledAt: number }>();
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
    if (this.#entries.size >= this.#capacity && oldest.done !== true) this.#entries.delete(oldest.value);
    this.#entries.set(key, { value, filledAt: appliedIndex });
  }

  /** The row under `key` was written at `index`. */
  invalidate(key: string, index: number): void {
    this.#changedAt = Math.max(this.#changedAt, index);
    this.#entries.delete(key);
  }

  clear(index: number): void {
    this.#changedAt = Math.max(this.#changedAt, index);
    this.#entries.clear();
  }
}
