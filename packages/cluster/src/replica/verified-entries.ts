/**
 * What this process has judged itself on the way into its log, for the way out of it: the commands of an entry, read and
 * found to bear the right MACs. It is remembered by the very bytes, as an object, that were judged: whoever holds other
 * bytes, be they equal, is told nothing and judges them anew. So is what a sealed node stored, or a log that was recovered.
 */
import type { Entry } from "@strongroom/raft";
import type { VerifiedEntry } from "../state/types.ts";

export class VerifiedEntries {
  /** By an entry's data: what never gets applied is forgotten along with its bytes. */
  readonly #byData = new WeakMap<Uint8Array, VerifiedEntry>();

  note(entry: Entry, verified: VerifiedEntry): void {
    this.#byData.set(entry.data, verified);
  }

  /** Tells once: an entry is applied once, and its bytes stay in memory for longer than what was read from them need to. */
  take(entry: Entry): VerifiedEntry | undefined {
    const verified = this.#byData.get(entry.data);
    this.#byData.delete(entry.data);
    return verified;
  }
}
