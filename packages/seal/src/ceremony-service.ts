/**
 * The cluster's unsealing as each node takes part in it. Shares may be given to any nodes, open ones too; all go to one
 * collector, which opens itself and then gives the root key to every member that proves itself. Nothing protects from a
 * collector that was taken over: it sees the shares.
 */
import { SecretBytes } from "@strongroom/runtime";
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
  type RekeyOutcome,
  type RekeyPhase,
  type RekeyStatus,
} from "./ceremony-messages.ts";
import { CEREMONY_METHOD, type CeremonyParts } from "./ceremony-parts.ts";
import {
  CeremonyRefusedError,
  CeremonyUnavailableError,
  InvalidShareError,
  NotInitializedError,
  SealedMessageError,
  SecondHolderError,
  StateUnprovenError,
  StateWrongError,
  UnsealFailedError,
  WrongShareError,
} from "./errors.ts";
import { newSharesContext, shareContext } from "./member-proof.ts";
import { RekeyCollector } from "./rekey-collector.ts";
import { sealTo } from "./sealed-message.ts";
import { checkSealConfig, type SealConfig } from "./shamir.ts";

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

export interface RekeyProgress {
  /** After the share. */
  readonly status: RekeyStatus;
  readonly outcome: RekeyOutcome;
  /** The new seal's shares, when this share was the last that their making took. */
  readonly shares: readonly SecretBytes[];
}

type ShareMessage = Extract<CeremonyRequest, { type: "share" | "rekey-share" }>;
type CollectorQuestion = Exclude<CeremonyRequest, ShareMessage | { type: "prove" | "deliver" | "stage" }>;

/** A ceremony can end, or the collector change, between two messages; then the request starts over. */
const ATTEMPTS = 3;

export class CeremonyService {
  readonly #parts: CeremonyParts;
  readonly #collector: CeremonyCollector;
  readonly #rekeys: RekeyCollector;
  readonly #attendant: CeremonyAttendant;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
    this.#collector = new CeremonyCollector(parts);
    this.#rekeys = new RekeyCollector(parts);
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

  /** Starts a rekey to a seal of `config`; the caller has checked a token. Throws `CeremonyRefusedError`, `SealConfigError`. */
  async beginRekey(config: SealConfig, verify: boolean): Promise<RekeyStatus> {
    checkSealConfig(config);
    return this.#rekeyStatus({ type: "rekey-begin", ...config, verify });
  }

  /** Of the rekey under way, if there is one. */
  rekeyStatus(): Promise<RekeyStatus> {
    return this.#rekeyStatus({ type: "rekey-status" });
  }

  /** Ends the rekey under way; the caller has checked a token. Throws `CeremonyRefusedError` when there is none. */
  async cancelRekey(): Promise<void> {
    await this.#untilSettled((collector) => this.#ask(collector, { type: "rekey-cancel" }));
  }

  /**
   * Gives one share to the rekey that `nonce` names. `share` stays the caller's to wipe, the new shares are the caller's
   * too. Throws as `submitShare`, and `CeremonyRefusedError` when no such rekey is under way.
   */
  async submitRekeyShare(phase: RekeyPhase, nonce: Uint8Array, share: Uint8Array): Promise<RekeyProgress> {
    const collector = this.#parts.collector() ?? this.#parts.nodeId;
    if (collector !== this.#parts.nodeId) return this.#forwardRekeyShare(collector, { phase, nonce, share });
    const step = await this.#rekeys.takeOwn(phase, nonce, share);
    if (step.type === "refused") throw this.#errorOf(step.reason);
    const { status, outcome, shares } = step;
    return { status, outcome, shares };
  }

  /** To be called when another node collects from now on: what was collected here is wiped. */
  collectorChanged(): void {
    if (this.#parts.collector() === this.#parts.nodeId) return;
    this.#collector.close();
    this.#rekeys.close();
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
    this.#rekeys.close();
    this.#attendant.close();
  }

  async #answer(request: CeremonyRequest, caller: number): Promise<CeremonyReply> {
    if (request.type === "prove") {
      const proof = this.#attendant.prove(request.nonce, request.barrierId);
      return { type: "proof", open: this.#parts.isOpen(), proof };
    }
    if (request.type === "deliver" || request.type === "stage") {
      return this.#attendant.receive(request.nonce, request.sealedRootKey, request.type);
    }
    if (!this.#parts.members().some(({ nodeId }) => nodeId === caller))
      return { type: "refused", reason: "not-a-member" };
    if (this.#parts.collector() !== this.#parts.nodeId) return { type: "refused", reason: "not-collector" };
    if (request.type === "share") return this.#collector.takeFrom(caller, request);
    if (request.type === "rekey-share") return this.#rekeys.takeFrom(caller, request);
    return this.#collectorAnswer(request);
  }

  #collectorAnswer(request: CollectorQuestion): CeremonyReply {
    switch (request.type) {
      case "begin":
        return this.#collector.begin();
      case "status":
        return this.#collector.counts();
      case "cancel":
        return this.#collector.cancel(request.signatures);
      case "rekey-begin": {
        const { shares, threshold, verify } = request;
        return this.#rekeys.begin({ shares, threshold }, verify);
      }
      case "rekey-status":
        return this.#rekeys.status();
      case "rekey-cancel":
        return this.#rekeys.cancel();
      case "rekey-key":
        return this.#rekeys.shareKey();
    }
  }

  async #rekeyStatus(request: CollectorQuestion): Promise<RekeyStatus> {
    const reply = await this.#untilSettled((collector) => this.#ask(collector, request));
    if (reply.type !== "rekey") throw new SealedMessageError();
    return reply.status;
  }

  async #forwardRekeyShare(
    collector: number,
    { phase, nonce, share }: { phase: RekeyPhase; nonce: Uint8Array; share: Uint8Array },
  ): Promise<RekeyProgress> {
    const begun = await this.#ask(collector, { type: "rekey-key" });
    if (begun.type === "refused") throw this.#errorOf(begun.reason);
    if (begun.type !== "begun") throw new SealedMessageError();
    const { barrierId, publicKey } = begun;
    const bound = { barrierId, nonce: begun.nonce, nodeId: this.#parts.nodeId };
    const proof = this.#attendant.prove(begun.nonce, barrierId);
    const context = shareContext(bound);
    const sealedShare = sealTo({ recipientPublicKey: publicKey, context, plaintext: share }, this.#parts.entropy);
    const reply = await this.#ask(collector, { type: "rekey-share", phase, nonce, proof, sealedShare });
    if (reply.type === "refused") throw this.#errorOf(reply.reason);
    if (reply.type !== "rekey-taken") throw new SealedMessageError();
    const { status, outcome, sealedShares } = reply;
    if (sealedShares.length === 0) return { status, outcome, shares: [] };
    const opened = this.#attendant.open(begun.nonce, newSharesContext(bound), sealedShares);
    const size = opened.length / status.shares;
    const shares = Array.from(
      { length: status.shares },
      (_, i) => new SecretBytes(opened.slice(i * size, (i + 1) * size)),
    );
    opened.fill(0);
    return { status, outcome, shares };
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

  async #ask(collector: number, request: CollectorQuestion | ShareMessage): Promise<CeremonyReply> {
    if (collector === this.#parts.nodeId && request.type !== "share" && request.type !== "rekey-share") {
      return this.#collectorAnswer(request);
    }
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
      case "state-unproven":
        return new StateUnprovenError();
      case "state-wrong":
        return new StateWrongError();
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
      case "rekey-under-way":
        return new CeremonyRefusedError("a rekey is under way already; cancel it first, or give it shares");
      case "sealed":
        return new CeremonyRefusedError("the node that leads is sealed; open the cluster first");
      case "not-committed":
        return new CeremonyUnavailableError(
          "the cluster did not take the new seal: today's shares stay the right ones; start the rekey again",
        );
      case "malformed":
        return new SealedMessageError();
    }
  }
}
