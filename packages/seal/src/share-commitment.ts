/**
 * What the cluster knows of each share: an Ed25519 public key whose private half is derived from the share. It tells at
 * once whether a share is one of the cluster's and which, gives nothing of it away (a share is 32 uniform bytes, also to
 * who holds all others but one too few), and lets a custodian approve something by a signature while the share stays on
 * his machine. It proves one share; that the threshold is met is proven by opening the root key alone.
 */
import { hkdfSync, type KeyObject, sign, verify } from "node:crypto";
import { concatBytes, equalBytes, utf8 } from "@strongroom/runtime";
import { encodeFields, u32Bytes } from "./fields.ts";
import { privateKeyFromRaw, publicKeyFromRaw, rawPublicKey } from "./raw-keys.ts";

const INFO = utf8("strongroom share commitment v1");
const SIGNATURE_BYTES = 64;

/** What a share belongs to: the same share under another generation or barrier has another commitment. */
export interface ShareScope {
  readonly barrierId: Uint8Array;
  readonly generation: number;
}

/** The raw Ed25519 public key, 32 bytes. */
export function shareCommitment(share: Uint8Array, scope: ShareScope): Uint8Array {
  return rawPublicKey(shareKey(share, scope));
}

/** Which of `commitments` is the share's; `undefined` when none is. */
export function findCommitment(
  share: Uint8Array,
  scope: ShareScope,
  commitments: readonly Uint8Array[],
): number | undefined {
  const own = shareCommitment(share, scope);
  // Both sides are public, so how long the search takes tells nothing.
  const index = commitments.findIndex((commitment) => equalBytes(commitment, own));
  return index < 0 ? undefined : index;
}

/** What a custodian signs to have an open ceremony cancelled. */
export interface CeremonyAction extends ShareScope {
  readonly action: "cancel";
  readonly kind: "unseal";
  readonly nonce: Uint8Array;
}

/** An Ed25519 signature (64 bytes) made where the share is; the share goes nowhere. */
export function signAction(share: Uint8Array, action: CeremonyAction): Uint8Array {
  return new Uint8Array(sign(null, encodeAction(action), shareKey(share, action)));
}

/** Which of `commitments` signed `action`; `undefined` when none did. */
export function findSigner(
  signature: Uint8Array,
  action: CeremonyAction,
  commitments: readonly Uint8Array[],
): number | undefined {
  if (signature.length !== SIGNATURE_BYTES) return undefined;
  const message = encodeAction(action);
  const index = commitments.findIndex((commitment) =>
    verify(null, message, publicKeyFromRaw("ed25519", commitment), signature),
  );
  return index < 0 ? undefined : index;
}

function encodeAction({ action, kind, barrierId, generation, nonce }: CeremonyAction): Uint8Array {
  return encodeFields(["strongroom ceremony v1", action, kind, barrierId, u32Bytes(generation), nonce]);
}

function shareKey(share: Uint8Array, { barrierId, generation }: ShareScope): KeyObject {
  const info = concatBytes([INFO, u32Bytes(generation)]);
  const seed = new Uint8Array(hkdfSync("sha256", share, barrierId, info, 32));
  const key = privateKeyFromRaw("ed25519", seed);
  seed.fill(0);
  return key;
}
