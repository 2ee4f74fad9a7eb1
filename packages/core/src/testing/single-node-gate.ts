/**
 * A `SealGate` of one node over a store in memory: the real seal record, shares, ceremony and barrier, and nobody to ask but
 * itself. For tests of the request path and of the front doors.
 */
import { Barrier, createKeyWrap, decodeClusterRecord, SharedKeys } from "@strongroom/barrier";
import {
  type Clock,
  type Entropy,
  present,
  type SecretBytes,
  silentLogger,
  type Timers,
  toHex,
} from "@strongroom/runtime";
import {
  CeremonyService,
  createShamirSeal,
  decodeSealRecord,
  NotInitializedError,
  type RekeyChange,
  type RekeyPhase,
  type RekeyProgress,
  type RekeyStatus,
  type SealConfig,
  type SealRecord,
} from "@strongroom/seal";
import { CLUSTER_KEY, KEYRING_KEY, type ReplicatedStore, runTransaction, SEAL_RECORD_KEY } from "@strongroom/storage";
import { AlreadyInitializedError } from "../errors.ts";
import type { InitializeOptions, SealGate, SealStatus } from "../seal-gate.ts";

export class SingleNodeGate implements SealGate {
  readonly #store: ReplicatedStore;
  readonly #barrier: Barrier;
  readonly #entropy: Entropy;
  readonly #clock: Clock;
  readonly #ceremonies: CeremonyService;
  #nextRootKey: Uint8Array | undefined;

  constructor(parts: { store: ReplicatedStore; barrier: Barrier; entropy: Entropy; clock: Clock; timers: Timers }) {
    this.#store = parts.store;
    this.#barrier = parts.barrier;
    this.#entropy = parts.entropy;
    this.#clock = parts.clock;
    this.#ceremonies = new CeremonyService({
      nodeId: 1,
      bootCounter: 1,
      peers: { call: () => Promise.reject(new Error("there is nobody to call")) },
      collector: () => 1,
      members: () => [],
      sealRecord: () => this.#row(SEAL_RECORD_KEY),
      isOpen: () => !this.#barrier.sealed,
      onOpened: async (rootKey) => this.#open(rootKey),
      stageRootKey: (rootKey) => {
        this.#nextRootKey = rootKey.slice();
      },
      commitRekey: (change) => this.#commitRekey(change),
      sign: () => new Uint8Array(64),
      keyWrap: createKeyWrap({ entropy: parts.entropy }),
      clock: parts.clock,
      timers: parts.timers,
      entropy: parts.entropy,
      logger: silentLogger,
    });
    this.#store.onInvalidation(() => {
      const record = this.#row(KEYRING_KEY);
      if (record === undefined || this.#barrier.sealed) return;
      if (this.#nextRootKey === undefined) this.#barrier.refresh(record);
    });
  }

  async status(): Promise<SealStatus> {
    const record = this.#record();
    const cluster = this.#row(CLUSTER_KEY);
    const identity = cluster === undefined ? undefined : decodeClusterRecord(cluster);
    const progress = record === undefined ? 0 : (await this.#ceremonies.status()).progress;
    return {
      type: "shamir",
      initialized: record !== undefined,
      sealed: this.#barrier.sealed,
      t: record?.threshold ?? 0,
      n: record?.shares ?? 0,
      progress,
      nonce: "",
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
    if (this.#record() === undefined) throw new NotInitializedError();
    if (this.#barrier.sealed) await this.#ceremonies.submitShare(share);
    return this.status();
  }

  async reset(): Promise<SealStatus> {
    await this.#ceremonies.cancel({ kind: "authorized" }).catch(() => {});
    return this.status();
  }

  beginRekey(config: SealConfig, verify: boolean): Promise<RekeyStatus> {
    return this.#ceremonies.beginRekey(config, verify);
  }

  rekeyStatus(): Promise<RekeyStatus> {
    return this.#ceremonies.rekeyStatus();
  }

  cancelRekey(): Promise<void> {
    return this.#ceremonies.cancelRekey();
  }

  submitRekeyShare(phase: RekeyPhase, nonce: Uint8Array, share: Uint8Array): Promise<RekeyProgress> {
    return this.#ceremonies.submitRekeyShare(phase, nonce, share);
  }

  async seal(): Promise<void> {
    this.#ceremonies.close();
    this.#barrier.seal();
  }

  #open(rootKey: Uint8Array): void {
    const { barrierId } = present(this.#record(), "a ceremony has a seal");
    const keyringRecord = present(this.#row(KEYRING_KEY), "init wrote the keyring");
    const { clusterId } = decodeClusterRecord(present(this.#row(CLUSTER_KEY), "init wrote the cluster's row"));
    this.#barrier.open({ rootKey, barrierId, clusterId, keyringRecord });
  }

  async #commitRekey({ rootKey, record }: RekeyChange): Promise<"committed"> {
    const deadlineMs = this.#clock.monotonicMs() + 10_000;
    const { result } = await runTransaction(
      this.#store,
      (tx) => {
        const { value: keyringRecord } = present(tx.get(KEYRING_KEY), "init wrote the keyring");
        const keyring = this.#barrier.rekey({ keyringRecord, newRootKey: rootKey, nowMs: 0 });
        tx.put(KEYRING_KEY, 0, keyring);
        tx.put(SEAL_RECORD_KEY, 0, record);
        return keyring;
      },
      { mode: "write", deadlineMs },
    );
    this.#barrier.refresh(result, this.#nextRootKey);
    this.#nextRootKey = undefined;
    return "committed";
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
