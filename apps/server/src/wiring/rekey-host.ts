/**
 * The node's part in a rekey beside its ceremony: keeps the root key that is about to come, commits the change, and opens the
 * changed keyring with whichever root key fits. A node that applies a rekey without having been told seals itself: it could
 * open nothing that the others write from then on.
 */
import { type Barrier, IntegrityError } from "@strongroom/barrier";
import type { WorkerStore } from "@strongroom/cluster";
import { type Cancel, type Clock, equalBytes, type Logger, present, type Timers } from "@strongroom/runtime";
import { CEREMONY_TTL_MS, CeremonyRefusedError, type RekeyChange } from "@strongroom/seal";
import { EPOCH_KEY, KEYRING_KEY, OutcomeUnknownError, runTransaction, SEAL_RECORD_KEY } from "@strongroom/storage";

const ATTEMPT_MS = 10_000;
const ATTEMPTS = 3;

export interface RekeyHostParts {
  readonly store: WorkerStore;
  readonly barrier: Barrier;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class RekeyHost {
  readonly #parts: RekeyHostParts;
  #next: Uint8Array | undefined;
  #forget: Cancel = () => {};

  constructor(parts: RekeyHostParts) {
    this.#parts = parts;
  }

  /** Keeps a copy of `rootKey` until the keyring has changed, or for as long as a ceremony may last. */
  stage(rootKey: Uint8Array): void {
    this.close();
    this.#next = Uint8Array.from(rootKey);
    this.#forget = this.#parts.timers.after(CEREMONY_TTL_MS, () => this.close());
  }

  /** Opens a changed keyring. Throws `IntegrityError` when neither root key fits: this node was not told of the rekey. */
  refresh(keyringRecord: Uint8Array): void {
    const { barrier } = this.#parts;
    try {
      barrier.refresh(keyringRecord);
    } catch (error) {
      if (!(error instanceof IntegrityError) || this.#next === undefined) throw error;
      barrier.refresh(keyringRecord, this.#next);
      this.close();
    }
  }

  /** As `CeremonyParts.commitRekey`: tried again while it is unknown whether a try took effect, of which one can. */
  async commit(change: RekeyChange): Promise<"committed" | "unknown"> {
    let unknown = false;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        await this.#tryCommit(change);
        return "committed";
      } catch (error) {
        unknown ||= error instanceof OutcomeUnknownError;
        if (!unknown) throw error;
      }
    }
    this.#parts.logger.error("it is not known whether the rekey is in force: keep the old shares and the new ones");
    return "unknown";
  }

  /** Wipes what is kept. Idempotent. */
  close(): void {
    this.#forget();
    this.#next?.fill(0);
    this.#next = undefined;
  }

  async #tryCommit({ rootKey, record, previous }: RekeyChange): Promise<void> {
    const { store, barrier, clock } = this.#parts;
    await runTransaction(
      store,
      (tx) => {
        const current = present(tx.get(SEAL_RECORD_KEY), "a cluster that is open has a seal").value;
        // A try whose outcome was not heard of has taken effect.
        if (equalBytes(current, record)) return;
        if (!equalBytes(current, previous))
          throw new CeremonyRefusedError("the seal was changed by somebody else meanwhile");
        const { value: keyringRecord } = present(tx.get(KEYRING_KEY), "a cluster that is open has a keyring");
        const nowMs = Math.floor(store.logTimeMs());
        tx.put(KEYRING_KEY, 0, barrier.rekey({ keyringRecord, newRootKey: rootKey, nowMs }));
        tx.put(SEAL_RECORD_KEY, 0, record);
        tx.put(EPOCH_KEY, 0, new Uint8Array(0));
      },
      { mode: "write", deadlineMs: clock.monotonicMs() + ATTEMPT_MS },
    );
  }
}
