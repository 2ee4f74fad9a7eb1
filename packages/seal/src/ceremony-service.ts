/**
 * The cluster's unsealing as each node takes part in it. Shares may be given to any nodes, open ones too; all go to one
 * collector, which opens itself and then gives the root key to every member that proves itself. Nothing protects from a
 * collector that was taken over: it sees the shares.
 */

import { CeremonyCollector } from "./ceremony-collector.ts";
import { CeremonyAttendant } from "./ceremony-member.ts";
import {
  type CeremonyCounts,
  type CeremonyReply,
  type CeremonyRequest,
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  type Refusal,
} from "./ceremony-messages.ts";
import { CEREMONY_METHOD, type CeremonyParts } from "./ceremony-parts.ts";
import {
  CeremonyRefusedError,
  CeremonyUnavailableError,
  InvalidShareError,
  NotInitializedError,
  SealedMessageError,
  SecondHolderError,
  UnsealFailedError,
  WrongShareError,
} from "./errors.ts";
import { shareContext } from "./member-proof.ts";
import { sealTo } from "./sealed-message.ts";

export interface CeremonyStatus extends CeremonyCounts {
  /** Of this node. */
  readonly sealed: boolean;
}

export interface ShareOutcome extends CeremonyStatus {
  /** Which of the seal's shares it was, from 0: what an audit record may name. */
  readonly index: number;
  /** It had been given before, and changed nothing. */
  readonly duplicate: boolean;
  /** With this share the ceremony ended, and these members are open now, and those could not be reached. */
  readonly complete: { readonly opened: readonly number[]; readonly failed: readonly number[] } | undefined;
}

/** By whom a ceremony may be cancelled: custodians who signed for it, or somebody whose token the caller has checked. */
export type CancelApproval =
  | { readonly kind: "signatures"; readonly signatures: readonly Uint8Array[] }
  | { readonly kind: "authorized" };

/** A ceremony can end, or the collector change, between two messages; then the request starts over. */
const ATTEMPTS = 3;

export class CeremonyService {
  readonly #parts: CeremonyParts;
  readonly #collector: CeremonyCollector;
  readonly #attendant: CeremonyAttendant;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
    this.#collector = new CeremonyCollector(parts);
    this.#attendant = new CeremonyAttendant(parts);
  }

  /**
   * Gives one share to the cluster. `share` stays the caller's to wipe. Throws `NotInitializedError`, `InvalidShareError`,
   * `WrongShareError`, `UnsealFailedError`, `SecondHolderError` or `CeremonyUnavailableError`.
   */
  async submitShare(share: Uint8Array): Promise<ShareOutcome> {
    const reply = await this.#untilSettled((collector) =>
      collector === this.#parts.nodeId ? this.#collector.takeOwn(share) : this.#forwardShare(collector, share),
    );
    if (reply.type !== "taken" && reply.type !== "complete") throw new SealedMessageError();
    const { counts, index } = reply;
    const complete = reply.type === "complete" ? { opened: reply.opened, failed: reply.failed } : undefined;
    const duplicate = reply.type === "taken" && reply.duplicate;
    return { ...counts, index, duplicate, complete, sealed: !this.#parts.isOpen() };
  }

  /** How far the open ceremony is. Throws `NotInitializedError` or `CeremonyUnavailableError`. */
  async status(): Promise<CeremonyStatus> {
    const reply = await this.#untilSettled(async (collector) => this.#ask(collector, { type: "status" }));
    if (reply.type !== "counts") throw new SealedMessageError();
    return { ...reply.counts, sealed: !this.#parts.isOpen() };
  }

  /** The nonce of the open ceremony, or of a new one, for those who sign. It is a secret among custodians. */
  async nonce(): Promise<Uint8Array> {
    const reply = await this.#untilSettled(async (collector) => this.#ask(collector, { type: "begin" }));
    if (reply.type !== "begun") throw new SealedMessageError();
    return reply.nonce;
  }

  /** Ends the open ceremony and wipes its shares. Throws `CeremonyRefusedError`. */
  async cancel(approval: CancelApproval): Promise<void> {
    const signatures = approval.kind === "signatures" ? approval.signatures : undefined;
    const collector = this.#parts.collector() ?? this.#parts.nodeId;
    const reply = await this.#ask(collector, { type: "cancel", signatures });
    if (reply.type === "refused") throw this.#errorOf(reply.reason);
  }

  /** To be called when another node collects from now on: what was collected here is wiped. */
  collectorChanged(): void {
    if (this.#parts.collector() !== this.#parts.nodeId) this.#collector.close();
  }

  /** Answers another member; `caller` is whom its connection proves it to be. */
  async handle(payload: Uint8Array, caller: number): Promise<Uint8Array> {
    try {
      return encodeReply(await this.#answer(decodeRequest(payload), caller));
    } catch (error) {
      if (error instanceof SealedMessageError) return encodeReply({ type: "refused", reason: "malformed" });
      throw error;
    }
  }

  /** Wipes all shares and keys. Idempotent. */
  close(): void {
    this.#collector.close();
    this.#attendant.close();
  }

  async #answer(request: CeremonyRequest, caller: number): Promise<CeremonyReply> {
    switch (request.type) {
      case "prove":
        return {
          type: "proof",
          open: this.#parts.isOpen(),
          proof: this.#attendant.prove(request.nonce, request.barrierId),
        };
      case "deliver":
        return this.#attendant.receive(request.nonce, request.sealedRootKey);
      case "begin":
      case "status":
      case "cancel":
      case "share":
        break;
    }
    if (!this.#parts.members().some(({ nodeId }) => nodeId === caller))
      return { type: "refused", reason: "not-a-member" };
    if (this.#parts.collector() !== this.#parts.nodeId) return { type: "refused", reason: "not-collector" };
    return request.type === "share" ? this.#collector.takeFrom(caller, request) : this.#collectorAnswer(request);
  }

  #collectorAnswer(request: Extract<CeremonyRequest, { type: "begin" | "status" | "cancel" }>): CeremonyReply {
    switch (request.type) {
      case "begin":
        return this.#collector.begin();
      case "status":
        return this.#collector.counts();
      case "cancel":
        return this.#collector.cancel(request.signatures);
    }
  }

  async #forwardShare(collector: number, share: Uint8Array): Promise<CeremonyReply> {
    const begun = await this.#ask(collector, { type: "begin" });
    if (begun.type !== "begun") return begun;
    const { nonce, barrierId, publicKey } = begun;
    const proof = this.#attendant.prove(nonce, barrierId);
    const context = shareContext({ barrierId, nonce, nodeId: this.#parts.nodeId });
    const sealedShare = sealTo({ recipientPublicKey: publicKey, context, plaintext: share }, this.#parts.entropy);
    return this.#ask(collector, { type: "share", nonce, proof, sealedShare });
  }

  async #ask(
    collector: number,
    request: Extract<CeremonyRequest, { type: "begin" | "status" | "cancel" | "share" }>,
  ): Promise<CeremonyReply> {
    if (collector === this.#parts.nodeId && request.type !== "share") return this.#collectorAnswer(request);
    try {
      return decodeReply(await this.#parts.peers.call(collector, CEREMONY_METHOD, encodeRequest(request)));
    } catch (cause) {
      throw new CeremonyUnavailableError(`node ${collector}, which collects the shares, does not answer; try again`, {
        cause,
      });
    }
  }

  async #untilSettled(attempt: (collector: number) => Promise<CeremonyReply>): Promise<CeremonyReply> {
    let reason: Refusal = "not-collector";
    for (let i = 0; i < ATTEMPTS; i++) {
      const reply = await attempt(this.#parts.collector() ?? this.#parts.nodeId);
      if (reply.type !== "refused") return reply;
      reason = reply.reason;
      if (reason !== "not-collector" && reason !== "no-such-ceremony") break;
    }
    throw this.#errorOf(reason);
  }

  #errorOf(reason: Refusal): Error {
    switch (reason) {
      case "not-initialized":
        return new NotInitializedError();
      case "wrong-share":
        return new WrongShareError();
      case "invalid-share":
        return new InvalidShareError(
          "this cannot be a share of this cluster: its length or its last byte is impossible",
        );
      case "unseal-failed":
        return new UnsealFailedError();
      case "second-holder":
        return new SecondHolderError(this.#parts.nodeId);
      case "not-collector":
        return new CeremonyUnavailableError("the cluster is electing a leader; try again");
      case "no-such-ceremony":
        return new CeremonyRefusedError("there is no open ceremony: it ended, was cancelled, or ran out of time");
      case "not-a-member":
        return new CeremonyRefusedError("this node is not a member of the cluster");
      case "not-allowed":
        return new CeremonyRefusedError(
          "cancelling takes the share that started the ceremony, as many shares as the threshold says, or a sudo token",
        );
      case "malformed":
        return new SealedMessageError();
    }
  }
}
