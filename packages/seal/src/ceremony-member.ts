/** A member's side of a ceremony: it proves itself to the collector and takes the root key that is sealed to it. */
import type { Cancel } from "@strongroom/runtime";
import { equalBytes, toHex } from "@strongroom/runtime";
import { type CeremonyReply, refusalOf } from "./ceremony-messages.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import { SealedMessageError } from "./errors.ts";
import { deliveryContext, type MemberProof, proofMessage } from "./member-proof.ts";
import { BARRIER_ID_BYTES } from "./seal-record.ts";
import { createEphemeralKey, type EphemeralKey, openSealed } from "./sealed-message.ts";
import { CEREMONY_TTL_MS, NONCE_BYTES } from "./unseal-ceremony.ts";

/** More than one only while collectors change. */
const MAX_CEREMONIES = 8;

interface Attendance {
  readonly barrierId: Uint8Array;
  readonly key: EphemeralKey;
  readonly proof: MemberProof;
  readonly forget: Cancel;
}

export class CeremonyAttendant {
  readonly #parts: CeremonyParts;
  /** By nonce. */
  readonly #attended = new Map<string, Attendance>();

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
  }

  /** The same proof each time it is asked for in one ceremony. Throws `SealedMessageError` for what names none. */
  prove(nonce: Uint8Array, barrierId: Uint8Array): MemberProof {
    if (nonce.length !== NONCE_BYTES || barrierId.length !== BARRIER_ID_BYTES) throw new SealedMessageError();
    const name = toHex(nonce);
    const known = this.#attended.get(name);
    if (known !== undefined && equalBytes(known.barrierId, barrierId)) return known.proof;
    const [oldest] = this.#attended.keys();
    if (this.#attended.size >= MAX_CEREMONIES && oldest !== undefined) this.#forget(oldest);
    const key = createEphemeralKey(this.#parts.entropy);
    const { nodeId, bootCounter, sign } = this.#parts;
    const statement = { nodeId, bootCounter, publicKey: key.publicKey };
    const proof = { ...statement, signature: sign(proofMessage({ ...statement, barrierId, nonce })) };
    const forget = this.#parts.timers.after(CEREMONY_TTL_MS, () => this.#forget(name));
    this.#attended.set(name, { barrierId, key, proof, forget });
    return proof;
  }

  /** Takes the root key that was sealed to the key proven: opens this node with it, or keeps it for the rekey to come. */
  async receive(nonce: Uint8Array, sealedRootKey: Uint8Array, as: "deliver" | "stage"): Promise<CeremonyReply> {
    const attended = this.#attended.get(toHex(nonce));
    if (attended === undefined) return { type: "refused", reason: "no-such-ceremony" };
    const { nodeId, bootCounter, logger } = this.#parts;
    const context = deliveryContext({ barrierId: attended.barrierId, nonce, nodeId, bootCounter }, as);
    let rootKey: Uint8Array | undefined;
    try {
      rootKey = openSealed({ recipient: attended.key, context, sealed: sealedRootKey });
      if (as === "stage") {
        this.#parts.stageRootKey(rootKey);
      } else {
        this.#forget(toHex(nonce));
        if (!this.#parts.isOpen()) await this.#parts.onOpened(rootKey);
      }
      return { type: "done" };
    } catch (cause) {
      logger.warn("the root key that another member gave does not open this node", { cause: String(cause) });
      return { type: "refused", reason: refusalOf(cause) };
    } finally {
      rootKey?.fill(0);
    }
  }

  /** What was sealed to the key proven in this ceremony, which the caller wipes. Throws `SealedMessageError`. */
  open(nonce: Uint8Array, context: Uint8Array, sealed: Uint8Array): Uint8Array {
    const attended = this.#attended.get(toHex(nonce));
    if (attended === undefined) throw new SealedMessageError();
    return openSealed({ recipient: attended.key, context, sealed });
  }

  close(): void {
    for (const name of this.#attended.keys()) this.#forget(name);
  }

  #forget(name: string): void {
    this.#attended.get(name)?.forget();
    this.#attended.delete(name);
  }
}
