import { SeededRandom } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { InvalidShareError, UnsealFailedError } from "./errors.ts";
import { decodeSealRecord } from "./seal-record.ts";
import { createShamirSeal } from "./shamir-seal.ts";
import { signAction } from "./share-commitment.ts";
import { createTestKeyWrap } from "./testing/test-key-wrap.ts";
import { CEREMONY_TTL_MS, UnsealCeremony } from "./unseal-ceremony.ts";

const entropy = new SeededRandom(8);
const keyWrap = createTestKeyWrap(entropy);
const rootKey = entropy.bytes(32);
const seal = await createShamirSeal(
  { shares: 5, threshold: 3, barrierId: entropy.bytes(16), generation: 1, rootKey },
  { keyWrap, entropy },
);
const record = decodeSealRecord(seal.record);
const shares = seal.shares.map((share) => share.expose());
const share = (index: number): Uint8Array => shares[index] as Uint8Array;
const begin = (): UnsealCeremony => UnsealCeremony.begin({ record, entropy, nowMs: 0 });

describe("UnsealCeremony", () => {
  it("gives the root key when as many shares as the threshold are in, and is over then", async () => {
    const ceremony = begin();
    expect(ceremony.addShare(share(4), 1)).toEqual({ type: "accepted", index: 4, progress: 1, ready: false });
    expect(ceremony.addShare(share(0), 1)).toEqual({ type: "accepted", index: 0, progress: 2, ready: false });
    expect(ceremony.addShare(share(2), 1)).toEqual({ type: "accepted", index: 2, progress: 3, ready: true });
    expect(ceremony.addShare(share(1), 1)).toEqual({ type: "surplus", index: 1 });
    expect((await ceremony.complete(keyWrap)).expose()).toEqual(rootKey);
    expect(ceremony.isClosed(1)).toBe(true);
    expect(ceremony.progress).toBe(0);
    expect(ceremony.addShare(share(1), 1)).toEqual({ type: "closed" });
  });

  it("names a wrong share at once, and keeps what it has", () => {
    const ceremony = begin();
    ceremony.addShare(share(0), 1);
    expect(
      ceremony.addShare(
        share(1).map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
        1,
      ),
    ).toEqual({ type: "wrong-share" });
    expect(() => ceremony.addShare(new Uint8Array(32), 1)).toThrow(InvalidShareError);
    expect(ceremony.progress).toBe(1);
  });

  it("counts a share once", () => {
    const ceremony = begin();
    ceremony.addShare(share(3), 1);
    expect(ceremony.addShare(share(3), 1)).toEqual({ type: "duplicate", index: 3, progress: 1 });
  });

  it("keeps shares of its own, whatever the caller does with his", async () => {
    const ceremony = begin();
    for (const each of shares.slice(0, 3)) {
      const mine = each.slice();
      ceremony.addShare(mine, 1);
      mine.fill(0);
    }
    expect((await ceremony.complete(keyWrap)).expose()).toEqual(rootKey);
  });

  it("ends ten minutes after the first share", () => {
    const ceremony = begin();
    ceremony.addShare(share(0), 1000);
    expect(ceremony.expiresAtMs).toBe(1000 + CEREMONY_TTL_MS);
    ceremony.addShare(share(1), 2000);
    expect(ceremony.isClosed(999 + CEREMONY_TTL_MS)).toBe(false);
    expect(ceremony.addShare(share(2), 1000 + CEREMONY_TTL_MS)).toEqual({ type: "closed" });
    expect(ceremony.progress).toBe(0);
  });

  it("proves the shares by opening the key, not by their commitments", async () => {
    const check = record.wrappedRootKey.check.map((byte) => byte ^ 1);
    const tampered = { ...record, wrappedRootKey: { ...record.wrappedRootKey, check } };
    const ceremony = UnsealCeremony.begin({ record: tampered, entropy, nowMs: 0 });
    for (const index of [0, 1, 2]) ceremony.addShare(share(index), 1);
    await expect(ceremony.complete(keyWrap)).rejects.toThrow(UnsealFailedError);
    expect(ceremony.isClosed(1)).toBe(true);
  });

  it("may be cancelled by its starter or by the threshold, and by nobody else", () => {
    const ceremony = begin();
    ceremony.addShare(share(2), 1);
    ceremony.addShare(share(3), 1);
    const signed = (...indices: readonly number[]): Uint8Array[] =>
      indices.map((index) => signAction(share(index), ceremony.cancelAction()));
    expect(ceremony.mayCancel(signed(2))).toBe(true);
    expect(ceremony.mayCancel(signed(3))).toBe(false);
    expect(ceremony.mayCancel(signed(0, 1, 4))).toBe(true);
    expect(ceremony.mayCancel(signed(0, 1, 0, 1))).toBe(false);
    expect(ceremony.mayCancel([])).toBe(false);
    expect(ceremony.mayCancel([new Uint8Array(64)])).toBe(false);
    expect(ceremony.mayCancel([signAction(share(2), begin().cancelAction())])).toBe(false);
  });
});
