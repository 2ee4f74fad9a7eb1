import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import { SeededRandom } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { keyWords } from "./aead.ts";
import { IntegrityError, KeyringFullError, SealedError } from "./errors.ts";
import { createKeyring, type KeyringState, rotateKeyring } from "./keyring.ts";
import { MAX_KEYS, type OpenKeys, SharedKeys } from "./shared-keys.ts";

const entropy = new SeededRandom(5);
const clusterCa = { privateKeyPkcs8: new Uint8Array(100).fill(3), certificateDer: new Uint8Array(400).fill(4) };
const keyring = createKeyring({ barrierId: entropy.bytes(16), clusterCa, nowMs: 0, entropy });
const open: OpenKeys = { rootKey: entropy.bytes(32), clusterId: entropy.bytes(16), keyring };
const rotate = (ring: KeyringState): KeyringState => rotateKeyring(ring, { maxKeys: MAX_KEYS, nowMs: 1, entropy });

function published(): SharedKeys {
  const keys = SharedKeys.create();
  keys.publish(open);
  return keys;
}

describe("SharedKeys", () => {
  it("is sealed and empty at first", () => {
    const keys = SharedKeys.create();
    expect(keys.isOpen()).toBe(false);
    expect(() => keys.assertUnchanged(keys.state())).toThrow(SealedError);
    expect(keys.dataKeyWords(1)).toBeUndefined();
    expect(keys.macKeyView(1)).toBeUndefined();
  });

  it("shows what one publishes to all who attach", () => {
    const other = SharedKeys.attach(published().buffer);
    expect(other.isOpen()).toBe(true);
    expect(other.activeTerm()).toBe(1);
    expect(other.activeMacKeyId()).toBe(1);
    expect(other.barrierId()).toEqual(keyring.barrierId);
    expect(other.clusterId()).toEqual(open.clusterId);
    expect(other.rootKey()).toEqual(open.rootKey);
    expect(other.auditKey()).toEqual(keyring.auditKey);
    expect(other.clusterSigningSeed()).toEqual(keyring.clusterSigningSeed);
    expect(Uint8Array.from(other.nameKeyView())).toEqual(keyring.nameKey);
    expect(Uint8Array.from(other.tokenKeyView())).toEqual(keyring.tokenKey);
    expect(Uint8Array.from(other.macKeyView(1) ?? [])).toEqual(keyring.macKeys[0]?.key);
    expect(other.dataKeyWords(1)).toEqual(keyWords(keyring.dataKeys[0]?.key ?? new Uint8Array(0)));
    expect(other.clusterCaPrivateKey()).toEqual(clusterCa.privateKeyPkcs8);
    expect(other.clusterCaCertificate()).toEqual(clusterCa.certificateDer);
  });

  it("keeps the old keys when the keyring grows, and changes the generation", () => {
    const keys = published();
    const before = { generation: keys.generation(), state: keys.state() };
    keys.publish({ ...open, keyring: rotate(keyring) });
    expect(keys.activeTerm()).toBe(2);
    expect(keys.dataKeyWords(1)).toBeDefined();
    expect(keys.macKeyView(1)).toBeDefined();
    expect(keys.macKeyView(2)).toBeDefined();
    expect(keys.generation()).not.toBe(before.generation);
    expect(() => keys.assertUnchanged(before.state)).not.toThrow();
  });

  it("changes nothing when the same keys are published again", () => {
    const keys = published();
    const generation = keys.generation();
    keys.publish(open);
    expect(keys.generation()).toBe(generation);
  });

  it("takes a new root key and a new CA in place of the old ones", () => {
    const keys = published();
    const next = { privateKeyPkcs8: new Uint8Array(90).fill(8), certificateDer: new Uint8Array(500).fill(9) };
    keys.publish({ ...open, rootKey: new Uint8Array(32).fill(7), keyring: { ...keyring, clusterCa: next } });
    expect(keys.rootKey()).toEqual(new Uint8Array(32).fill(7));
    expect(keys.clusterCaPrivateKey()).toEqual(next.privateKeyPkcs8);
    expect(keys.clusterCaCertificate()).toEqual(next.certificateDer);
  });

  it("refuses an older keyring, and one of another barrier or cluster, and keeps what it has", () => {
    const keys = SharedKeys.create();
    const newer = rotate(keyring);
    keys.publish({ ...open, keyring: newer });
    const strangers: OpenKeys[] = [
      open,
      { ...open, keyring: { ...newer, barrierId: new Uint8Array(16) } },
      { ...open, keyring: { ...newer, nameKey: new Uint8Array(32) } },
      { ...open, keyring: { ...newer, dataKeys: newer.dataKeys.map((key) => ({ ...key, key: new Uint8Array(32) })) } },
      { ...open, keyring: newer, clusterId: new Uint8Array(16) },
    ];
    for (const stranger of strangers) expect(() => keys.publish(stranger)).toThrow(IntegrityError);
    expect(keys.activeTerm()).toBe(2);
    expect(keys.isOpen()).toBe(true);
  });

  it("holds no key byte after a wipe, and says so to who was reading", () => {
    const keys = published();
    const state = keys.state();
    keys.wipe();
    expect(keys.isOpen()).toBe(false);
    expect(() => keys.assertUnchanged(state)).toThrow(SealedError);
    const bytes = new Uint8Array(keys.buffer);
    expect(bytes.subarray(64).every((byte) => byte === 0)).toBe(true);
    expect(keys.dataKeyWords(1)).toBeUndefined();
    keys.wipe();
    expect(keys.isOpen()).toBe(false);
  });

  it("opens again after a wipe, in another state than before", () => {
    const keys = published();
    const state = keys.state();
    keys.wipe();
    keys.publish(open);
    expect(keys.isOpen()).toBe(true);
    expect(() => keys.assertUnchanged(state)).toThrow(SealedError);
  });

  it("leaves nothing behind when it is wiped in the middle of a publication", () => {
    const keys = SharedKeys.create();
    const wiping = {
      ...open,
      get rootKey(): Uint8Array {
        keys.wipe();
        return open.rootKey;
      },
    };
    expect(() => keys.publish(wiping)).toThrow(SealedError);
    expect(keys.isOpen()).toBe(false);
    expect(new Uint8Array(keys.buffer).subarray(64).every((byte) => byte === 0)).toBe(true);
    keys.publish(open);
    expect(keys.isOpen()).toBe(true);
  });

  it("is never open with zeroes, when it is wiped and opened again in the middle of a publication", () => {
    const keys = SharedKeys.create();
    const interrupted = {
      ...open,
      get rootKey(): Uint8Array {
        keys.wipe();
        keys.publish(open);
        return open.rootKey;
      },
    };
    expect(() => keys.publish(interrupted)).toThrow(SealedError);
    expect(keys.isOpen()).toBe(false);
    expect(new Uint8Array(keys.buffer).subarray(64).every((byte) => byte === 0)).toBe(true);
  });

  it("has room for a fixed number of keys, and says when they are used up", () => {
    let ring = keyring;
    while (ring.dataKeys.length < MAX_KEYS) ring = rotate(ring);
    const keys = SharedKeys.create();
    keys.publish({ ...open, keyring: ring });
    expect(keys.activeTerm()).toBe(MAX_KEYS);
    expect(keys.dataKeyWords(1)).toBeDefined();
    expect(() => rotate(ring)).toThrow(KeyringFullError);
  });

  it("prints nothing of itself", () => {
    const keys = published();
    expect(JSON.stringify({ keys })).toBe('{"keys":"[redacted]"}');
    expect(inspect({ keys })).toBe("{ keys: [redacted] }");
  });

  it("is open to other threads of the process", async () => {
    const keys = published();
    const source = `
      const { workerData, parentPort } = require("node:worker_threads");
      const words = new Int32Array(workerData);
      const wasOpen = (Atomics.load(words, 1) & 1) === 1;
      parentPort.postMessage(wasOpen);
    `;
    const worker = new Worker(source, { eval: true, workerData: keys.buffer });
    const seen = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    await worker.terminate();
    expect(seen).toBe(true);
  });
});
