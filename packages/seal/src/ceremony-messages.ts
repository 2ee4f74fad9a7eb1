/**
 * What members say to each other in a ceremony, and how it is written: version u8, kind u8, fields. Requests and replies
 * are one union each. The bytes are in docs/formats/barrier.md.
 */
import { ByteReader, ByteWriter, ShortInputError } from "@strongroom/runtime";
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
  | { readonly type: "deliver"; readonly nonce: Uint8Array; readonly sealedRootKey: Uint8Array };

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
] as const;

export type Refusal = (typeof REFUSALS)[number];

const REQUEST_KIND = { begin: 1, share: 2, status: 3, cancel: 4, prove: 5, deliver: 6 } as const;
const REPLY_KIND = { begun: 1, counts: 2, taken: 3, complete: 4, proof: 5, done: 6, refused: 7 } as const;

export function encodeRequest(request: CeremonyRequest): Uint8Array {
  const writer = new ByteWriter().u8(VERSION).u8(REQUEST_KIND[request.type]);
  switch (request.type) {
    case "begin":
    case "status":
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
    case REPLY_KIND.refused: {
      const reason = REFUSALS[reader.u8()];
      if (reason === undefined) throw new SealedMessageError();
      return { type: "refused", reason };
    }
    default:
      throw new SealedMessageError();
  }
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
