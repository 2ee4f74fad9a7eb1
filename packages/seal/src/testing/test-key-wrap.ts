/** A key wrap for tests: the real one is the barrier's, which this package does not know. AES-256-GCM and an HMAC. */
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import { concatBytes, type Entropy, equalBytes } from "@strongroom/runtime";
import type { KeyWrap } from "../seal-record.ts";

export function createTestKeyWrap(entropy: Entropy): KeyWrap {
  const checkOf = (key: Uint8Array, data: Uint8Array): Uint8Array =>
    new Uint8Array(createHmac("sha256", key).update(data).digest());
  return {
    wrap(key, associatedData, plaintext) {
      const nonce = entropy.bytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      cipher.setAAD(associatedData);
      const ciphertext = concatBytes([cipher.update(plaintext), cipher.final()]);
      return { check: checkOf(key, associatedData), sealed: concatBytes([nonce, ciphertext, cipher.getAuthTag()]) };
    },
    unwrap(key, associatedData, { check, sealed }) {
      if (!equalBytes(check, checkOf(key, associatedData))) return undefined;
      const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12));
      decipher.setAAD(associatedData);
      decipher.setAuthTag(sealed.subarray(-16));
      try {
        return new Uint8Array(concatBytes([decipher.update(sealed.subarray(12, -16)), decipher.final()]));
      } catch {
        return undefined;
      }
    },
  };
}
