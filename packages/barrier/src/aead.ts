/**
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), the barrier's one cipher. Its 24-byte nonces are drawn at random
 * without a counter anywhere. HChaCha20 derives a key for the one message (noble), ChaCha20-Poly1305 of RFC 8439 does the
 * rest (OpenSSL): several times faster than either half in JavaScript. `self-test.ts` holds it against noble's own whole.
 *
 * Like every AEAD of its kind it does not commit to its key; what is wrapped by a key that an attacker may choose goes
 * through `key-wrap.ts`.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { hchacha } from "@noble/ciphers/chacha.js";

export const NONCE_BYTES = 24;
const TAG_BYTES = 16;
/** What sealing adds: the nonce before, the tag behind. */
export const SEALED_OVERHEAD: number = NONCE_BYTES + TAG_BYTES;

/** "expand 32-byte k" (RFC 8439 §2.3) as little-endian words. */
const SIGMA = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
const AUTH_TAG = { authTagLength: TAG_BYTES } as const;

/**
 * A key made for one call: Node 24 takes five times as long with raw bytes as with a `KeyObject`; from 26 on raw bytes are
 * faster, and can be wiped.
 */
const RAW_KEYS_ARE_FAST = Number.parseInt(process.versions.node, 10) >= 26;

const subkeyWords = new Uint32Array(8);
const subkeyBytes = new Uint8Array(subkeyWords.buffer);
const nonceBytes = new Uint8Array(16);
const nonceWords = new Uint32Array(nonceBytes.buffer);
/** Four zero bytes, then the last eight of the nonce (draft-irtf-cfrg-xchacha-03 §2.3). */
const innerNonce = new Uint8Array(12);

/** The bytes of a 32-byte key as the eight words that `seal` and `open` take. */
export function keyWords(key: Uint8Array): Uint32Array {
  return new Uint32Array(key.slice().buffer);
}

/** `nonce ‖ ciphertext ‖ tag`, written to `target` at `offset`: `plaintext.length + SEALED_OVERHEAD` bytes. */
export function sealInto(
  target: Uint8Array,
  offset: number,
  message: { key: Uint32Array; nonce: Uint8Array; associatedData: Uint8Array; plaintext: Uint8Array },
): void {
  const { key, nonce, associatedData, plaintext } = message;
  const cipher = createCipheriv("chacha20-poly1305", deriveSubkey(key, nonce), innerNonce, AUTH_TAG);
  subkeyWords.fill(0);
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
  target.set(nonce, offset);
  // A stream cipher: `update` gives all bytes at once and `final` gives none.
  target.set(cipher.update(plaintext), offset + NONCE_BYTES);
  cipher.final();
  target.set(cipher.getAuthTag(), offset + NONCE_BYTES + plaintext.length);
}

/** The plaintext in a buffer of its own; `undefined` when the bytes are not what was sealed with this key and data. */
export function open(key: Uint32Array, associatedData: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < SEALED_OVERHEAD) return undefined;
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv("chacha20-poly1305", deriveSubkey(key, sealed), innerNonce, AUTH_TAG);
  subkeyWords.fill(0);
  decipher.setAAD(associatedData, { plaintextLength: tagAt - NONCE_BYTES });
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(NONCE_BYTES, tagAt));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    return undefined;
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
}

/** Leaves the rest of the nonce in `innerNonce`. The result is good until the next call. */
function deriveSubkey(key: Uint32Array, nonce: Uint8Array): Uint8Array | KeyObject {
  for (let i = 0; i < 16; i++) nonceBytes[i] = nonce[i] as number;
  for (let i = 16; i < NONCE_BYTES; i++) innerNonce[i - 12] = nonce[i] as number;
  hchacha(SIGMA, key, nonceWords, subkeyWords);
  return RAW_KEYS_ARE_FAST ? subkeyBytes : createSecretKey(subkeyBytes);
}
