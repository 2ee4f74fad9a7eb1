/**
 * One number over all replicated rows, kept up to date by adding and taking away: the sum modulo 2^256 of the SHA-256 of
 * each row under its key. Replicas that hold the same rows hold the same sum, however they came to them. It finds faults,
 * not attackers: sums of hashes can be forged.
 */
import { createHash, hash } from "node:crypto";
import { assert } from "@strongroom/runtime";

export const HASH_BYTES = 32;

const LIMBS = 8;
const U32 = 2 ** 32;
const SCRATCH_BYTES = 4096;
const scratch = new Uint8Array(SCRATCH_BYTES);
const scratchView = new DataView(scratch.buffer);

/** SHA-256(u32 length of the key ‖ key ‖ row). */
export function hashRow(key: Uint8Array, row: Uint8Array): Uint8Array {
  const length = 4 + key.length + row.length;
  scratchView.setUint32(0, key.length);
  // One call over one buffer costs half of three calls; long rows are not copied for it.
  if (length > SCRATCH_BYTES)
    return createHash("sha256").update(scratch.subarray(0, 4)).update(key).update(row).digest();
  scratch.set(key, 4);
  scratch.set(row, 4 + key.length);
  return hash("sha256", scratch.subarray(0, length), "buffer");
}

export class RowDigest {
  /** Least significant first. */
  readonly #limbs = new Uint32Array(LIMBS);

  static from(bytes: Uint8Array): RowDigest {
    const digest = new RowDigest();
    digest.add(bytes);
    return digest;
  }

  add(rowHash: Uint8Array): void {
    const view = viewOf(rowHash);
    let carry = 0;
    for (let limb = 0; limb < LIMBS; limb++) {
      const sum = (this.#limbs[limb] as number) + view.getUint32(4 * (LIMBS - 1 - limb)) + carry;
      this.#limbs[limb] = sum;
      carry = sum >= U32 ? 1 : 0;
    }
  }

  subtract(rowHash: Uint8Array): void {
    const view = viewOf(rowHash);
    let borrow = 0;
    for (let limb = 0; limb < LIMBS; limb++) {
      const difference = (this.#limbs[limb] as number) - view.getUint32(4 * (LIMBS - 1 - limb)) - borrow;
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

function viewOf(rowHash: Uint8Array): DataView {
  assert(rowHash.length === HASH_BYTES, "a row's hash has 32 bytes");
  return new DataView(rowHash.buffer, rowHash.byteOffset, HASH_BYTES);
}
