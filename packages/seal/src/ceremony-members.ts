/**
 * The members as a collector deals with them: which process speaks for a node in a ceremony, and keys sealed to it. One id
 * has one holder; a second process of the same node gets nothing.
 */

import {
  type CeremonyReply,
  type CeremonyRequest,
  decodeReply,
  encodeRequest,
  type Refusal,
} from "./ceremony-messages.ts";
import { CEREMONY_METHOD, type CeremonyParts } from "./ceremony-parts.ts";
import { SealedMessageError, SecondHolderError } from "./errors.ts";
import { type CeremonyMember, deliveryContext, isProofOf, type MemberProof, sameHolder } from "./member-proof.ts";
import { sealTo } from "./sealed-message.ts";

/** What members are admitted to. */
export interface Ceremony {
  readonly nonce: Uint8Array;
  readonly barrierId: Uint8Array;
  /** Which process speaks for a node, by node id. */
  readonly holders: Map<number, MemberProof>;
}

export class CeremonyMembers {
  readonly #parts: CeremonyParts;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
  }

  /** All but this node. */
  others(): readonly CeremonyMember[] {
    return this.#parts.members().filter(({ nodeId }) => nodeId !== this.#parts.nodeId);
  }

  /** Why `caller` may not speak for the node that it says it is; `undefined` when it may. */
  async admit(ceremony: Ceremony, caller: number, proof: MemberProof): Promise<Refusal | undefined> {
    const member = this.#parts.members().find(({ nodeId }) => nodeId === caller);
    if (member === undefined) return "not-a-member";
    if (caller === this.#parts.nodeId) return this.#secondHolder(caller);
    if (!isProofOf(member, proof, ceremony)) return "malformed";
    const known = ceremony.holders.get(caller);
    if (known !== undefined && !sameHolder(known, proof)) {
      // A copy of its disk, or the node itself, started again since: the one that is found at the member's address counts.
      const found = await this.askForProof(ceremony, member).catch(() => undefined);
      if (found === undefined || !sameHolder(found.proof, proof)) return this.#secondHolder(caller);
    }
    ceremony.holders.set(caller, proof);
    return undefined;
  }

  /** Throws `SealedMessageError` unless the process at the member's address proves to be it. */
  async askForProof(ceremony: Ceremony, member: CeremonyMember): Promise<{ open: boolean; proof: MemberProof }> {
    const { nonce, barrierId } = ceremony;
    const reply = await this.#call(member.nodeId, { type: "prove", nonce, barrierId });
    if (reply.type !== "proof" || !isProofOf(member, reply.proof, ceremony)) throw new SealedMessageError();
    return reply;
  }

  /** Gives `rootKey` to every other member that is sealed (`deliver`), or open (`stage`). Rejects never. */
  async distribute(
    ceremony: Ceremony,
    rootKey: Uint8Array,
    as: "deliver" | "stage",
  ): Promise<{ given: number[]; failed: number[] }> {
    const given: number[] = [];
    const failed: number[] = [];
    await Promise.all(
      this.others().map(async (member) => {
        try {
          await this.#give(ceremony, member, rootKey, as);
          given.push(member.nodeId);
        } catch (error) {
          failed.push(member.nodeId);
          this.#parts.logger.warn("a member was not given the root key; give it shares once it can be reached", {
            node: member.nodeId,
            cause: String(error),
          });
        }
      }),
    );
    const ascending = (a: number, b: number): number => a - b;
    return { given: given.sort(ascending), failed: failed.sort(ascending) };
  }

  async #give(ceremony: Ceremony, member: CeremonyMember, rootKey: Uint8Array, as: "deliver" | "stage"): Promise<void> {
    const { nonce, barrierId } = ceremony;
    const { nodeId } = member;
    const { open, proof } = await this.askForProof(ceremony, member);
    const known = ceremony.holders.get(nodeId);
    if (known !== undefined && !sameHolder(known, proof)) throw new SecondHolderError(nodeId);
    ceremony.holders.set(nodeId, proof);
    if (open === (as === "deliver")) return;
    const context = deliveryContext({ barrierId, nonce, nodeId, bootCounter: proof.bootCounter }, as);
    const sealedRootKey = sealTo(
      { recipientPublicKey: proof.publicKey, context, plaintext: rootKey },
      this.#parts.entropy,
    );
    const reply = await this.#call(nodeId, { type: as, nonce, sealedRootKey });
    if (reply.type !== "done") throw new SealedMessageError();
  }

  #secondHolder(nodeId: number): Refusal {
    this.#parts.logger.error("a second process speaks for a node; it gets nothing", { node: nodeId });
    return "second-holder";
  }

  async #call(nodeId: number, request: CeremonyRequest): Promise<CeremonyReply> {
    return decodeReply(await this.#parts.peers.call(nodeId, CEREMONY_METHOD, encodeRequest(request)));
  }
}
