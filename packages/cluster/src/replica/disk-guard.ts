/**
 * Which disks are low, as far as this node knows: its own, and those whose nodes say so. A leader refuses growth while its own
 * is, and while so many voters' are that the rest would be no majority if they stopped.
 */
export interface DiskGuardParts {
  readonly id: number;
  readonly voters: () => readonly number[];
  /** What another node last said of its disk. */
  readonly isPeerLow: (id: number) => boolean;
}

export class DiskGuard {
  readonly #parts: DiskGuardParts;
  #isLow = false;

  constructor(parts: DiskGuardParts) {
    this.#parts = parts;
  }

  /** Of this node's own disk. */
  get isLow(): boolean {
    return this.#isLow;
  }

  looked(isLow: boolean): void {
    this.#isLow = isLow;
  }

  /** Whether a leader takes no more growth. */
  get refusesGrowth(): boolean {
    const { id, voters, isPeerLow } = this.#parts;
    if (this.#isLow) return true;
    const all = voters();
    const withRoom = all.filter((voter) => voter === id || !isPeerLow(voter));
    return withRoom.length <= all.length / 2;
  }
}
