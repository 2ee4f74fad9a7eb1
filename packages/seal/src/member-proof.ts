/**
 * A member's answer to "who are you, in this ceremony?": a fresh X25519 key for what it is to receive, signed by the
 * identity key that the cluster's CA certified, together with the ceremony's nonce and the count of its starts. Two
 * proofs of one id in one ceremony that differ come from two processes.
 */
import { createPublicKey, verify } from "node:crypto";
import { type ByteReader, type ByteWriter, equalBytes } from "@strongroom/runtime";
import { encodeFields, u64Bytes } from "./fields.ts";
import { PUBLIC_KEY_BYTES } from "./raw-keys.ts";

export interface MemberProof {
  readonly nodeId: number;
  /** Grows with each start of the node, synced before use. */
  readonly bootCounter: number;
  /** X25519, of this process and this ceremony. */
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** Whom the cluster knows, from its committed configuration. */
export interface CeremonyMember {
  readonly nodeId: number;
  /** SPKI in DER, Ed25519 or ECDSA, from the member's certificate. */
  readonly identityPublicKey: Uint8Array;
}

/** What is proven, apart from the signature. */
export interface ProofStatement {
  readonly barrierId: Uint8Array;
  readonly nonce: Uint8Array;
  readonly nodeId: number;
  readonly bootCounter: number;
  readonly publicKey: Uint8Array;
}

/** The bytes under the identity key's signature: Ed25519, or ECDSA with SHA-256 as DER. */
export function proofMessage({ barrierId, nonce, nodeId, bootCounter, publicKey }: ProofStatement): Uint8Array {
  return encodeFields([
    "strongroom member proof v1",
    barrierId,
    nonce,
    u64Bytes(nodeId),
    u64Bytes(bootCounter),
    publicKey,
  ]);
}

/** What the root key sealed to that member is bound to: today's, to be opened with, or the next one, to be kept ready. */
export function deliveryContext(
  { barrierId, nonce, nodeId, bootCounter }: Omit<ProofStatement, "publicKey">,
  as: "deliver" | "stage",
): Uint8Array {
  const label = as === "deliver" ? "strongroom root key v1" : "strongroom next root key v1";
  return encodeFields([label, barrierId, nonce, u64Bytes(nodeId), u64Bytes(bootCounter)]);
}

/** What a share sealed to the collector is bound to. */
export function shareContext({
  barrierId,
  nonce,
  nodeId,
}: {
  barrierId: Uint8Array;
  nonce: Uint8Array;
  nodeId: number;
}): Uint8Array {
  return encodeFields(["strongroom share v1", barrierId, nonce, u64Bytes(nodeId)]);
}

/** What the shares of a new seal are bound to, on their way from the collector to the member that was asked. */
export function newSharesContext({
  barrierId,
  nonce,
  nodeId,
}: Pick<ProofStatement, "barrierId" | "nonce" | "nodeId">): Uint8Array {
  return encodeFields(["strongroom new shares v1", barrierId, nonce, u64Bytes(nodeId)]);
}

export function isProofOf(
  member: CeremonyMember,
  proof: MemberProof,
  ceremony: { barrierId: Uint8Array; nonce: Uint8Array },
): boolean {
  if (proof.nodeId !== member.nodeId || proof.publicKey.length !== PUBLIC_KEY_BYTES) return false;
  const key = createPublicKey({ key: Buffer.from(member.identityPublicKey), format: "der", type: "spki" });
  const algorithm = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return verify(algorithm, proofMessage({ ...proof, ...ceremony }), key, proof.signature);
}

/** Whether both come from one process. */
export function sameHolder(a: MemberProof, b: MemberProof): boolean {
  return a.bootCounter === b.bootCounter && equalBytes(a.publicKey, b.publicKey);
}

export function writeProof(writer: ByteWriter, { nodeId, bootCounter, publicKey, signature }: MemberProof): void {
  writer.u64(nodeId).u64(bootCounter).bytes(publicKey).bytes(signature);
}

/** Throws `ShortInputError`. */
export function readProof(reader: ByteReader): MemberProof {
  return {
    nodeId: reader.u64(),
    bootCounter: reader.u64(),
    publicKey: reader.bytes().slice(),
    signature: reader.bytes().slice(),
  };
}
