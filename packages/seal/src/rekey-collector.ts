/**
 * The collector's side of a rekey: shares of today's seal approve it, a new unseal key wraps a new root key, and one command
 * brings both and a keyring under the new root key into force. When the rekey is verified, that happens only after enough of
 * the new shares were given back; until then today's shares stay the only ones that count, whatever happens to this node.
 *
 * What is lost if this node dies: before the commit nothing but the rekey itself, after it nothing.
 */
import { assert, type Cancel, concatBytes, equalBytes, SecretBytes } from "@strongroom/runtime";
import { type Ceremony, CeremonyMembers } from "./ceremony-members.ts";
import type { CeremonyReply, Refusal, RekeyOutcome, RekeyPhase, RekeyStatus } from "./ceremony-messages.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import { InvalidShareError, SealedMessageError } from "./errors.ts";
import { type MemberProof, newSharesContext, shareContext } from "./member-proof.ts";
import { decodeSealRecord } from "./seal-record.ts";
import { createEphemeralKey, type EphemeralKey, openSealed, sealTo } from "./sealed-message.ts";
import type { SealConfig } from "./shamir.ts";
import { createShamirSeal } from "./shamir-seal.ts";
import { CEREMONY_TTL_MS, UnsealCeremony } from "./unseal-ceremony.ts";

const ROOT_KEY_BYTES = 32;
const NOTHING: Uint8Array = new Uint8Array(0);
const NONE: RekeyStatus = {
  nonce: NOTHING,
  shares: 0,
  threshold: 0,
  progress: 0,
  required: 0,
  verify: false,
  verificationNonce: NOTHING,
  verificationProgress: 0,
};

/** A new seal that is not in force yet. */
interface NextSeal {
  readonly rootKey: SecretBytes;
  readonly record: Uint8Array;
  /** Collects shares of it. */
  readonly verification: UnsealCeremony;
}

interface OpenRekey extends Ceremony {
  readonly config: SealConfig;
  readonly verify: boolean;
  readonly approval: UnsealCeremony;
  /** What shares are sealed to. */
  readonly key: EphemeralKey;
  /** Of the seal that is to be replaced. */
  readonly recordBytes: Uint8Array;
  next: NextSeal | undefined;
  /** A step that takes time is under way, and no further share is taken. */
  busy: boolean;
}

/** What a share led to; `shares` are the new ones, just made, which the caller wipes. */
export type RekeyStep =
  | {
      readonly type: "taken";
      readonly status: RekeyStatus;
      readonly outcome: RekeyOutcome;
      readonly shares: readonly SecretBytes[];
    }
  | { readonly type: "refused"; readonly reason: Refusal };

export class RekeyCollector {
  readonly #parts: CeremonyParts;
  readonly #members: CeremonyMembers;
  #current: OpenRekey | undefined;
  #expiry: Cancel = () => {};

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
    this.#members = new CeremonyMembers(parts);
  }

  /** Throws `SealConfigError`. */
  begin(config: SealConfig, verify: boolean): CeremonyReply {
    const { entropy, clock } = this.#parts;
    if (this.#live() !== undefined) return { type: "refused", reason: "rekey-under-way" };
    if (!this.#parts.isOpen()) return { type: "refused", reason: "sealed" };
    const recordBytes = this.#parts.sealRecord()?.slice();
    if (recordBytes === undefined) return { type: "refused", reason: "not-initialized" };
    const record = decodeSealRecord(recordBytes);
    const approval = UnsealCeremony.begin({ record, entropy, nowMs: clock.monotonicMs() });
    const { nonce } = approval;
    const key = createEphemeralKey(entropy);
    const { barrierId } = record;
    const rest = { barrierId, holders: new Map(), next: undefined, busy: false };
    this.#current = { nonce, config, verify, approval, key, recordBytes, ...rest };
    this.#expireAt(approval.expiresAtMs);
    this.#parts.logger.info("a rekey was started", { ...config, verify });
    return { type: "rekey", status: this.#statusOf(this.#current) };
  }

  status(): CeremonyReply {
    const current = this.#live();
    return { type: "rekey", status: current === undefined ? NONE : this.#statusOf(current) };
  }

  cancel(): CeremonyReply {
    const current = this.#live();
    if (current === undefined || current.busy) return { type: "refused", reason: "no-such-ceremony" };
    this.close();
    this.#parts.logger.info("the rekey was cancelled; today's shares stay the right ones");
    return { type: "done" };
  }

  shareKey(): CeremonyReply {
    const current = this.#live();
    if (current === undefined) return { type: "refused", reason: "no-such-ceremony" };
    const { nonce, barrierId, key } = current;
    return { type: "begun", nonce, barrierId, publicKey: key.publicKey };
  }

  /** A share that was given to this node itself. `nonce` names the phase, as the status does. */
  async takeOwn(phase: RekeyPhase, nonce: Uint8Array, share: Uint8Array): Promise<RekeyStep> {
    const current = this.#live();
    if (current === undefined || !equalBytes(nonceOf(current, phase), nonce)) return refused("no-such-ceremony");
    return this.#take(current, phase, share);
  }

  /** A share that was given to another member. */
  async takeFrom(
    caller: number,
    request: { phase: RekeyPhase; nonce: Uint8Array; proof: MemberProof; sealedShare: Uint8Array },
  ): Promise<CeremonyReply> {
    const { phase, nonce, proof, sealedShare } = request;
    const current = this.#live();
    if (current === undefined || !equalBytes(nonceOf(current, phase), nonce)) return refused("no-such-ceremony");
    const refusal = await this.#members.admit(current, caller, proof);
    if (refusal !== undefined) return refused(refusal);
    const bound = { barrierId: current.barrierId, nonce: current.nonce, nodeId: caller };
    let share: Uint8Array | undefined;
    try {
      share = openSealed({ recipient: current.key, context: shareContext(bound), sealed: sealedShare });
      const step = await this.#take(current, phase, share);
      if (step.type === "refused") return step;
      const sealedShares = this.#sealShares(step.shares, {
        recipientPublicKey: proof.publicKey,
        context: newSharesContext(bound),
      });
      return { type: "rekey-taken", status: step.status, outcome: step.outcome, sealedShares };
    } catch (error) {
      if (error instanceof SealedMessageError) return refused("malformed");
      throw error;
    } finally {
      share?.fill(0);
    }
  }

  /** Wipes what was collected and made. Idempotent. */
  close(): void {
    this.#expiry();
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined && !current.busy) wipe(current);
  }

  async #take(current: OpenRekey, phase: RekeyPhase, share: Uint8Array): Promise<RekeyStep> {
    const collecting = phase === "approve" ? current.approval : current.next?.verification;
    if (collecting === undefined || current.busy || (phase === "approve" && current.next !== undefined)) {
      return refused("no-such-ceremony");
    }
    const result = this.#add(collecting, share);
    switch (result.type) {
      case "invalid-share":
      case "wrong-share":
        return refused(result.type);
      case "closed":
      case "surplus":
        return refused("no-such-ceremony");
      case "duplicate":
        return this.#taken(current, "collecting");
      case "accepted":
        this.#expireAt(collecting.expiresAtMs);
        if (!result.ready) return this.#taken(current, "collecting");
        return phase === "approve" ? this.#make(current) : this.#verified(current);
    }
  }

  #add(
    ceremony: UnsealCeremony,
    share: Uint8Array,
  ): ReturnType<UnsealCeremony["addShare"]> | { readonly type: "invalid-share" } {
    try {
      return ceremony.addShare(share, this.#parts.clock.monotonicMs());
    } catch (error) {
      if (error instanceof InvalidShareError) return { type: "invalid-share" };
      throw error;
    }
  }

  /** The threshold is proven by opening today's root key; then the new seal is made. */
  async #make(current: OpenRekey): Promise<RekeyStep> {
    const { keyWrap, entropy, clock } = this.#parts;
    const { barrierId } = current;
    current.busy = true;
    try {
      (await current.approval.complete(keyWrap)).wipe();
      const rootKey = entropy.bytes(ROOT_KEY_BYTES);
      const generation = decodeSealRecord(current.recordBytes).generation + 1;
      const { record, shares } = await createShamirSeal(
        { ...current.config, barrierId, generation, rootKey },
        { keyWrap, entropy },
      );
      const verification = UnsealCeremony.begin({
        record: decodeSealRecord(record),
        entropy,
        nowMs: clock.monotonicMs(),
      });
      current.next = { rootKey: new SecretBytes(rootKey), record, verification };
      if (!current.verify) return await this.#commit(current, shares);
      this.#settle(current);
      this.#expireAt(verification.expiresAtMs);
      return { type: "taken", status: this.#statusOf(current), outcome: "made", shares };
    } catch (error) {
      this.#fail(current, error);
      return refused("unseal-failed");
    }
  }

  /** The new shares open the new root key: those who hold them can be relied on. */
  async #verified(current: OpenRekey): Promise<RekeyStep> {
    current.busy = true;
    try {
      (await current.next?.verification.complete(this.#parts.keyWrap))?.wipe();
    } catch (error) {
      this.#fail(current, error);
      return refused("unseal-failed");
    }
    return this.#commit(current, []);
  }

  /** Gives the new root key to every open member first: one that applies the change without it has to seal itself. */
  async #commit(current: OpenRekey, shares: readonly SecretBytes[]): Promise<RekeyStep> {
    const { next } = current;
    assert(next !== undefined, "what is committed was made");
    current.busy = true;
    try {
      const rootKey = next.rootKey.expose();
      this.#parts.stageRootKey(rootKey);
      const { failed } = await this.#members.distribute(current, rootKey, "stage");
      const outcome = await this.#parts.commitRekey({ rootKey, record: next.record, previous: current.recordBytes });
      this.#parts.logger.info("the cluster was rekeyed", { ...current.config, outcome, notReached: failed.join(" ") });
      return { type: "taken", status: this.#statusOf(current), outcome, shares };
    } catch (error) {
      for (const share of shares) share.wipe();
      this.#parts.logger.error("the rekey was not committed; today's shares stay the right ones", {
        cause: String(error),
      });
      return refused("not-committed");
    } finally {
      this.#settle(current);
      if (this.#current === current) this.close();
    }
  }

  #fail(current: OpenRekey, error: unknown): void {
    this.#settle(current);
    if (this.#current === current) this.close();
    this.#parts.logger.error("the rekey came to nothing; today's shares stay the right ones", { cause: String(error) });
  }

  /** What was closed while a step was under way is wiped when the step is over. */
  #settle(current: OpenRekey): void {
    current.busy = false;
    if (this.#current !== current) wipe(current);
  }

  #taken(current: OpenRekey, outcome: RekeyOutcome): RekeyStep {
    return { type: "taken", status: this.#statusOf(current), outcome, shares: [] };
  }

  #statusOf({ nonce, config, verify, approval, next }: OpenRekey): RekeyStatus {
    return {
      nonce,
      shares: config.shares,
      threshold: config.threshold,
      progress: approval.progress,
      required: approval.record.threshold,
      verify,
      verificationNonce: next === undefined ? NOTHING : next.verification.nonce,
      verificationProgress: next?.verification.progress ?? 0,
    };
  }

  #sealShares(shares: readonly SecretBytes[], to: { recipientPublicKey: Uint8Array; context: Uint8Array }): Uint8Array {
    if (shares.length === 0) return NOTHING;
    const plaintext = concatBytes(shares.map((share) => share.expose()));
    for (const share of shares) share.wipe();
    const sealed = sealTo({ ...to, plaintext }, this.#parts.entropy);
    plaintext.fill(0);
    return sealed;
  }

  /** The rekey under way, unless its time is up or the seal has changed since. */
  #live(): OpenRekey | undefined {
    const current = this.#current;
    if (current === undefined || current.busy) return current;
    const record = this.#parts.sealRecord();
    const stale = record === undefined || !equalBytes(record, current.recordBytes) || !this.#parts.isOpen();
    const collecting = current.next?.verification ?? current.approval;
    if (stale || collecting.isClosed(this.#parts.clock.monotonicMs())) {
      this.close();
      return undefined;
    }
    return current;
  }

  #expireAt(atMs: number): void {
    this.#expiry();
    const delayMs = Math.min(CEREMONY_TTL_MS, Math.max(0, atMs - this.#parts.clock.monotonicMs()));
    this.#expiry = this.#parts.timers.after(delayMs, () => void this.#live());
  }
}

function nonceOf(current: OpenRekey, phase: RekeyPhase): Uint8Array {
  return phase === "approve" ? current.nonce : (current.next?.verification.nonce ?? NOTHING);
}

function wipe({ approval, next }: OpenRekey): void {
  approval.close();
  next?.verification.close();
  next?.rootKey.wipe();
}

function refused(reason: Refusal): { readonly type: "refused"; readonly reason: Refusal } {
  return { type: "refused", reason };
}
