import { inspect } from "node:util";
import { SeededRandom } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { IntegrityError, KeyringFullError, UnknownFormatError } from "./errors.ts";
import { createKeyWrap } from "./key-wrap.ts";
import { createKeyring, decodeKeyring, encodeKeyring, rotateKeyring } from "./keyring.ts";
import { unwrapKeyring, wipeKeyring, wrapKeyring } from "./keyring-record.ts";

const entropy = new SeededRandom(2);
const barrierId = entropy.bytes(16);
const clusterCa = { privateKeyPkcs8: Uint8Array.of(1, 2), certificateDer: Uint8Array.of(3) };
const keyring = createKeyring({ barrierId, clusterCa, nowMs: 77, entropy });
const rootKey = entropy.bytes(32);
const wrap = createKeyWrap({ entropy });

describe("keyring", () => {
  it("survives encoding, and is refused when cut short, longer, or of another format", () => {
    const rotated = rotateKeyring(keyring, { maxKeys: 10, nowMs: 78, entropy });
    const bytes = encodeKeyring(rotated);
    expect(decodeKeyring(bytes)).toEqual(rotated);
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeKeyring(bytes.subarray(0, length))).toThrow(IntegrityError);
    expect(() => decodeKeyring(Uint8Array.from([...bytes, 0]))).toThrow(IntegrityError);
    expect(() => decodeKeyring(Uint8Array.from([9, ...bytes.subarray(1)]))).toThrow(UnknownFormatError);
  });

  it("draws every key for itself", () => {
    const { nameKey, tokenKey, auditKey, clusterSigningSeed, dataKeys, macKeys } = rotateKeyring(keyring, {
      maxKeys: 9,
      nowMs: 0,
      entropy,
    });
    const keys = [
      nameKey,
      tokenKey,
      auditKey,
      clusterSigningSeed,
      ...dataKeys.map(({ key }) => key),
      ...macKeys.map(({ key }) => key),
    ];
    expect(new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size).toBe(8);
  });

  it("gets a data key and a MAC key by rotation, and nothing else changes", () => {
    const rotated = rotateKeyring(keyring, { maxKeys: 10, nowMs: 78, entropy });
    const { activeTerm, dataKeys, activeMacKeyId, macKeys, ...rest } = rotated;
    expect([activeTerm, activeMacKeyId]).toEqual([2, 2]);
    expect(dataKeys.slice(0, 1)).toEqual(keyring.dataKeys);
    expect(macKeys.slice(0, 1)).toEqual(keyring.macKeys);
    expect(dataKeys[1]).toMatchObject({ term: 2, installedMs: 78 });
    expect({ ...keyring, ...rest }).toEqual(keyring);
    expect(() => rotateKeyring(rotated, { maxKeys: 2, nowMs: 0, entropy })).toThrow(KeyringFullError);
  });

  it("prints nothing of itself", () => {
    for (const ring of [
      keyring,
      decodeKeyring(encodeKeyring(keyring)),
      rotateKeyring(keyring, { maxKeys: 9, nowMs: 0, entropy }),
    ]) {
      expect(JSON.stringify(ring)).toBe('"[redacted]"');
      expect(inspect(ring)).toBe("[redacted]");
    }
  });
});

describe("keyring record", () => {
  const record = wrapKeyring(wrap, rootKey, keyring);
  const messageOf = (attempt: () => unknown): string => {
    try {
      attempt();
    } catch (error) {
      if (error instanceof IntegrityError) return error.message;
    }
    return "no integrity error";
  };

  it("opens with the root key for its own barrier", () => {
    expect(unwrapKeyring(wrap, rootKey, barrierId, record)).toEqual(keyring);
  });

  it("gives one error for a wrong key, another barrier and each changed byte", () => {
    const expected = new IntegrityError("the keyring").message;
    expect(messageOf(() => unwrapKeyring(wrap, new Uint8Array(32), barrierId, record))).toBe(expected);
    expect(messageOf(() => unwrapKeyring(wrap, rootKey, new Uint8Array(16), record))).toBe(expected);
    for (let i = 1; i < record.length; i++) {
      const changed = record.map((byte, at) => (at === i ? byte ^ 0x80 : byte));
      expect(messageOf(() => unwrapKeyring(wrap, rootKey, barrierId, changed))).toBe(expected);
    }
    for (let length = 0; length < record.length; length++) {
      expect(messageOf(() => unwrapKeyring(wrap, rootKey, barrierId, record.subarray(0, length)))).toBe(expected);
    }
  });

  it("refuses the record of another barrier even when that was wrapped by the same root key", () => {
    const other = wrapKeyring(wrap, rootKey, { ...keyring, barrierId: new Uint8Array(16) });
    expect(() => unwrapKeyring(wrap, rootKey, barrierId, other)).toThrow(IntegrityError);
  });

  it("names a format that it does not know", () => {
    expect(() => unwrapKeyring(wrap, rootKey, barrierId, Uint8Array.from([2, ...record.subarray(1)]))).toThrow(
      UnknownFormatError,
    );
  });

  it("wipes every key", () => {
    const ring = unwrapKeyring(wrap, rootKey, barrierId, record);
    wipeKeyring(ring);
    const zero = new Uint8Array(32);
    expect([ring.nameKey, ring.tokenKey, ring.auditKey, ring.clusterSigningSeed]).toEqual([zero, zero, zero, zero]);
    expect(ring.dataKeys[0]?.key).toEqual(zero);
    expect(ring.macKeys[0]?.key).toEqual(zero);
    expect(ring.clusterCa.privateKeyPkcs8).toEqual(new Uint8Array(2));
  });
});
