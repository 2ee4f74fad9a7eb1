import { inspect } from "node:util";
import { silentLogger } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";
import { CLUSTER_KEY, EPOCH_KEY, KEY_KIND, KEYRING_KEY, Transaction } from "@strongroom/storage";
import { MemoryStore } from "@strongroom/storage/testing";
import { describe, expect, it } from "vitest";
import { Barrier } from "./barrier.ts";
import { decodeClusterRecord } from "./cluster-record.ts";
import { IntegrityError, SealedError, UnknownFormatError } from "./errors.ts";
import { accessorRowKey, tokenRowKey } from "./sealed-rows.ts";
import { SharedKeys } from "./shared-keys.ts";
import { openTestBarrier, TEST_SCOPE } from "./testing/test-barrier.ts";

const transaction = (): Transaction => new Transaction(new MemoryStore().localSnapshot());
const plaintext = Uint8Array.of(1, 2, 3, 4);

describe("Barrier.initialize", () => {
  it("gives the records and their puts, in clear rows, from entropy alone", () => {
    const { initialized } = openTestBarrier(7);
    const again = openTestBarrier(7).initialized;
    expect(initialized.keyringRecord).toEqual(again.keyringRecord);
    expect(openTestBarrier(8).initialized.rootKey.expose()).not.toEqual(initialized.rootKey.expose());
    expect(initialized.mutations).toEqual([
      { kind: "put", key: KEYRING_KEY, term: 0, value: initialized.keyringRecord },
      { kind: "put", key: CLUSTER_KEY, term: 0, value: initialized.clusterRecord },
    ]);
    expect(decodeClusterRecord(initialized.clusterRecord)).toEqual({
      clusterId: initialized.clusterId,
      createdMs: Date.UTC(2030, 0, 1),
      name: "test",
    });
  });

  it("prints no key", () => {
    const { initialized } = openTestBarrier();
    const root = Buffer.from(initialized.rootKey.expose());
    for (const text of [JSON.stringify(initialized), inspect(initialized, { depth: 9 })]) {
      expect(text).toContain("[redacted]");
      expect(text).not.toContain(root.toString("hex"));
      expect(text).not.toContain([...root].join(","));
    }
  });
});

describe("Barrier", () => {
  it("opens with what initialize gave, and every thread's barrier with it", () => {
    const { barrier, keys, initialized } = openTestBarrier();
    const other = new Barrier(
      {},
      { keys: SharedKeys.attach(keys.buffer), entropy: new SeededRandom(9), logger: silentLogger },
    );
    expect([barrier.sealed, other.sealed]).toEqual([false, false]);
    expect(other.rootKey().expose()).toEqual(initialized.rootKey.expose());
    expect(other.barrierId).toEqual(initialized.barrierId);
    expect(other.clusterId).toEqual(initialized.clusterId);
    expect(other.clusterCa().privateKeyPkcs8.expose()).toEqual(Uint8Array.of(1, 2, 3));
    expect(other.clusterCa().certificateDer).toEqual(Uint8Array.of(4, 5, 6, 7));
    expect(other.auditKey().expose()).not.toEqual(other.clusterSigningSeed().expose());
    const { term, value } = barrier.sealValue(EPOCH_KEY, "epoch", plaintext);
    expect(other.openValue(EPOCH_KEY, "epoch", { term, value })).toEqual(plaintext);
    other.seal();
    expect(barrier.sealed).toBe(true);
  });

  it("refuses all work once sealed, and takes it up again when opened", () => {
    const { barrier, reopen } = openTestBarrier();
    const tx = transaction();
    const view = barrier.view(tx, TEST_SCOPE);
    const sealed = barrier.sealValue(EPOCH_KEY, "epoch", plaintext);
    view.put("a/b", plaintext);
    const hash = barrier.hashTokenId(plaintext);
    barrier.seal();
    barrier.seal();
    const attempts = [
      () => view.get("a/b"),
      () => view.put("a/b", plaintext),
      () => view.delete("a/b"),
      () => barrier.sealValue(EPOCH_KEY, "epoch", plaintext),
      () => barrier.openValue(EPOCH_KEY, "epoch", sealed),
      () => barrier.hashTokenId(plaintext),
      () => barrier.signCommand(plaintext),
      () => barrier.rootKey(),
      () => barrier.clusterCa(),
      () => barrier.barrierId,
    ];
    for (const attempt of attempts) expect(attempt).toThrow(SealedError);
    reopen();
    expect(barrier.view(tx, TEST_SCOPE).get("a/b")).toEqual(plaintext);
    expect(barrier.openValue(EPOCH_KEY, "epoch", sealed)).toEqual(plaintext);
    expect(barrier.hashTokenId(plaintext)).toEqual(hash);
  });

  it("gives one error for a wrong root key, a foreign record and a wrong barrier id, and stays sealed", () => {
    const { barrier, initialized } = openTestBarrier(1);
    const foreign = openTestBarrier(2).initialized;
    barrier.seal();
    const { rootKey, barrierId, clusterId, keyringRecord } = initialized;
    const good = { rootKey: rootKey.expose(), barrierId, clusterId, keyringRecord };
    const messages = [
      { ...good, rootKey: foreign.rootKey.expose() },
      { ...good, keyringRecord: foreign.keyringRecord },
      { ...good, barrierId: foreign.barrierId },
    ].map((parts) => {
      try {
        barrier.open(parts);
      } catch (error) {
        return error instanceof IntegrityError ? error.message : String(error);
      }
      return "opened";
    });
    expect(new Set(messages)).toEqual(new Set([new IntegrityError("the keyring").message]));
    expect(barrier.sealed).toBe(true);
  });

  it("rotates: new rows under the new term, old rows still open, nothing else changes", () => {
    const { barrier, initialized, keys } = openTestBarrier();
    const tx = transaction();
    const view = barrier.view(tx, TEST_SCOPE);
    view.put("old", plaintext);
    const names = {
      key: view.storageKey("old"),
      token: barrier.hashTokenId(plaintext),
      audit: barrier.auditKey().expose(),
    };
    const record = barrier.rotate({ keyringRecord: initialized.keyringRecord, nowMs: 5 });
    expect(barrier.sealValue(EPOCH_KEY, "x", plaintext).term).toBe(1);
    barrier.refresh(record);
    expect(barrier.sealValue(EPOCH_KEY, "x", plaintext).term).toBe(2);
    expect(view.get("old")).toEqual(plaintext);
    expect(view.storageKey("old")).toEqual(names.key);
    expect(barrier.hashTokenId(plaintext)).toEqual(names.token);
    expect(barrier.auditKey().expose()).toEqual(names.audit);
    view.put("new", plaintext);
    expect(tx.peek(view.storageKey("new"))?.term).toBe(2);
    expect(keys.activeTerm()).toBe(2);
  });

  it("rekeys: the new root key opens it, with a new data key; the old root key opens neither the row nor a new value", () => {
    const { barrier, initialized } = openTestBarrier();
    const newRootKey = new Uint8Array(32).fill(9);
    const record = barrier.rekey({ keyringRecord: initialized.keyringRecord, newRootKey, nowMs: 5 });
    expect(() => barrier.refresh(record)).toThrow(IntegrityError);
    barrier.refresh(record, newRootKey);
    expect(barrier.rootKey().expose()).toEqual(newRootKey);
    expect(barrier.keyInfo(record)).toEqual({ term: 2, installedMs: 5 });
    const row = barrier.sealValue(EPOCH_KEY, "x", plaintext);
    const old = openTestBarrier().barrier;
    expect(() => old.refresh(record)).toThrow(IntegrityError);
    expect(() => old.openValue(EPOCH_KEY, "x", row)).toThrow(IntegrityError);
  });

  it("takes another cluster CA, and changes nothing else", () => {
    const { barrier, initialized } = openTestBarrier();
    const row = barrier.sealValue(EPOCH_KEY, "x", plaintext);
    const clusterCa = { privateKeyPkcs8: Uint8Array.of(1, 2, 3), certificateDer: Uint8Array.of(4, 5) };
    const { keyringRecord } = initialized;
    const record = barrier.renewClusterCa({ keyringRecord, clusterCa });
    expect(barrier.clusterCa().certificateDer).not.toEqual(clusterCa.certificateDer);
    barrier.refresh(record);
    const held = barrier.clusterCa();
    expect([held.certificateDer, held.privateKeyPkcs8.expose()]).toEqual([
      clusterCa.certificateDer,
      Uint8Array.of(1, 2, 3),
    ]);
    expect(clusterCa.privateKeyPkcs8).toEqual(Uint8Array.of(1, 2, 3));
    expect(barrier.keyInfo(record)).toEqual(barrier.keyInfo(keyringRecord));
    expect(barrier.openValue(EPOCH_KEY, "x", row)).toEqual(plaintext);
  });

  it("refuses an older keyring record while open", () => {
    const { barrier, initialized } = openTestBarrier();
    barrier.refresh(barrier.rotate({ keyringRecord: initialized.keyringRecord, nowMs: 5 }));
    expect(() => barrier.refresh(initialized.keyringRecord)).toThrow(IntegrityError);
    expect(barrier.sealValue(EPOCH_KEY, "x", plaintext).term).toBe(2);
  });

  it("hashes token ids under the token key, to all 32 bytes", () => {
    const { barrier } = openTestBarrier();
    expect(barrier.hashTokenId(Uint8Array.of(1))).toHaveLength(32);
    expect(barrier.hashTokenId(Uint8Array.of(1))).toEqual(barrier.hashTokenId(Uint8Array.of(1)));
    expect(barrier.hashTokenId(Uint8Array.of(1))).not.toEqual(barrier.hashTokenId(Uint8Array.of(2)));
    expect(barrier.hashTokenId(Uint8Array.of(1))).not.toEqual(openTestBarrier(2).barrier.hashTokenId(Uint8Array.of(1)));
    expect(tokenRowKey(barrier.hashTokenId(plaintext))[0]).toBe(KEY_KIND.token);
    expect(accessorRowKey(barrier.hashTokenId(plaintext))).toHaveLength(33);
  });
});

describe("SealedRows", () => {
  const key = Uint8Array.of(KEY_KIND.token, 1, 2);

  it("keeps values under their keys, guarded", () => {
    const { barrier } = openTestBarrier();
    const tx = transaction();
    const rows = barrier.rows(tx, "token");
    expect(rows.get(key)).toBeUndefined();
    rows.put(key, plaintext);
    expect(rows.get(key)).toEqual(plaintext);
    expect(Buffer.from(tx.peek(key)?.value ?? []).includes(Buffer.from(plaintext))).toBe(false);
    expect(tx.draft().guards).toEqual([{ kind: "absent", key }]);
    rows.delete(key);
    expect(rows.get(key)).toBeUndefined();
  });

  it("opens nothing that was moved, meant for something else, of another barrier or term, or changed", () => {
    const { barrier, initialized } = openTestBarrier();
    barrier.refresh(barrier.rotate({ keyringRecord: initialized.keyringRecord, nowMs: 0 }));
    const row = barrier.sealValue(key, "token", plaintext);
    const open =
      (parts: { key?: Uint8Array; purpose?: string; term?: number; value?: Uint8Array; by?: Barrier }) => () =>
        (parts.by ?? barrier).openValue(parts.key ?? key, parts.purpose ?? "token", {
          term: parts.term ?? row.term,
          value: parts.value ?? row.value,
        });
    expect(open({})()).toEqual(plaintext);
    expect(open({ key: Uint8Array.of(KEY_KIND.token, 1, 3) })).toThrow(IntegrityError);
    expect(open({ purpose: "lease" })).toThrow(IntegrityError);
    expect(open({ by: openTestBarrier(2).barrier })).toThrow(IntegrityError);
    for (const term of [0, 1, 3]) expect(open({ term })).toThrow(IntegrityError);
    for (let i = 1; i < row.value.length; i++) {
      expect(open({ value: row.value.map((byte, at) => (at === i ? byte ^ 4 : byte)) })).toThrow(IntegrityError);
    }
    expect(open({ value: new Uint8Array(0) })).toThrow(IntegrityError);
    expect(open({ value: Uint8Array.of(1) })).toThrow(IntegrityError);
    expect(open({ value: Uint8Array.of(2, ...row.value.subarray(1)) })).toThrow(UnknownFormatError);
  });

  it("seals equal values to different bytes", () => {
    const { barrier } = openTestBarrier();
    expect(barrier.sealValue(key, "token", plaintext).value).not.toEqual(
      barrier.sealValue(key, "token", plaintext).value,
    );
  });
});
