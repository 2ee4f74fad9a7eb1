/**
 * The vectors in testdata/, twice: by this package, and as another implementation would do it from docs/formats/barrier.md
 * with noble's whole XChaCha20-Poly1305 and nothing of ours.
 */
import { createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { concatBytes, fromHex, fromUtf8, silentLogger, toHex, utf8 } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";
import { Transaction } from "@strongroom/storage";
import { MemoryStore } from "@strongroom/storage/testing";
import { describe, expect, it } from "vitest";
import { Barrier } from "./barrier.ts";
import { decodeClusterRecord, encodeClusterRecord } from "./cluster-record.ts";
import { type MacPurpose, SharedCommandAuthenticator } from "./command-authenticator.ts";
import { createKeyWrap } from "./key-wrap.ts";
import { decodeKeyring, encodeKeyring, type KeyringState } from "./keyring.ts";
import { unwrapKeyring, wrapKeyring } from "./keyring-record.ts";
import { SharedKeys } from "./shared-keys.ts";

interface Vectors {
  readonly barrierId: string;
  readonly clusterId: string;
  readonly rootKey: string;
  readonly rootKeyWrap: {
    key: string;
    associatedData: string;
    plaintext: string;
    check: string;
    sealed: string;
    entropySeed: number;
  };
  readonly keyring: {
    activeTerm: number;
    activeMacKeyId: number;
    dataKeys: readonly { term: number; installedMs: number; key: string }[];
    macKeys: readonly { id: number; key: string }[];
    nameKey: string;
    tokenKey: string;
    auditKey: string;
    clusterSigningSeed: string;
    clusterCaPrivateKey: string;
    clusterCaCertificate: string;
    encoded: string;
    record: string;
    entropySeed: number;
  };
  readonly clusterRecord: { createdMs: number; name: string; encoded: string };
  readonly names: { namespaceId: string; mountId: string; leaves: readonly { path: string; key: string }[] };
  readonly hiddenRow: {
    path: string;
    value: string;
    term: number;
    storageKey: string;
    row: string;
    entropySeed: number;
  };
  readonly sealedRow: { storageKey: string; purpose: string; plaintext: string; term: number; row: string };
  readonly token: { id: string; hash: string };
  readonly macs: readonly { purpose: MacPurpose; keyId: number; message: string; mac: string }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL("../testdata/vectors.json", import.meta.url), "utf8"));
const { keyring: ring, names, hiddenRow, sealedRow } = vectors;
const [barrierId, clusterId, rootKey] = [vectors.barrierId, vectors.clusterId, vectors.rootKey].map(fromHex) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const scope = { namespaceId: fromHex(names.namespaceId), mountId: fromHex(names.mountId) };

const keyring: KeyringState = {
  barrierId,
  activeTerm: ring.activeTerm,
  dataKeys: ring.dataKeys.map(({ term, installedMs, key }) => ({ term, installedMs, key: fromHex(key) })),
  nameKey: fromHex(ring.nameKey),
  tokenKey: fromHex(ring.tokenKey),
  activeMacKeyId: ring.activeMacKeyId,
  macKeys: ring.macKeys.map(({ id, key }) => ({ id, key: fromHex(key) })),
  auditKey: fromHex(ring.auditKey),
  clusterSigningSeed: fromHex(ring.clusterSigningSeed),
  clusterCa: { privateKeyPkcs8: fromHex(ring.clusterCaPrivateKey), certificateDer: fromHex(ring.clusterCaCertificate) },
};

function openBarrier(entropySeed: number): { barrier: Barrier; keys: SharedKeys } {
  const keys = SharedKeys.create();
  const barrier = new Barrier({}, { keys, entropy: new SeededRandom(entropySeed), logger: silentLogger });
  barrier.open({ rootKey, barrierId, clusterId, keyringRecord: fromHex(ring.record) });
  return { barrier, keys };
}

const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(createHmac("sha256", key).update(concatBytes(parts)).digest());

const u32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

const fields = (...parts: readonly Uint8Array[]): Uint8Array =>
  concatBytes(parts.flatMap((part) => [u32(part.length), part]));

const openXChaCha = (key: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array): Uint8Array =>
  xchacha20poly1305(key, sealed.subarray(0, 24), associatedData).decrypt(sealed.subarray(24));

const dataKey = (term: number): Uint8Array => fromHex(ring.dataKeys.find((key) => key.term === term)?.key ?? "");

describe("the barrier's vectors", () => {
  it("of wrapped keys", () => {
    const { key, associatedData, plaintext, check, sealed, entropySeed } = vectors.rootKeyWrap;
    const wrap = createKeyWrap({ entropy: new SeededRandom(entropySeed) });
    const wrapped = wrap.wrap(fromHex(key), fromHex(associatedData), fromHex(plaintext));
    expect([toHex(wrapped.check), toHex(wrapped.sealed)]).toEqual([check, sealed]);
    const derive = (info: string): Uint8Array =>
      new Uint8Array(hkdfSync("sha256", fromHex(key), new Uint8Array(0), utf8(info), 32));
    expect(toHex(hmac(derive("strongroom key wrap v1 check"), fromHex(associatedData)))).toBe(check);
    expect(toHex(openXChaCha(derive("strongroom key wrap v1 seal"), fromHex(associatedData), fromHex(sealed)))).toBe(
      plaintext,
    );
  });

  it("of the keyring and its record", () => {
    expect(toHex(encodeKeyring(keyring))).toBe(ring.encoded);
    expect(decodeKeyring(fromHex(ring.encoded))).toEqual(keyring);
    const wrap = createKeyWrap({ entropy: new SeededRandom(ring.entropySeed) });
    expect(toHex(wrapKeyring(wrap, rootKey, keyring))).toBe(ring.record);
    expect(unwrapKeyring(wrap, rootKey, barrierId, fromHex(ring.record))).toEqual(keyring);
    const record = fromHex(ring.record);
    const key = new Uint8Array(hkdfSync("sha256", rootKey, new Uint8Array(0), utf8("strongroom key wrap v1 seal"), 32));
    const associatedData = concatBytes([utf8("strongroom keyring"), Uint8Array.of(1), barrierId]);
    expect(toHex(openXChaCha(key, associatedData, record.subarray(49)))).toBe(ring.encoded);
  });

  it("of the cluster record", () => {
    const { createdMs, name, encoded } = vectors.clusterRecord;
    expect(toHex(encodeClusterRecord({ clusterId, createdMs, name }))).toBe(encoded);
    expect(decodeClusterRecord(fromHex(encoded))).toEqual({ clusterId, createdMs, name });
  });

  it.each(names.leaves)("of the storage key of $path", ({ path, key }) => {
    const { barrier } = openBarrier(1);
    const view = barrier.view(new Transaction(new MemoryStore().localSnapshot()), scope);
    expect(toHex(view.storageKey(path))).toBe(key);
    let chain = hmac(keyring.nameKey, Uint8Array.of(0), scope.namespaceId, scope.mountId).slice(0, 16);
    const parts = [Uint8Array.of(0x20), scope.namespaceId, scope.mountId];
    const segments = path.split("/");
    segments.forEach((segment, depth) => {
      const leaf = depth === segments.length - 1;
      chain = hmac(keyring.nameKey, Uint8Array.of(leaf ? 2 : 1), chain, utf8(segment)).slice(0, 16);
      chain[0] = leaf ? (chain[0] as number) & 0x7f : (chain[0] as number) | 0x80;
      parts.push(chain);
    });
    expect(toHex(concatBytes(parts))).toBe(key);
  });

  it("of a row with a hidden name", () => {
    const tx = new Transaction(new MemoryStore().localSnapshot());
    const view = openBarrier(hiddenRow.entropySeed).barrier.view(tx, scope);
    view.put(hiddenRow.path, fromHex(hiddenRow.value));
    const key = view.storageKey(hiddenRow.path);
    expect(toHex(key)).toBe(hiddenRow.storageKey);
    expect(tx.peek(key)).toMatchObject({ term: hiddenRow.term, value: fromHex(hiddenRow.row) });

    const row = fromHex(hiddenRow.row);
    const boxEnd = 3 + (((row[1] as number) << 8) | (row[2] as number));
    const bound = (purpose: string, ...rest: readonly Uint8Array[]): Uint8Array =>
      fields(Uint8Array.of(1), utf8(purpose), barrierId, u32(hiddenRow.term), key, ...rest);
    const open = (associatedData: Uint8Array, sealed: Uint8Array): Uint8Array =>
      openXChaCha(dataKey(hiddenRow.term), associatedData, sealed);
    expect(fromUtf8(open(bound("name"), row.subarray(3, boxEnd)))).toBe(hiddenRow.path);
    expect(toHex(open(bound("value", utf8(hiddenRow.path)), row.subarray(boxEnd)))).toBe(hiddenRow.value);
  });

  it("of a sealed row", () => {
    const { barrier } = openBarrier(1);
    const [storageKey, row] = [fromHex(sealedRow.storageKey), fromHex(sealedRow.row)];
    expect(toHex(barrier.openValue(storageKey, sealedRow.purpose, { term: sealedRow.term, value: row }))).toBe(
      sealedRow.plaintext,
    );
    const associatedData = fields(
      Uint8Array.of(1),
      utf8(sealedRow.purpose),
      barrierId,
      u32(sealedRow.term),
      storageKey,
    );
    expect(row[0]).toBe(1);
    expect(toHex(openXChaCha(dataKey(sealedRow.term), associatedData, row.subarray(1)))).toBe(sealedRow.plaintext);
  });

  it("of a token's hash", () => {
    expect(toHex(openBarrier(1).barrier.hashTokenId(fromHex(vectors.token.id)))).toBe(vectors.token.hash);
    expect(toHex(hmac(keyring.tokenKey, fromHex(vectors.token.id)))).toBe(vectors.token.hash);
  });

  it.each(vectors.macs)("of the MAC of a $purpose", ({ purpose, keyId, message, mac }) => {
    const authenticator = new SharedCommandAuthenticator(openBarrier(1).keys);
    expect(authenticator.sign(fromHex(message), purpose)).toEqual({ keyId, mac: fromHex(mac) });
    expect(authenticator.verify(keyId, fromHex(message), fromHex(mac), purpose)).toBe("ok");
    const tag = { command: 1, checkpoint: 2, snapshot: 3 }[purpose];
    const boundTo = purpose === "snapshot" ? barrierId : clusterId;
    const key = keyring.macKeys.find(({ id }) => id === keyId)?.key ?? new Uint8Array(0);
    expect(toHex(hmac(key, Uint8Array.of(tag), u32(keyId), boundTo, fromHex(message)))).toBe(mac);
  });
});
