/**
 * What members say to each other in a ceremony, and how it is written: version u8, kind u8, fields. Requests and replies
 * are one union each. The bytes are in docs/formats/barrier.md.
 */
import { ByteReader, ByteWriter, ShortInputError, StrongroomError } from "@strongroom/runtime";
import { SealedMessageError } from "./errors.ts";
import { type MemberProof, readProof, writeProof } from "./member-proof.ts";

const VERSION = 1;

export type CeremonyRequest =
  /** To the collector: open a ceremony, or name the one that is open. */
  | { readonly type: "begin" }
  /** To the collector: a share, sealed to its key of that ceremony. */
  | {
      readonly type: "share";
      readonly nonce: Uint8Array;
      readonly proof: MemberProof;
      readonly sealedShare: Uint8Array;
    }
  | { readonly type: "status" }
  /** To the collector. No signatures: whoever asked was allowed to by his token, which the sender has checked. */
  | { readonly type: "cancel"; readonly signatures: readonly Uint8Array[] | undefined }
  /** From the collector: prove yourself, for this ceremony. */
  | { readonly type: "prove"; readonly nonce: Uint8Array; readonly barrierId: Uint8Array }
  /** From the collector: the root key, sealed to the key proven. */
  | { readonly type: "deliver"; readonly nonce: Uint8Array; readonly sealedRootKey: Uint8Array }
  /** From the collector: the root key that a rekey is about to bring. */
  | { readonly type: "stage"; readonly nonce: Uint8Array; readonly sealedRootKey: Uint8Array }
  /** To the collector, as the two after it: allowed by a token that the sender has checked. */
  | { readonly type: "rekey-begin"; readonly shares: number; readonly threshold: number; readonly verify: boolean }
  | { readonly type: "rekey-status" }
  | { readonly type: "rekey-cancel" }
  /** To the collector: what a share of the rekey under way is to be sealed to. */
  | { readonly type: "rekey-key" }
  /** To the collector: a share of today's seal, or of the new one to prove that it was received. */
  | {
      readonly type: "rekey-share";
      readonly phase: RekeyPhase;
      readonly nonce: Uint8Array;
      readonly proof: MemberProof;
      readonly sealedShare: Uint8Array;
    };

/** `approve`: shares of today's seal. `verify`: shares of the new one, which is not in force yet. */
export type RekeyPhase = "approve" | "verify";

export interface RekeyStatus {
  /** Names the rekey under way; empty when there is none, and then all else is zero. */
  readonly nonce: Uint8Array;
  /** Of the new seal. */
  readonly shares: number;
  readonly threshold: number;
  /** Of today's shares. */
  readonly progress: number;
  readonly required: number;
  /** Whether the new seal comes into force only when enough of its shares were given back. */
  readonly verify: boolean;
  /** Names the giving back; empty until the new shares are made. */
  readonly verificationNonce: Uint8Array;
  readonly verificationProgress: number;
}

/** What a share led to. `unknown`: the cluster did not say whether the new seal is in force. */
export type RekeyOutcome = "collecting" | "made" | "committed" | "unknown";

export interface CeremonyCounts {
  /** Shares collected. */
  readonly progress: number;
  readonly threshold: number;
  readonly shares: number;
}

export type CeremonyReply =
  | {
      readonly type: "begun";
      readonly nonce: Uint8Array;
      readonly barrierId: Uint8Array;
      readonly publicKey: Uint8Array;
    }
  | { readonly type: "counts"; readonly counts: CeremonyCounts }
  /** A share was taken, or had been before. */
  | { readonly type: "taken"; readonly counts: CeremonyCounts; readonly index: number; readonly duplicate: boolean }
  /** With this share it was complete. */
  | {
      readonly type: "complete";
      readonly counts: CeremonyCounts;
      readonly index: number;
      readonly opened: readonly number[];
      readonly failed: readonly number[];
    }
  | { readonly type: "proof"; readonly open: boolean; readonly proof: MemberProof }
  | { readonly type: "rekey"; readonly status: RekeyStatus }
  /** `sealedShares`: the new seal's shares, 33 bytes each, sealed to the member that was asked; empty unless just made. */
  | {
      readonly type: "rekey-taken";
      readonly status: RekeyStatus;
      readonly outcome: RekeyOutcome;
      readonly sealedShares: Uint8Array;
    }
  | { readonly type: "done" }
  | { readonly type: "refused"; readonly reason: Refusal };

/** Why a request came to nothing; the order is that of the codes. */
const REFUSALS = [
  "not-collector",
  "not-initialized",
  "no-such-ceremony",
  "not-a-member",
  "second-holder",
  "malformed",
  "invalid-share",
  "wrong-share",
  "unseal-failed",
  "not-allowed",
  "rekey-under-way",
  "sealed",
  "not-committed",
  "state-unproven",
  "state-wrong",
] as const;

export type Refusal = (typeof REFUSALS)[number];

/** Why a root key that is right did not open a node, by the error that its opening ended in. */
export function refusalOf(error: unknown): Refusal {
  const code = error instanceof StrongroomError ? error.code : undefined;
  return code === "state_unproven" ? "state-unproven" : code === "quarantined" ? "state-wrong" : "unseal-failed";
}

const REQUEST_KIND = {
  begin: 1,
  share: 2,
  status: 3,
  cancel: 4,
  prove: 5,
  deliver: 6,
  stage: 7,
  "rekey-begin": 8,
  "rekey-status": 9,
  "rekey-cancel": 10,
  "rekey-key": 11,
  "rekey-share": 12,
} as const;
const REPLY_KIND = {
  begun: 1,
  counts: 2,
  taken: 3,
  complete: 4,
  proof: 5,
  done: 6,
  refused: 7,
  rekey: 8,
  "rekey-taken": 9,
} as const;
/** The order is that of the codes. */
const PHASES = ["approve", "verify"] as const;
const OUTCOMES = ["collecting", "made", "committed", "unknown"] as const;

export function encodeRequest(request: CeremonyRequest): Uint8Array {
  const writer = new ByteWriter().u8(VERSION).u8(REQUEST_KIND[request.type]);
  switch (request.type) {
    case "begin":
    case "status":
    case "rekey-status":
    case "rekey-cancel":
    case "rekey-key":
      break;
    case "rekey-begin":
      writer
        .u8(request.shares)
        .u8(request.threshold)
        .u8(request.verify ? 1 : 0);
      break;
    case "rekey-share":
      writer.u8(PHASES.indexOf(request.phase)).bytes(request.nonce);
      writeProof(writer, request.proof);
      writer.bytes(request.sealedShare);
      break;
    case "share":
      writer.bytes(request.nonce);
      writeProof(writer, request.proof);
      writer.bytes(request.sealedShare);
      break;
    case "cancel":
      writer.u8(request.signatures === undefined ? 0 : 1).u8(request.signatures?.length ?? 0);
      for (const signature of request.signatures ?? []) writer.bytes(signature);
      break;
    case "prove":
      writer.bytes(request.nonce).bytes(request.barrierId);
      break;
    case "deliver":
    case "stage":
      writer.bytes(request.nonce).bytes(request.sealedRootKey);
      break;
  }
  return writer.finish();
}

/** Throws `SealedMessageError` for what is no request. */
export function decodeRequest(bytes: Uint8Array): CeremonyRequest {
  return decode(bytes, readRequest);
}

export function encodeReply(reply: CeremonyReply): Uint8Array {
  const writer = new ByteWriter().u8(VERSION).u8(REPLY_KIND[reply.type]);
  switch (reply.type) {
    case "done":
      break;
    case "begun":
      writer.bytes(reply.nonce).bytes(reply.barrierId).bytes(reply.publicKey);
      break;
    case "counts":
      writeCounts(writer, reply.counts);
      break;
    case "taken":
      writeCounts(writer, reply.counts);
      writer.u8(reply.index).u8(reply.duplicate ? 1 : 0);
      break;
    case "complete":
      writeCounts(writer, reply.counts);
      writer.u8(reply.index);
      for (const ids of [reply.opened, reply.failed]) {
        writer.u16(ids.length);
        for (const id of ids) writer.u64(id);
      }
      break;
    case "proof":
      writer.u8(reply.open ? 1 : 0);
      writeProof(writer, reply.proof);
      break;
    case "rekey":
      writeRekeyStatus(writer, reply.status);
      break;
    case "rekey-taken":
      writeRekeyStatus(writer, reply.status);
      writer.u8(OUTCOMES.indexOf(reply.outcome)).bytes(reply.sealedShares);
      break;
    case "refused":
      writer.u8(REFUSALS.indexOf(reply.reason));
      break;
  }
  return writer.finish();
}

/** Throws `SealedMessageError` for what is no reply. */
export function decodeReply(bytes: Uint8Array): CeremonyReply {
  return decode(bytes, readReply);
}

function decode<T>(bytes: Uint8Array, read: (kind: number, reader: ByteReader) => T): T {
  const reader = new ByteReader(bytes);
  try {
    if (reader.u8() !== VERSION) throw new SealedMessageError();
    const message = read(reader.u8(), reader);
    if (reader.remaining !== 0) throw new SealedMessageError();
    return message;
  } catch (cause) {
    throw cause instanceof ShortInputError ? new SealedMessageError({ cause }) : cause;
  }
}

function readRequest(kind: number, reader: ByteReader): CeremonyRequest {
  switch (kind) {
    case REQUEST_KIND.begin:
      return { type: "begin" };
    case REQUEST_KIND.share:
      return { type: "share", nonce: copy(reader), proof: readProof(reader), sealedShare: copy(reader) };
    case REQUEST_KIND.status:
      return { type: "status" };
    case REQUEST_KIND.cancel: {
      const signed = reader.u8() === 1;
      const signatures = Array.from({ length: reader.u8() }, () => copy(reader));
      return { type: "cancel", signatures: signed ? signatures : undefined };
    }
    case REQUEST_KIND.prove:
      return { type: "prove", nonce: copy(reader), barrierId: copy(reader) };
    case REQUEST_KIND.deliver:
      return { type: "deliver", nonce: copy(reader), sealedRootKey: copy(reader) };
    case REQUEST_KIND.stage:
      return { type: "stage", nonce: copy(reader), sealedRootKey: copy(reader) };
    case REQUEST_KIND["rekey-begin"]:
      return { type: "rekey-begin", shares: reader.u8(), threshold: reader.u8(), verify: reader.u8() === 1 };
    case REQUEST_KIND["rekey-status"]:
      return { type: "rekey-status" };
    case REQUEST_KIND["rekey-cancel"]:
      return { type: "rekey-cancel" };
    case REQUEST_KIND["rekey-key"]:
      return { type: "rekey-key" };
    case REQUEST_KIND["rekey-share"]:
      return {
        type: "rekey-share",
        phase: oneOf(PHASES, reader.u8()),
        nonce: copy(reader),
        proof: readProof(reader),
        sealedShare: copy(reader),
      };
    default:
      throw new SealedMessageError();
  }
}

function readReply(kind: number, reader: ByteReader): CeremonyReply {
  switch (kind) {
    case REPLY_KIND.begun:
      return { type: "begun", nonce: copy(reader), barrierId: copy(reader), publicKey: copy(reader) };
    case REPLY_KIND.counts:
      return { type: "counts", counts: readCounts(reader) };
    case REPLY_KIND.taken:
      return { type: "taken", counts: readCounts(reader), index: reader.u8(), duplicate: reader.u8() === 1 };
    case REPLY_KIND.complete:
      return {
        type: "complete",
        counts: readCounts(reader),
        index: reader.u8(),
        opened: readIds(reader),
        failed: readIds(reader),
      };
    case REPLY_KIND.proof:
      return { type: "proof", open: reader.u8() === 1, proof: readProof(reader) };
    case REPLY_KIND.done:
      return { type: "done" };
    case REPLY_KIND.rekey:
      return { type: "rekey", status: readRekeyStatus(reader) };
    case REPLY_KIND["rekey-taken"]:
      return {
        type: "rekey-taken",
        status: readRekeyStatus(reader),
        outcome: oneOf(OUTCOMES, reader.u8()),
        sealedShares: copy(reader),
      };
    case REPLY_KIND.refused:
      return { type: "refused", reason: oneOf(REFUSALS, reader.u8()) };
    default:
      throw new SealedMessageError();
  }
}

/** Also what a node's own threads tell each other of a rekey. */
export function writeRekeyStatus(writer: ByteWriter, status: RekeyStatus): void {
  const { nonce, shares, threshold, progress, required, verify, verificationNonce, verificationProgress } = status;
  writer
    .bytes(nonce)
    .u8(shares)
    .u8(threshold)
    .u8(progress)
    .u8(required)
    .u8(verify ? 1 : 0);
  writer.bytes(verificationNonce).u8(verificationProgress);
}

/** Throws `ShortInputError`. */
export function readRekeyStatus(reader: ByteReader): RekeyStatus {
  return {
    nonce: copy(reader),
    shares: reader.u8(),
    threshold: reader.u8(),
    progress: reader.u8(),
    required: reader.u8(),
    verify: reader.u8() === 1,
    verificationNonce: copy(reader),
    verificationProgress: reader.u8(),
  };
}

function oneOf<T>(values: readonly T[], code: number): T {
  const value = values[code];
  if (value === undefined) throw new SealedMessageError();
  return value;
}

function writeCounts(writer: ByteWriter, { progress, threshold, shares }: CeremonyCounts): void {
  writer.u8(progress).u8(threshold).u8(shares);
}

function readCounts(reader: ByteReader): CeremonyCounts {
  return { progress: reader.u8(), threshold: reader.u8(), shares: reader.u8() };
}

function readIds(reader: ByteReader): number[] {
  return Array.from({ length: reader.u16() }, () => reader.u64());
}

function copy(reader: ByteReader): Uint8Array {
  return reader.bytes().slice();
}
