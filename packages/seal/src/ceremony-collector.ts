/**
 * The collector's side: shares come in from any member, and when there are enough the root key goes out to all of them.
 * There is one unsealing at a time and every valid share counts towards it, so nobody can displace another's: whoever has
 * no share changes nothing but the nonce.
 */
import { type Cancel, equalBytes, type SecretBytes } from "@strongroom/runtime";
import { type Ceremony, CeremonyMembers } from "./ceremony-members.ts";
import { type CeremonyCounts, type CeremonyReply, type Refusal, refusalOf } from "./ceremony-messages.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import { InvalidShareError, SealedMessageError } from "./errors.ts";
import { type MemberProof, shareContext } from "./member-proof.ts";
import { decodeSealRecord } from "./seal-record.ts";
import { createEphemeralKey, type EphemeralKey, openSealed } from "./sealed-message.ts";
import { CEREMONY_TTL_MS, UnsealCeremony } from "./unseal-ceremony.ts";

interface OpenCeremony extends Ceremony {
  readonly ceremony: UnsealCeremony;
  /** What shares are sealed to. */
  readonly key: EphemeralKey;
  /** Of the record that it was begun under; a rekey ends it. */
  readonly recordBytes: Uint8Array;
  /** From the share on that made it complete. */
  completion: Promise<CeremonyReply> | undefined;
}

export class CeremonyCollector {
  readonly #parts: CeremonyParts;
  readonly #members: CeremonyMembers;
  #current: OpenCeremony | undefined;
  #expiry: Cancel = () => {};

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
    this.#members = new CeremonyMembers(parts);
  }

  begin(): CeremonyReply {
    const current = this.#open();
    if (current === undefined) return refused("not-initialized");
    const { ceremony, key } = current;
    return { type: "begun", nonce: ceremony.nonce, barrierId: ceremony.record.barrierId, publicKey: key.publicKey };
  }

  counts(): CeremonyReply {
    const current = this.#live();
    if (current !== undefined) return { type: "counts", counts: countsOf(current.ceremony) };
    const bytes = this.#parts.sealRecord();
    if (bytes === undefined) return refused("not-initialized");
    const { threshold, shares } = decodeSealRecord(bytes);
    return { type: "counts", counts: { progress: 0, threshold, shares } };
  }

  /** A share that was given to this node itself. */
  async takeOwn(share: Uint8Array): Promise<CeremonyReply> {
    const current = this.#open();
    return current === undefined ? refused("not-initialized") : this.#take(current, share);
  }

  /** A share that was given to another member. */
  async takeFrom(
    caller: number,
    request: { nonce: Uint8Array; proof: MemberProof; sealedShare: Uint8Array },
  ): Promise<CeremonyReply> {
    const { nonce, proof, sealedShare } = request;
    const current = this.#live();
    if (current === undefined || !equalBytes(current.ceremony.nonce, nonce)) return refused("no-such-ceremony");
    const refusal = await this.#members.admit(current, caller, proof);
    if (refusal !== undefined) return refused(refusal);
    const { barrierId } = current.ceremony.record;
    let share: Uint8Array | undefined;
    try {
      share = openSealed({
        recipient: current.key,
        context: shareContext({ barrierId, nonce, nodeId: caller }),
        sealed: sealedShare,
      });
      return await this.#take(current, share);
    } catch (error) {
      if (error instanceof SealedMessageError) return refused("malformed");
      throw error;
    } finally {
      share?.fill(0);
    }
  }

  /** Without `signatures`: allowed by a token that was checked already. */
  cancel(signatures: readonly Uint8Array[] | undefined): CeremonyReply {
    const current = this.#live();
    if (current === undefined || current.completion !== undefined) return refused("no-such-ceremony");
    if (signatures !== undefined && !current.ceremony.mayCancel(signatures)) return refused("not-allowed");
    this.close();
    this.#parts.logger.info("the unsealing was cancelled; its shares are wiped");
    return { type: "done" };
  }

  /** Wipes what was collected. Idempotent. */
  close(): void {
    this.#expiry();
    this.#current?.ceremony.close();
    this.#current = undefined;
  }

  async #take(current: OpenCeremony, share: Uint8Array): Promise<CeremonyReply> {
    const { ceremony } = current;
    const result = this.#add(ceremony, share);
    switch (result.type) {
      case "invalid-share":
      case "wrong-share":
        return refused(result.type);
      case "closed":
        return refused("no-such-ceremony");
      case "duplicate":
        return { type: "taken", counts: countsOf(ceremony), index: result.index, duplicate: true };
      case "surplus": {
        const reply = (await current.completion) ?? refused("no-such-ceremony");
        return reply.type === "complete" ? { ...reply, index: result.index } : reply;
      }
      case "accepted":
        this.#expireAt(ceremony.expiresAtMs);
        if (result.ready) {
          current.completion = this.#complete(current, result.index);
          return current.completion;
        }
        if (result.progress === 1 && (await this.#nobodyIsSealed(current)) && current.completion === undefined) {
          this.#closeIfCurrent(current);
        }
        return { type: "taken", counts: countsOf(ceremony), index: result.index, duplicate: false };
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

  async #complete(current: OpenCeremony, index: number): Promise<CeremonyReply> {
    const counts = countsOf(current.ceremony);
    let rootKey: SecretBytes | undefined;
    try {
      rootKey = await current.ceremony.complete(this.#parts.keyWrap);
      let refusal = await this.#openOwn(rootKey);
      if (refusal === "unseal-failed") return refused(refusal);
      const { given: opened, failed } = await this.#members.distribute(current, rootKey.expose(), "deliver");
      // A member that is open by now may vouch for what this node could not prove by itself.
      if (refusal === "state-unproven" && opened.length > 0) refusal = await this.#openOwn(rootKey);
      const { nodeId } = this.#parts;
      if (refusal === undefined) return { type: "complete", counts, index, opened: [nodeId, ...opened], failed };
      if (opened.length === 0) return refused(refusal);
      return { type: "complete", counts, index, opened, failed: [nodeId, ...failed] };
    } catch (error) {
      this.#parts.logger.error("the shares are right, but this node could not be opened with them", {
        cause: String(error),
      });
      return refused("unseal-failed");
    } finally {
      rootKey?.wipe();
      this.#closeIfCurrent(current);
    }
  }

  /** Why this node could not be opened; undefined if it is open. */
  async #openOwn(rootKey: SecretBytes): Promise<Refusal | undefined> {
    const { isOpen, onOpened, logger } = this.#parts;
    try {
      if (!isOpen()) await onOpened(rootKey.expose());
      return undefined;
    } catch (error) {
      logger.error("the shares are right, but this node could not be opened with them", { cause: String(error) });
      return refusalOf(error);
    }
  }

  /** Then a share is good for nothing, and is not kept. A member that does not answer may be sealed. */
  async #nobodyIsSealed(current: OpenCeremony): Promise<boolean> {
    if (!this.#parts.isOpen()) return false;
    const asked = this.#members.others().map(async (member) => (await this.#members.askForProof(current, member)).open);
    const answers = await Promise.allSettled(asked);
    return answers.every((answer) => answer.status === "fulfilled" && answer.value);
  }

  #closeIfCurrent(current: OpenCeremony): void {
    if (this.#current === current) this.close();
    else current.ceremony.close();
  }

  /** The ceremony that is open, unless its time is up or the seal has changed since. */
  #live(): OpenCeremony | undefined {
    const current = this.#current;
    if (current === undefined) return undefined;
    const record = this.#parts.sealRecord();
    const stale = record === undefined || !equalBytes(record, current.recordBytes);
    if (stale || current.ceremony.isClosed(this.#parts.clock.monotonicMs())) {
      this.close();
      return undefined;
    }
    return current;
  }

  /** The one that is open, or a new one; `undefined` before init. */
  #open(): OpenCeremony | undefined {
    const live = this.#live();
    if (live !== undefined) return live;
    const bytes = this.#parts.sealRecord();
    if (bytes === undefined) return undefined;
    const recordBytes = bytes.slice();
    const { entropy, clock } = this.#parts;
    const ceremony = UnsealCeremony.begin({
      record: decodeSealRecord(recordBytes),
      entropy,
      nowMs: clock.monotonicMs(),
    });
    this.#current = {
      ceremony,
      nonce: ceremony.nonce,
      barrierId: ceremony.record.barrierId,
      key: createEphemeralKey(entropy),
      recordBytes,
      holders: new Map(),
      completion: undefined,
    };
    this.#expireAt(ceremony.expiresAtMs);
    return this.#current;
  }

  #expireAt(atMs: number): void {
    this.#expiry();
    const delayMs = Math.min(CEREMONY_TTL_MS, Math.max(0, atMs - this.#parts.clock.monotonicMs()));
    this.#expiry = this.#parts.timers.after(delayMs, () => this.#live());
  }
}

function countsOf({ progress, record }: UnsealCeremony): CeremonyCounts {
  return { progress, threshold: record.threshold, shares: record.shares };
}

function refused(reason: Refusal): CeremonyReply {
  return { type: "refused", reason };
}
