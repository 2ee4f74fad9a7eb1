import { SeededRandom } from "@strongroom/runtime/testing";
import { SEAL_RECORD_KEY } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { InvalidShareError, SealConfigError, SealRecordError, UnsealFailedError } from "./errors.ts";
import { decodeSealRecord, encodeSealRecord } from "./seal-record.ts";
import { createShamirSeal, openRootKey } from "./shamir-seal.ts";
import { findCommitment } from "./share-commitment.ts";
import { createTestKeyWrap } from "./testing/test-key-wrap.ts";

const entropy = new SeededRandom(4);
const keyWrap = createTestKeyWrap(entropy);
const barrierId = entropy.bytes(16);
const rootKey = entropy.bytes(32);
const parts = { keyWrap, entropy };

async function newSeal(shares: number, threshold: number) {
  const seal = await createShamirSeal({ shares, threshold, barrierId, generation: 1, rootKey }, parts);
  return { bytes: seal.record, shares: seal.shares.map((share) => share.expose()) };
}

describe("createShamirSeal", () => {
  it("gives the put of its record, in a clear row", async () => {
    const seal = await createShamirSeal({ shares: 1, threshold: 1, barrierId, generation: 1, rootKey }, parts);
    expect(seal.mutation).toEqual({ kind: "put", key: SEAL_RECORD_KEY, term: 0, value: seal.record });
  });

  it.each([
    [1, 1],
    [2, 2],
    [5, 3],
  ])("opens the root key again with its shares: %d of which %d", async (count, threshold) => {
    const { bytes, shares } = await newSeal(count, threshold);
    const record = decodeSealRecord(bytes);
    expect(record).toMatchObject({ type: "shamir", shares: count, threshold, generation: 1, barrierId });
    expect(shares.map((share) => findCommitment(share, record, record.commitments))).toEqual([...shares.keys()]);
    expect((await openRootKey(shares.slice(-threshold), record, keyWrap)).expose()).toEqual(rootKey);
  });

  it("refuses an impossible configuration", async () => {
    await expect(newSeal(5, 6)).rejects.toThrow(SealConfigError);
    await expect(newSeal(5, 1)).rejects.toThrow(SealConfigError);
  });

  it("never has the root key or the shares in the record", async () => {
    const { bytes, shares } = await newSeal(2, 2);
    for (const secret of [rootKey, ...shares])
      expect(Buffer.from(bytes).includes(Buffer.from(secret.subarray(0, 32)))).toBe(false);
  });
});

describe("seal record", () => {
  it("survives encoding, and is refused when cut short or longer", async () => {
    const { bytes } = await newSeal(3, 2);
    expect(encodeSealRecord(decodeSealRecord(bytes))).toEqual(bytes);
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeSealRecord(bytes.subarray(0, length))).toThrow(SealRecordError);
    expect(() => decodeSealRecord(Uint8Array.from([...bytes, 0]))).toThrow(SealRecordError);
  });

  it("does not open with any byte of it changed", async () => {
    const { bytes, shares } = await newSeal(2, 2);
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.map((byte, at) => (at === i ? byte ^ 1 : byte));
      const attempt = async (): Promise<unknown> => openRootKey(shares, decodeSealRecord(changed), keyWrap);
      await expect(attempt()).rejects.toSatisfy(
        (error) =>
          error instanceof SealRecordError || error instanceof UnsealFailedError || error instanceof InvalidShareError,
      );
    }
  });

  it("says what to do about versions and kinds that it does not know", async () => {
    const { bytes } = await newSeal(2, 2);
    expect(() => decodeSealRecord(Uint8Array.from([2, ...bytes.subarray(1)]))).toThrow(/version 2.*upgrade/);
    expect(() => decodeSealRecord(Uint8Array.from([1, 9, ...bytes.subarray(2)]))).toThrow(/kind 9.*upgrade/);
  });

  it("does not open with shares of another split, and says no more than that", async () => {
    const { bytes, shares } = await newSeal(2, 2);
    const other = await newSeal(2, 2);
    const mixed = [shares[0], other.shares[1]] as Uint8Array[];
    if (mixed[0]?.[32] === mixed[1]?.[32]) mixed[1] = other.shares[0] as Uint8Array;
    await expect(openRootKey(mixed, decodeSealRecord(bytes), keyWrap)).rejects.toThrow(new UnsealFailedError());
  });
});
