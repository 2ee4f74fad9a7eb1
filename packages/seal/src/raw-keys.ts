/** Ed25519 and X25519 keys as their 32 raw bytes, which Node takes and gives in DER only (RFC 8410). */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { assert, concatBytes, fromHex } from "@strongroom/runtime";

type Curve = "ed25519" | "x25519";

const PKCS8_PREFIX = {
  ed25519: fromHex("302e020100300506032b657004220420"),
  x25519: fromHex("302e020100300506032b656e04220420"),
} as const;
const SPKI_PREFIX = {
  ed25519: fromHex("302a300506032b6570032100"),
  x25519: fromHex("302a300506032b656e032100"),
} as const;

export const PUBLIC_KEY_BYTES = 32;

/** `seed` stays the caller's to wipe. */
export function privateKeyFromRaw(curve: Curve, seed: Uint8Array): KeyObject {
  assert(seed.length === 32, "a private key has 32 bytes");
  const der = Buffer.from(concatBytes([PKCS8_PREFIX[curve], seed]).buffer);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  return key;
}

export function publicKeyFromRaw(curve: Curve, raw: Uint8Array): KeyObject {
  assert(raw.length === PUBLIC_KEY_BYTES, "a public key has 32 bytes");
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX[curve], raw]), format: "der", type: "spki" });
}

/** The raw public key that belongs to a private one. */
export function rawPublicKey(privateKey: KeyObject): Uint8Array {
  const der = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return Uint8Array.from(der.subarray(-PUBLIC_KEY_BYTES));
}
