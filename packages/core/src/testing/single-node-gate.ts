/**
 * A `SealGate` of one node over a store in memory: the real seal record, shares, ceremony and barrier, and nobody to ask but
 * itself. For tests of the request path and of the front doors.
 */
import { Barrier, createKeyWrap, decodeClusterRecord, SharedKeys } from "@strongroom/barrier";
import { type Clock, type Entropy, present, type SecretBytes, silentLogger, toHex } from "@strongroom/runtime";
import {
  createShamirSeal,
  decodeSealRecord,
  InvalidShareError,
  NotInitializedError,
  type SealRecord,
  UnsealCeremony,
  WrongShareError,
} from "@strongroom/seal";
import { CLUSTER_KEY, KEYRING_KEY, type ReplicatedStore, runTransaction, SEAL_RECORD_KEY } from "@strongroom/storage";
import { AlreadyInitializedError } from "../errors.ts";
import type { InitializeOptions, SealGate, SealStatus } from "../seal-gate.ts";

export class SingleNodeGate implements SealGate {
  readonly #store: ReplicatedStore;
  readonly #barrier: Barrier;
  readonly #entropy: Entropy;
  readonly #clock: Clock;
  #ceremony: UnsealCeremony | undefined;

  constructor(parts: { store: ReplicatedStore; barrier: Barrier; entropy: Entropy; clock: Clock }) {
    this.#store = parts.store;
    this.#barrier = parts.barrier;
    this.#entropy = parts.entropy;
    this.#clock = parts.clock;
  }

  async status(): Promise<SealStatus> {
    const record = this.#record();
    const cluster = this.#row(CLUSTER_KEY);
    const identity = cluster === undefined ? undefined : decodeClusterRecord(cluster);
    const progress = this.#ceremony?.progress ?? 0;
    return {
      type: "shamir",
      initialized: record !== undefined,
      sealed: this.#barrier.sealed,
      t: record?.threshold ?? 0,
      n: record?.shares ?? 0,
      progress,
      nonce: progress === 0 || this.#ceremony === undefined ? "" : toHex(this.#ceremony.nonce),
      ...(identity === undefined ? undefined : { clusterName: identity.name, clusterId: toHex(identity.clusterId) }),
    };
  }

  async initialize(options: InitializeOptions): Promise<{ readonly keys: readonly SecretBytes[] }> {
    const { shares, threshold, prepare, deadlineMs } = options;
    const entropy = this.#entropy;
    const clusterCa = { privateKeyPkcs8: new Uint8Array(0), certificateDer: new Uint8Array(0) };
    const made = Barrier.initialize({ entropy, clock: this.#clock, clusterCa, clusterName: "test-cluster" });
    const { barrierId, clusterId, rootKey, keyringRecord } = made;
    const seal = await createShamirSeal(
      { shares, threshold, barrierId, generation: 1, rootKey: rootKey.expose() },
      { keyWrap: createKeyWrap({ entropy }), entropy },
    );
    const keys = SharedKeys.create();
    const barrier = new Barrier({}, { keys, entropy, logger: silentLogger });
    barrier.open({ rootKey: rootKey.expose(), barrierId, clusterId, keyringRecord });
    let prepared = false;
    await runTransaction(
      this.#store,
      (tx) => {
        if (tx.get(SEAL_RECORD_KEY) !== undefined || prepared) throw new AlreadyInitializedError();
        prepared = true;
        tx.put(SEAL_RECORD_KEY, 0, seal.record);
        for (const put of made.mutations) if (put.kind === "put") tx.put(put.key, put.term, put.value);
        prepare(tx, barrier);
      },
      { mode: "write", deadlineMs },
    );
    barrier.seal();
    rootKey.wipe();
    return { keys: seal.shares };
  }

  async submitShare(share: Uint8Array): Promise<SealStatus> {
    const record = this.#record();
    if (record === undefined) throw new NotInitializedError();
    if (!this.#barrier.sealed) return this.status();
    const nowMs = this.#clock.monotonicMs();
    if (this.#ceremony === undefined || this.#ceremony.isClosed(nowMs)) {
      this.#ceremony = UnsealCeremony.begin({ record, entropy: this.#entropy, nowMs });
    }
    const result = this.#ceremony.addShare(share, nowMs);
    if (result.type === "wrong-share") throw new WrongShareError();
    if (result.type === "closed") throw new InvalidShareError("the ceremony is over");
    if (result.type === "accepted" && result.ready) await this.#open(this.#ceremony, record);
    return this.status();
  }

  async reset(): Promise<SealStatus> {
    this.#ceremony?.close();
    this.#ceremony = undefined;
    return this.status();
  }

  async seal(): Promise<void> {
    this.#barrier.seal();
  }

  async #open(ceremony: UnsealCeremony, record: SealRecord): Promise<void> {
    const rootKey = await ceremony.complete(createKeyWrap({ entropy: this.#entropy }));
    const keyringRecord = present(this.#row(KEYRING_KEY), "init wrote the keyring");
    const { clusterId } = decodeClusterRecord(present(this.#row(CLUSTER_KEY), "init wrote the cluster's row"));
    this.#barrier.open({ rootKey: rootKey.expose(), barrierId: record.barrierId, clusterId, keyringRecord });
    rootKey.wipe();
    this.#ceremony = undefined;
  }

  #record(): SealRecord | undefined {
    const row = this.#row(SEAL_RECORD_KEY);
    return row === undefined ? undefined : decodeSealRecord(row);
  }

  #row(key: Uint8Array): Uint8Array | undefined {
    const snapshot = this.#store.localSnapshot();
    try {
      return snapshot.get(key)?.value;
    } finally {
      snapshot.release();
    }
  }
}
