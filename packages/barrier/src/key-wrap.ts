/**
 * A key wrapped by a key: the root key by the unseal key, the keyring by the root key. Beside the sealed bytes stands a
 * check value that commits to the wrapping key, which XChaCha20-Poly1305 alone does not (two keys can be made that open
 * one ciphertext). A wrong key, changed bytes and changed associated data all look alike to who asks.
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { assert, type Entropy, utf8 } from "@strongroom/runtime";
import { NONCE_BYTES, open, SEALED_OVERHEAD, sealInto } from "./aead.ts";

export const KEY_CHECK_BYTES = 32;

export interface WrappedKey {
  /** HMAC over the associated data under a key of its own, derived from the wrapping key: commits to both. */
  readonly check: Uint8Array;
  /** nonce ‖ ciphertext ‖ tag. */
  readonly sealed: Uint8Array;
}

/** Structurally what `@strongroom/seal` asks for. */
export interface KeyWrap {
  /** `key` has 32 bytes; it and `plaintext` stay the caller's. */
  wrap(key: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): WrappedKey;
  /** The plaintext, which the caller wipes; `undefined` unless key, data and bytes are those of `wrap`. */
  unwrap(key: Uint8Array, associatedData: Uint8Array, wrapped: WrappedKey): Uint8Array | undefined;
}

const SEAL_INFO = utf8("strongroom key wrap v1 seal");
const CHECK_INFO = utf8("strongroom key wrap v1 check");
const NO_SALT = new Uint8Array(0);

export function createKeyWrap({ entropy }: { readonly entropy: Entropy }): KeyWrap {
  return {
    wrap(key, associatedData, plaintext) {
      const sealed = new Uint8Array(plaintext.length + SEALED_OVERHEAD);
      const words = sealingKey(key);
      sealInto(sealed, 0, { key: words, nonce: entropy.bytes(NONCE_BYTES), associatedData, plaintext });
      words.fill(0);
      return { check: checkValue(key, associatedData), sealed };
    },
    unwrap(key, associatedData, { check, sealed }) {
      if (check.length !== KEY_CHECK_BYTES || !timingSafeEqual(check, checkValue(key, associatedData)))
        return undefined;
      const words = sealingKey(key);
      const plaintext = open(words, associatedData, sealed);
      words.fill(0);
      return plaintext;
    },
  };
}

function sealingKey(key: Uint8Array): Uint32Array {
  assert(key.length === 32, "a wrapping key has 32 bytes");
  return new Uint32Array(hkdfSync("sha256", key, NO_SALT, SEAL_INFO, 32));
}

function checkValue(key: Uint8Array, associatedData: Uint8Array): Uint8Array {
  assert(key.length === 32, "a wrapping key has 32 bytes");
  const checkKey = new Uint8Array(hkdfSync("sha256", key, NO_SALT, CHECK_INFO, 32));
  const check = createHmac("sha256", checkKey).update(associatedData).digest();
  checkKey.fill(0);
  return check;
}
