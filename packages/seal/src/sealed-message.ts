/**
 * Bytes for one recipient's X25519 key and one context: an ephemeral key agrees on a secret with it, HKDF-SHA-256 makes a
 * key and a nonce, ChaCha20-Poly1305 (RFC 8439) seals. The construction is that of HPKE's base mode (RFC 9180 §5.1.1) with
 * a key schedule of its own. The key serves one message, so the derived nonce never repeats under it. Who sent it is not
 * told by the message but by the connection.
 */
import { createCipheriv, createDecipheriv, diffieHellman, hkdfSync, type KeyObject } from "node:crypto";
import { concatBytes, type Entropy } from "@strongroom/runtime";
import { SealedMessageError } from "./errors.ts";
import { encodeFields } from "./fields.ts";
import { PUBLIC_KEY_BYTES, privateKeyFromRaw, publicKeyFromRaw, rawPublicKey } from "./raw-keys.ts";

const VERSION = 1;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + PUBLIC_KEY_BYTES;
const INFO = "strongroom sealed message v1";
const AUTH_TAG = { authTagLength: TAG_BYTES } as const;

/** A recipient's key for one ceremony. */
export interface EphemeralKey {
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

export function createEphemeralKey(entropy: Entropy): EphemeralKey {
  const seed = entropy.bytes(32);
  const privateKey = privateKeyFromRaw("x25519", seed);
  seed.fill(0);
  return { publicKey: rawPublicKey(privateKey), privateKey };
}

/**
 * version u8 ‖ ephemeral public key ‖ ciphertext ‖ tag. `context` has at most 900 bytes, since Node's HKDF takes 1,024.
 * Throws `SealedMessageError` for a public key of small order.
 */
export function sealTo(
  message: { recipientPublicKey: Uint8Array; context: Uint8Array; plaintext: Uint8Array },
  entropy: Entropy,
): Uint8Array {
  const { recipientPublicKey, context, plaintext } = message;
  if (recipientPublicKey.length !== PUBLIC_KEY_BYTES) throw new SealedMessageError();
  const ephemeral = createEphemeralKey(entropy);
  const schedule = agree({
    privateKey: ephemeral.privateKey,
    peer: recipientPublicKey,
    transcript: [ephemeral.publicKey, recipientPublicKey, context],
  });
  const cipher = createCipheriv("chacha20-poly1305", schedule.key, schedule.nonce, AUTH_TAG);
  schedule.key.fill(0);
  cipher.setAAD(context, { plaintextLength: plaintext.length });
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return concatBytes([Uint8Array.of(VERSION), ephemeral.publicKey, ciphertext, cipher.getAuthTag()]);
}

/** The plaintext, which the caller wipes. Throws `SealedMessageError`, whatever is wrong. */
export function openSealed(message: { recipient: EphemeralKey; context: Uint8Array; sealed: Uint8Array }): Uint8Array {
  const { recipient, context, sealed } = message;
  if (sealed.length < HEADER_BYTES + TAG_BYTES || sealed[0] !== VERSION) throw new SealedMessageError();
  const ephemeral = sealed.subarray(1, HEADER_BYTES);
  const tagAt = sealed.length - TAG_BYTES;
  const schedule = agree({
    privateKey: recipient.privateKey,
    peer: ephemeral,
    transcript: [ephemeral, recipient.publicKey, context],
  });
  const decipher = createDecipheriv("chacha20-poly1305", schedule.key, schedule.nonce, AUTH_TAG);
  schedule.key.fill(0);
  decipher.setAAD(context, { plaintextLength: tagAt - HEADER_BYTES });
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(HEADER_BYTES, tagAt));
  try {
    decipher.final();
  } catch (cause) {
    plaintext.fill(0);
    throw new SealedMessageError({ cause });
  }
  // No `Buffer`: its `slice` would be a view of what the caller wipes.
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
}

function agree(parts: { privateKey: KeyObject; peer: Uint8Array; transcript: readonly Uint8Array[] }): {
  key: Uint8Array;
  nonce: Uint8Array;
} {
  const { privateKey, peer, transcript } = parts;
  let secret: Buffer;
  try {
    // OpenSSL refuses the all-zero secret that a point of small order gives (RFC 7748 §6.1).
    secret = diffieHellman({ privateKey, publicKey: publicKeyFromRaw("x25519", peer) });
  } catch (cause) {
    throw new SealedMessageError({ cause });
  }
  const output = new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), encodeFields([INFO, ...transcript]), 44));
  secret.fill(0);
  return { key: output.subarray(0, 32), nonce: output.subarray(32) };
}
