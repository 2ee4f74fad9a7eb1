/**
 * Authenticates what replicas accept from each other: commands, checkpoints, snapshots. Used on the replica thread, which
 * outlives sealing: key bytes are read from the shared memory at each call and kept nowhere, so after `wipe()` this
 * answers "sealed" and nothing else.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { present } from "@strongroom/runtime";
import { SealedError } from "./errors.ts";
import type { SharedKeys } from "./shared-keys.ts";

export const MAC_BYTES = 32;

export type MacVerdict = "ok" | "unknown-key" | "bad" | "sealed";

/** A MAC for one purpose is no MAC for another. */
export type MacPurpose = "command" | "checkpoint" | "snapshot";

/** Snapshots outlive the cluster id, which is new after each restore; they are bound to the barrier instead. */
const PURPOSE_TAG = { command: Uint8Array.of(1), checkpoint: Uint8Array.of(2), snapshot: Uint8Array.of(3) } as const;

export interface SignedMac {
  readonly keyId: number;
  /** HMAC-SHA-256 over tag u8 ‖ cluster id (for snapshots: barrier id) ‖ message. */
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
    const expected = key === undefined ? undefined : this.#mac(key, message, purpose);
    // Wiped meanwhile: the key was not found, or was zeroes.
    if (this.#keys.state() !== state) return "sealed";
    if (expected === undefined) return "unknown-key";
    return mac.length === MAC_BYTES && timingSafeEqual(mac, expected) ? "ok" : "bad";
  }

  /** Under the active key. Throws `SealedError`. */
  sign(message: Uint8Array, purpose: MacPurpose = "command"): SignedMac {
    return this.signWith(this.activeKeyId(), message, purpose);
  }

  /** Under the key `keyId`, which a command's own bytes already name. Throws `SealedError`. */
  signWith(keyId: number, message: Uint8Array, purpose: MacPurpose = "command"): SignedMac {
    const state = this.#keys.state();
    this.#keys.assertUnchanged(state);
    const key = this.#keys.macKeyView(keyId);
    const mac = key === undefined ? undefined : this.#mac(key, message, purpose);
    this.#keys.assertUnchanged(state);
    return { keyId, mac: present(mac, "a command is signed under a key of the keyring") };
  }

  /** The id that a command is to name. Throws `SealedError`. */
  activeKeyId(): number {
    const id = this.#keys.activeMacKeyId();
    if (!this.#keys.isOpen()) throw new SealedError();
    return id;
  }

  #mac(key: Uint8Array, message: Uint8Array, purpose: MacPurpose): Uint8Array {
    const boundTo = purpose === "snapshot" ? this.#keys.barrierIdView() : this.#keys.clusterIdView();
    return createHmac("sha256", key).update(PURPOSE_TAG[purpose]).update(boundTo).update(message).digest();
  }
}
