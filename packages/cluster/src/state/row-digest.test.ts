import { createHash } from "node:crypto";
import { toHex } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashRow, RowDigest } from "./row-digest.ts";

const hashes = fc.array(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => String.fromCharCode(...bytes)),
  { maxLength: 20 },
);

function hashToBigInt(rowHash: string): bigint {
  return toBigInt(Buffer.from(rowHash, "latin1"));
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

describe("RowDigest", () => {
  it("is the sum modulo 2^256", () => {
    fc.assert(
      fc.property(hashes, hashes, (added, subtracted) => {
        const digest = new RowDigest();
        let sum = 0n;
        for (const each of added) {
          digest.add(each);
          sum += hashToBigInt(each);
        }
        for (const each of subtracted) {
          digest.subtract(each);
          sum -= hashToBigInt(each);
        }
        expect(toBigInt(digest.bytes())).toBe(BigInt.asUintN(256, sum));
        expect(toHex(RowDigest.from(digest.bytes()).bytes())).toBe(toHex(digest.bytes()));
      }),
    );
  });

  it("is zero again when all that was added is taken away", () => {
    const all = "\xff".repeat(32);
    const digest = new RowDigest();
    digest.add(all);
    digest.add(all);
    digest.subtract(all);
    digest.subtract(all);
    expect(toHex(digest.bytes())).toBe("00".repeat(32));
  });
});

describe("hashRow", () => {
  it("is SHA-256 over the key with its length and the row, for short rows and long ones", () => {
    for (const length of [0, 100, 4085, 4086, 10_000]) {
      const row = new Uint8Array(length).fill(5);
      const key = Uint8Array.of(0x20, 1, 2, 3, 4, 5);
      const expected = createHash("sha256")
        .update(Uint8Array.of(0, 0, 0, 6))
        .update(key)
        .update(row)
        .digest("hex");
      expect(Buffer.from(hashRow(key, row), "latin1").toString("hex")).toBe(expected);
    }
  });
});
