/**
 * The collector's side: shares come in from any member, and when there are enough the root key goes out to all of them.
 * There is one unsealing at a time and every valid share counts towards it, so nobody can displace another's: whoever has
 * no share changes nothing but the nonce.
 */
import { type Cancel, equalBytes, type SecretBytes } from "@strongroom/runtime";
import {
  type CeremonyCounts,
  type CeremonyReply,
  decodeReply,
  encodeRequest,
  type Refusal,
} from "./ceremony-messages.ts";
import { CEREMONY_METHOD, type CeremonyParts } from "./ceremony-parts.ts";
import { InvalidShareError, SealedMessageError, SecondHolderError } from "./errors.ts";
import {
  type CeremonyMember,
  deliveryContext,
  isProofOf,
  type MemberProof,
  sameHolder,
  shareContext,
} from "./member-proof.ts";
import { decodeSealRecord } from "./seal-record.ts";
import { createEphemeralKey, type EphemeralKey, openSealed, sealTo } from "./sealed-message.ts";
import { CEREMONY_TTL_MS, UnsealCeremony } from "./unseal-ceremony.ts";

interface OpenCeremony {
  readonly ceremony: UnsealCeremony;
  /** What shares are sealed to. */
  readonly key: EphemeralKey;
  /** Of the record that it was begun under; a rekey ends it. */
  readonly recordBytes: Uint8Array;
  /** Which process speaks for a node, by node id. */
  readonly holders: Map<number, MemberProof>;
  /** From the share on that made it complete. */
  completion: Promise<CeremonyReply> | undefined;
}

export class CeremonyCollector {
  readonly #parts: CeremonyParts;
  #current: OpenCeremony | undefined;
  #expiry: Cancel = () => {};

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
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
    const refusal = await this.#admit(current, caller, proof);
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
      if (!this.#parts.isOpen()) await this.#parts.onOpened(rootKey.expose());
      const { opened, failed } = await this.#distribute(current, rootKey.expose());
      return { type: "complete", counts, index, opened: [this.#parts.nodeId, ...opened], failed };
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

  /** Then a share is good for nothing, and is not kept. A member that does not answer may be sealed. */
  async #nobodyIsSealed(current: OpenCeremony): Promise<boolean> {
    if (!this.#parts.isOpen()) return false;
    const asked = this.#others().map(async (member) => (await this.#askForProof(current, member)).open);
    const answers = await Promise.allSettled(asked);
    return answers.every((answer) => answer.status === "fulfilled" && answer.value);
  }

  #closeIfCurrent(current: OpenCeremony): void {
    if (this.#current === current) this.close();
    else current.ceremony.close();
  }

  #others(): readonly CeremonyMember[] {
    return this.#parts.members().filter(({ nodeId }) => nodeId !== this.#parts.nodeId);
  }

  async #distribute(current: OpenCeremony, rootKey: Uint8Array): Promise<{ opened: number[]; failed: number[] }> {
    const opened: number[] = [];
    const failed: number[] = [];
    await Promise.all(
      this.#others().map(async (member) => {
        try {
          await this.#deliver(current, member, rootKey);
          opened.push(member.nodeId);
        } catch (error) {
          failed.push(member.nodeId);
          this.#parts.logger.warn("a member was not opened; give it shares once it can be reached", {
            node: member.nodeId,
            cause: String(error),
          });
        }
      }),
    );
    const ascending = (a: number, b: number): number => a - b;
    return { opened: opened.sort(ascending), failed: failed.sort(ascending) };
  }

  async #deliver(current: OpenCeremony, member: CeremonyMember, rootKey: Uint8Array): Promise<void> {
    const { nonce, record } = current.ceremony;
    const { barrierId } = record;
    const { open, proof } = await this.#askForProof(current, member);
    const known = current.holders.get(member.nodeId);
    if (known !== undefined && !sameHolder(known, proof)) throw new SecondHolderError(member.nodeId);
    current.holders.set(member.nodeId, proof);
    if (open) return;
    const context = deliveryContext({ barrierId, nonce, nodeId: member.nodeId, bootCounter: proof.bootCounter });
    const sealedRootKey = sealTo(
      { recipientPublicKey: proof.publicKey, context, plaintext: rootKey },
      this.#parts.entropy,
    );
    const reply = await this.#call(member.nodeId, { type: "deliver", nonce, sealedRootKey });
    if (reply.type !== "done") throw new SealedMessageError();
  }

  /** Why `caller` may not speak for the node that it says it is; `undefined` when it may. */
  async #admit(current: OpenCeremony, caller: number, proof: MemberProof): Promise<Refusal | undefined> {
    const { nonce, record } = current.ceremony;
    const member = this.#parts.members().find(({ nodeId }) => nodeId === caller);
    if (member === undefined) return "not-a-member";
    if (caller === this.#parts.nodeId) return this.#secondHolder(caller);
    if (!isProofOf(member, proof, { barrierId: record.barrierId, nonce })) return "malformed";
    const known = current.holders.get(caller);
    if (known !== undefined && !sameHolder(known, proof)) {
      // A copy of its disk, or the node itself, started again since: the one that is found at the member's address counts.
      const found = await this.#askForProof(current, member).catch(() => undefined);
      if (found === undefined || !sameHolder(found.proof, proof)) return this.#secondHolder(caller);
    }
    current.holders.set(caller, proof);
    return undefined;
  }

  #secondHolder(nodeId: number): Refusal {
    this.#parts.logger.error("a second process speaks for a node; it gets nothing", { node: nodeId });
    return "second-holder";
  }

  async #askForProof(current: OpenCeremony, member: CeremonyMember): Promise<{ open: boolean; proof: MemberProof }> {
    const { nonce, record } = current.ceremony;
    const { barrierId } = record;
    const reply = await this.#call(member.nodeId, { type: "prove", nonce, barrierId });
    if (reply.type !== "proof" || !isProofOf(member, reply.proof, { barrierId, nonce })) throw new SealedMessageError();
    return reply;
  }

  async #call(nodeId: number, request: Parameters<typeof encodeRequest>[0]): Promise<CeremonyReply> {
    return decodeReply(await this.#parts.peers.call(nodeId, CEREMONY_METHOD, encodeRequest(request)));
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
