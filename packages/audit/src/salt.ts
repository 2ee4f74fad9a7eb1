/**
 * HMACs under the cluster's audit salt. The salt is a key of the keyring, one for the whole cluster and all devices, so that a
 * value has one HMAC wherever it appears, and `sys/audit-hash` finds it. A sealed node has no salt: what would have been an
 * HMAC is `redacted` then.
 */
import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import type { SecretBytes } from "@strongroom/runtime";

/** The barrier, as far as it concerns the salt. */
export interface SaltSource {
  readonly sealed: boolean;
  /** 32 bytes, which are the caller's to wipe. Throws while sealed. */
  auditKey(): SecretBytes;
}

const HMAC_PREFIX = "hmac-sha256:";

/** In place of an HMAC where there is no salt. */
const REDACTED = "redacted";

export class AuditSalt {
  readonly #source: SaltSource;
  #key: KeyObject | undefined;
  /** Of the empty text, which answers hold more often than any other. */
  #empty = "";

  constructor(source: SaltSource) {
    this.#source = source;
  }

  /** `hmac-sha256:` and 64 hexadecimal digits; a string counts as its UTF-8 bytes. `redacted` while sealed. */
  hash(message: Uint8Array | string): string {
    const key = this.#current();
    if (key === undefined) return REDACTED;
    return message.length === 0 ? this.#empty : hmac(key, message);
  }

  get sealed(): boolean {
    return this.#source.sealed;
  }

  #current(): KeyObject | undefined {
    if (this.#source.sealed) {
      this.#key = undefined;
      return undefined;
    }
    if (this.#key === undefined) {
      const bytes = this.#source.auditKey();
      try {
        this.#key = createSecretKey(bytes.expose());
        this.#empty = hmac(this.#key, "");
      } finally {
        bytes.wipe();
      }
    }
    return this.#key;
  }
}

function hmac(key: KeyObject, message: Uint8Array | string): string {
  return HMAC_PREFIX + createHmac("sha256", key).update(message).digest("hex");
}
