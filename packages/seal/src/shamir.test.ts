import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { combine } from "shamir-secret-sharing";
import { describe, expect, it } from "vitest";
import { InvalidShareError, SealConfigError } from "./errors.ts";
import { checkSealConfig, checkShare, combineShares, splitKey } from "./shamir.ts";

const key = Uint8Array.from({ length: 32 }, (_, i) => i * 5);
const config = { shares: 5, threshold: 3 };

describe("checkSealConfig", () => {
  it.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [5, 1],
    [3, 4],
    [256, 3],
    [2.5, 2],
    [3, 2.5],
    [Number.NaN, 2],
    [3, Number.NaN],
    [-1, -1],
    [1, 2],
  ])("refuses %d shares with threshold %d", (shares, threshold) =>
    expect(() => checkSealConfig({ shares, threshold })).toThrow(SealConfigError),
  );

  it.each([
    [1, 1],
    [2, 2],
    [5, 3],
    [255, 255],
    [255, 2],
  ])("takes %d shares with threshold %d", (shares, threshold) =>
    expect(() => checkSealConfig({ shares, threshold })).not.toThrow(),
  );
});

describe("splitKey and combineShares", () => {
  it("give the key back from any t of n shares, in any order", async () => {
    const shares = await splitKey(key, config);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(shares, { minLength: 3, maxLength: 3 }), async (subset) => {
        expect(await combineShares(subset, config)).toEqual(key);
      }),
      { numRuns: 30 },
    );
  });

  it("write shares as Vault does: 32 bytes, then an x from 1 to 255, no two alike", async () => {
    const shares = await splitKey(key, { shares: 255, threshold: 2 });
    expect(new Set(shares.map((share) => share[32])).size).toBe(255);
    expect(shares.every((share) => share.length === 33 && share[32] !== 0)).toBe(true);
  });

  it("combine shares that were made by Vault's arithmetic", async () => {
    // f(x) = s + a·x over GF(2^8) mod 0x11b, at x = 1 and 2, by Russian-peasant multiplication.
    const multiply = (a: number, b: number): number => {
      let product = 0;
      for (let bit = 0, x = a; bit < 8; bit++, x = (x << 1) ^ (x & 0x80 ? 0x11b : 0)) if ((b >> bit) & 1) product ^= x;
      return product;
    };
    const slope = randomBytes(32);
    const at = (x: number): Uint8Array =>
      Uint8Array.from([...key.map((byte, i) => byte ^ multiply(slope[i] as number, x)), x]);
    expect(await combineShares([at(200), at(3)], { shares: 2, threshold: 2 })).toEqual(key);
  });

  it("make the one share of a 1-of-1 the key itself", async () => {
    const one = { shares: 1, threshold: 1 };
    const [share] = await splitKey(key, one);
    expect(share).toEqual(key);
    expect(share).not.toBe(key);
    expect(await combineShares([share as Uint8Array], one)).toEqual(key);
    await expect(combineShares([new Uint8Array(33)], one)).rejects.toThrow(InvalidShareError);
  });

  it("take a Buffer for a share, as the library alone does not", async () => {
    const shares = (await splitKey(Buffer.from(key), config)).slice(0, 3);
    expect(
      await combineShares(
        shares.map((share) => Buffer.from(share)),
        config,
      ),
    ).toEqual(key);
    await expect(combine(shares.map((share) => Buffer.from(share)))).rejects.toThrow();
  });

  it("combine exactly the threshold, never fewer or more", async () => {
    const shares = await splitKey(key, config);
    await expect(combineShares(shares.slice(0, 2), config)).rejects.toThrow(InvalidShareError);
    await expect(combineShares(shares.slice(0, 4), config)).rejects.toThrow(InvalidShareError);
  });

  it("refuse x = 0, which would decide the result alone, and one x twice", async () => {
    const [a, b, c] = (await splitKey(key, config)) as [Uint8Array, Uint8Array, Uint8Array];
    const zero = Uint8Array.from([...c.subarray(0, 32), 0]);
    await expect(combineShares([a, b, zero], config)).rejects.toThrow(InvalidShareError);
    const sameX = Uint8Array.from([...c.subarray(0, 32), a[32] as number]);
    await expect(combineShares([a, b, sameX], config)).rejects.toThrow(InvalidShareError);
    await expect(combineShares([a, b, b], config)).rejects.toThrow(InvalidShareError);
  });

  it("refuse every wrong length", () => {
    for (const length of [0, 1, 32, 34, 64])
      expect(() => checkShare(new Uint8Array(length).fill(1), config)).toThrow(InvalidShareError);
  });

  it("never give the same shares twice for one key", async () => {
    const text = (shares: readonly Uint8Array[]): string[] => shares.map((share) => Buffer.from(share).toString("hex"));
    const all = [...text(await splitKey(key, config)), ...text(await splitKey(key, config))];
    expect(new Set(all).size).toBe(10);
  });

  it("leave what was given unchanged", async () => {
    const own = key.slice();
    const shares = await splitKey(own, config);
    const copies = shares.map((share) => share.slice());
    await combineShares(shares.slice(0, 3), config);
    expect(own).toEqual(key);
    expect(shares).toEqual(copies);
  });
});

describe("the library's source of randomness", () => {
  // It takes `randomBytes(n).buffer`, which would be more than n bytes if Node cut them from a pool.
  it("is not pooled", () => {
    for (const length of [1, 2, 5, 255]) expect(randomBytes(length).buffer.byteLength).toBe(length);
  });
});
