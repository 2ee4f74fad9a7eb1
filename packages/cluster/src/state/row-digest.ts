/**
 * One number over all replicated rows, kept up to date by adding and taking away: the sum modulo 2^256 of the SHA-256 of
 * each row under its key. Replicas that hold the same rows hold the same sum, however they came to them. It finds faults,
 * not attackers: sums of hashes can be forged.
 */
import { createHash, hash } from "node:crypto";
import { assert } from "@strongroom/runtime";

export const HASH_BYTES = 32;

const LIMBS = 8;
const U24 = 2 ** 24;
const U32 = 2 ** 32;
const SCRATCH_BYTES = 4096;
const scratch = new Uint8Array(SCRATCH_BYTES);
const scratchView = new DataView(scratch.buffer);

/**
 * SHA-256(u32 length of the key ‖ key ‖ row), as one character a byte: thousands of these are kept, and a string is a
 * single small object where a byte array is a buffer of its own.
 */
export function hashRow(key: Uint8Array, row: Uint8Array): string {
  const length = 4 + key.length + row.length;
  scratchView.setUint32(0, key.length);
  // One call over one buffer costs half of three calls; long rows are not copied for it.
  if (length > SCRATCH_BYTES)
    return createHash("sha256").update(scratch.subarray(0, 4)).update(key).update(row).digest("latin1");
  scratch.set(key, 4);
  scratch.set(row, 4 + key.length);
  return hash("sha256", scratch.subarray(0, length), "latin1");
}

export class RowDigest {
  /** Least significant first. */
  readonly #limbs = new Uint32Array(LIMBS);

  /** Goes on from what `bytes()` gave. */
  static from(bytes: Uint8Array): RowDigest {
    const digest = new RowDigest();
    digest.add(String.fromCharCode(...bytes));
    return digest;
  }

  /** `rowHash`: as `hashRow` gives it. */
  add(rowHash: string): void {
    assert(rowHash.length === HASH_BYTES, "a row's hash has 32 bytes");
    let carry = 0;
    for (let limb = 0; limb < LIMBS; limb++) {
      const sum = (this.#limbs[limb] as number) + limbOf(rowHash, limb) + carry;
      this.#limbs[limb] = sum;
      carry = sum >= U32 ? 1 : 0;
    }
  }

  subtract(rowHash: string): void {
    assert(rowHash.length === HASH_BYTES, "a row's hash has 32 bytes");
    let borrow = 0;
    for (let limb = 0; limb < LIMBS; limb++) {
      const difference = (this.#limbs[limb] as number) - limbOf(rowHash, limb) - borrow;
      this.#limbs[limb] = difference;
      borrow = difference < 0 ? 1 : 0;
    }
  }

  /** 32 bytes, the most significant first. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(HASH_BYTES);
    const view = new DataView(bytes.buffer);
    for (let limb = 0; limb < LIMBS; limb++) view.setUint32(4 * (LIMBS - 1 - limb), this.#limbs[limb] as number);
    return bytes;
  }
}

function limbOf(rowHash: string, limb: number): number {
  const at = 4 * (LIMBS - 1 - limb);
  const low = (rowHash.charCodeAt(at + 1) << 16) | (rowHash.charCodeAt(at + 2) << 8) | rowHash.charCodeAt(at + 3);
  return rowHash.charCodeAt(at) * U24 + low;
}
