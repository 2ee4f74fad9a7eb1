/**
 * One unsealing, where the shares come together. Synchronous but for the last step, which the Shamir library makes
 * asynchronous; knows no clock: the time comes with each call. Shares are copied in and wiped at the end, however it ends.
 */
import { assert, type Entropy, type SecretBytes } from "@strongroom/runtime";
import type { KeyWrap, SealRecord } from "./seal-record.ts";
import { checkShare } from "./shamir.ts";
import { openRootKey } from "./shamir-seal.ts";
import { type CeremonyAction, findCommitment, findSigner } from "./share-commitment.ts";

/** From the first share on; then what was collected is wiped. */
export const CEREMONY_TTL_MS: number = 10 * 60 * 1000;
export const NONCE_BYTES = 16;

export type AddShareResult =
  /** `index`: which of the seal's shares it is, from 0. */
  | { readonly type: "accepted"; readonly index: number; readonly progress: number; readonly ready: boolean }
  | { readonly type: "duplicate"; readonly index: number; readonly progress: number }
  /** A right one, but the threshold is met already; it was not kept. */
  | { readonly type: "surplus"; readonly index: number }
  | { readonly type: "wrong-share" }
  /** Over: completed, cancelled or out of time. */
  | { readonly type: "closed" };

export class UnsealCeremony {
  readonly nonce: Uint8Array;
  readonly record: SealRecord;
  #expiresAtMs: number;
  #state: "collecting" | "completing" | "closed" = "collecting";
  /** By index of the share; the first one is the starter's. */
  readonly #shares = new Map<number, Uint8Array>();

  private constructor(record: SealRecord, nonce: Uint8Array, expiresAtMs: number) {
    this.record = record;
    this.nonce = nonce;
    this.#expiresAtMs = expiresAtMs;
  }

  /** `nowMs` here and below is monotonic. */
  static begin({ record, entropy, nowMs }: { record: SealRecord; entropy: Entropy; nowMs: number }): UnsealCeremony {
    return new UnsealCeremony(record, entropy.bytes(NONCE_BYTES), nowMs + CEREMONY_TTL_MS);
  }

  /** Shares collected; 0 once it is over. */
  get progress(): number {
    return this.#shares.size;
  }

  get expiresAtMs(): number {
    return this.#expiresAtMs;
  }

  /** Closes it when its time is up. */
  isClosed(nowMs: number): boolean {
    if (this.#state === "collecting" && nowMs >= this.#expiresAtMs) this.close();
    return this.#state === "closed";
  }

  /** Throws `InvalidShareError` for what cannot be a share at all. `share` stays the caller's to wipe. */
  addShare(share: Uint8Array, nowMs: number): AddShareResult {
    if (this.isClosed(nowMs)) return { type: "closed" };
    checkShare(share, this.record);
    const index = findCommitment(share, this.record, this.record.commitments);
    if (index === undefined) return { type: "wrong-share" };
    if (this.#state === "completing") return { type: "surplus", index };
    if (this.#shares.has(index)) return { type: "duplicate", index, progress: this.progress };
    if (this.progress === 0) this.#expiresAtMs = nowMs + CEREMONY_TTL_MS;
    this.#shares.set(index, Uint8Array.from(share));
    const ready = this.progress === this.record.threshold;
    if (ready) this.#state = "completing";
    return { type: "accepted", index, progress: this.progress, ready };
  }

  /** The root key; to be called once, when `addShare` said `ready`. Over afterwards. Throws `UnsealFailedError`. */
  async complete(keyWrap: KeyWrap): Promise<SecretBytes> {
    assert(this.#state === "completing" && this.progress > 0, "a ceremony is completed once, with all its shares");
    // Taken out, so that whatever closes the ceremony meanwhile does not wipe them half-way.
    const shares = [...this.#shares.values()];
    this.#shares.clear();
    try {
      return await openRootKey(shares, this.record, keyWrap);
    } finally {
      for (const share of shares) share.fill(0);
      this.close();
    }
  }

  /** What a custodian signs to cancel it. */
  cancelAction(): CeremonyAction {
    const { barrierId, generation } = this.record;
    return { action: "cancel", kind: "unseal", barrierId, generation, nonce: this.nonce };
  }

  /** Whether `signatures` over `cancelAction()` suffice: the starter's, or as many shares' as the threshold says. */
  mayCancel(signatures: readonly Uint8Array[]): boolean {
    if (signatures.length > this.record.shares) return false;
    const action = this.cancelAction();
    const signers = new Set<number>();
    for (const signature of signatures) {
      const signer = findSigner(signature, action, this.record.commitments);
      if (signer !== undefined) signers.add(signer);
    }
    const [starter] = this.#shares.keys();
    return signers.size >= this.record.threshold || (starter !== undefined && signers.has(starter));
  }

  /** Wipes the shares. Idempotent. */
  close(): void {
    for (const share of this.#shares.values()) share.fill(0);
    this.#shares.clear();
    this.#state = "closed";
  }
}
