/**
 * Authenticates what replicas accept from each other: commands, checkpoints, snapshots. Used on the replica thread, which
 * outlives sealing: key bytes are read from the shared memory at each call and kept nowhere, so after `wipe()` this
 * answers "sealed" and nothing else.
 */
import { timingSafeEqual } from "node:crypto";
import { present } from "@strongroom/runtime";
import { hmacSha256, MAC_BYTES } from "./hmac.ts";
import { ID_BYTES } from "./keyring.ts";
import type { SharedKeys } from "./shared-keys.ts";

export type MacVerdict = "ok" | "unknown-key" | "bad" | "sealed";

/** A MAC for one purpose is no MAC for another. */
export type MacPurpose = "command" | "checkpoint" | "snapshot";

/** Snapshots outlive the cluster id, which is new after each restore; they are bound to the barrier instead. */
const PURPOSE_TAG = { command: 1, checkpoint: 2, snapshot: 3 } as const;

export interface SignedMac {
  readonly keyId: number;
  /** HMAC-SHA-256 over tag u8 ‖ key id u32 ‖ cluster id (for snapshots: barrier id) ‖ message. */
  readonly mac: Uint8Array;
}

export class SharedCommandAuthenticator {
  readonly #keys: SharedKeys;

  constructor(keys: SharedKeys) {
    this.#keys = keys;
  }

  verify(keyId: number, message: Uint8Array, mac: Uint8Array, purpose: MacPurpose = "command"): MacVerdict {
    const state = this.#keys.state();
    if ((state & 1) === 0) return "sealed";
    const key = this.#keys.macKeyView(keyId);
    const expected = key === undefined ? undefined : this.#mac(keyId, key, message, purpose);
    // Wiped meanwhile: the key was not found, or was zeroes.
    if (this.#keys.state() !== state) return "sealed";
    if (expected === undefined) return "unknown-key";
    return mac.length === MAC_BYTES && timingSafeEqual(mac, expected) ? "ok" : "bad";
  }

  /** Under the active key. Throws `SealedError`. */
  sign(message: Uint8Array, purpose: MacPurpose = "command"): SignedMac {
    const state = this.#keys.state();
    this.#keys.assertUnchanged(state);
    const keyId = this.#keys.activeMacKeyId();
    const key = this.#keys.macKeyView(keyId);
    const mac = key === undefined ? undefined : this.#mac(keyId, key, message, purpose);
    this.#keys.assertUnchanged(state);
    return { keyId, mac: present(mac, "the active MAC key is in the keyring") };
  }

  #mac(keyId: number, key: Uint8Array, message: Uint8Array, purpose: MacPurpose): Uint8Array {
    const prefix = new Uint8Array(5 + ID_BYTES);
    prefix[0] = PURPOSE_TAG[purpose];
    prefix[1] = keyId >>> 24;
    prefix[2] = keyId >>> 16;
    prefix[3] = keyId >>> 8;
    prefix[4] = keyId;
    prefix.set(purpose === "snapshot" ? this.#keys.barrierIdView() : this.#keys.clusterIdView(), 5);
    return hmacSha256(key, prefix, message);
  }
}
