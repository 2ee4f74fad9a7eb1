/** What `core` asks of the seal, answered from the replicated state and by the node's `SealHost`. */
import { Barrier, createKeyWrap, decodeClusterRecord, SharedKeys } from "@strongroom/barrier";
import {
  type ClusterClient,
  createClusterCa,
  encodeNodeRecord,
  type NodeRecord,
  nodeKey,
  type WorkerStore,
} from "@strongroom/cluster";
import {
  AlreadyInitializedError,
  type InitializeOptions,
  InitRefusedError,
  type SealGate,
  type SealStatus,
} from "@strongroom/core";
import type { Clock, Entropy, Logger, SecretBytes, Timers } from "@strongroom/runtime";
import { StrongroomError, silentLogger } from "@strongroom/runtime";
import {
  createEphemeralKey,
  createShamirSeal,
  decodeSealRecord,
  type RekeyPhase,
  type RekeyProgress,
  type RekeyStatus,
  type SealConfig,
  sealTo,
} from "@strongroom/seal";
import { CLUSTER_KEY, SEAL_RECORD_KEY, Transaction } from "@strongroom/storage";
import type { WorkerTurnover } from "../node/worker-turnover.ts";
import { callServed } from "./call-served.ts";
import { uuidText } from "./ids.ts";
import { decodeOwnRekeyStatus, encodeOwnRekeyBegin, encodeOwnRekeyShare, openOwnRekeyReply } from "./rekey-messages.ts";
import { decodeStatus, OWN_METHOD, type OwnCeremonyStatus, SHARE_CONTEXT } from "./seal-host.ts";

export interface NodeSealGateParts {
  readonly store: WorkerStore;
  readonly cluster: ClusterClient;
  readonly barrier: Barrier;
  /** This node, as init writes it down. */
  readonly self: NodeRecord;
  readonly clusterName: string;
  /** True on a node that was told to join: it never makes a cluster of its own. */
  readonly joins: boolean;
  /** Whether a cluster has certified this node. */
  readonly isMember: () => boolean;
  readonly turnover: WorkerTurnover;
  /**
   * Has every worker of this node ended and started anew, and ends the turnover. Resolves when only new ones take connections;
   * rejects never.
   */
  readonly restartWorkers: () => Promise<void>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

const ASK_TIMEOUT_MS = 5_000;
const CLUSTER_ID_BYTES = 16;

export class NodeSealGate implements SealGate {
  readonly #parts: NodeSealGateParts;
  /** Of the workers, after the newest sealing. */
  #replaced: Promise<void> = Promise.resolve();
  /** That this worker came in. */
  readonly #turnover: number;

  constructor(parts: NodeSealGateParts) {
    this.#parts = parts;
    this.#turnover = parts.turnover.number;
  }

  async status(): Promise<SealStatus> {
    const status = this.#recorded();
    if (!status.initialized || !status.sealed) return status;
    // A sealed node may have no way to the collector; what its own state says is an answer all the same.
    const progress = await this.#ask(OWN_METHOD.status, new Uint8Array(0)).then(
      (own) => own.progress,
      () => 0,
    );
    return { ...status, progress };
  }

  async initialize(options: InitializeOptions): Promise<{ readonly keys: readonly SecretBytes[] }> {
    const { store, self, clusterName, joins, clock, entropy } = this.#parts;
    if (joins) {
      throw new InitRefusedError(
        "this node was started to join a cluster; initialise that cluster's first node, or start this one without a join token",
      );
    }
    const snapshot = store.localSnapshot();
    try {
      const tx = new Transaction(snapshot);
      if (tx.get(SEAL_RECORD_KEY) !== undefined) throw new AlreadyInitializedError();
      const clusterId = entropy.bytes(CLUSTER_ID_BYTES);
      const clusterCa = createClusterCa({ clusterId: uuidText(clusterId), entropy });
      const made = Barrier.initialize({ entropy, clock, clusterCa, clusterName, clusterId });
      clusterCa.privateKeyPkcs8.fill(0);
      const seal = await createShamirSeal(
        {
          shares: options.shares,
          threshold: options.threshold,
          barrierId: made.barrierId,
          generation: 1,
          rootKey: made.rootKey.expose(),
        },
        { keyWrap: createKeyWrap({ entropy }), entropy },
      );
      for (const mutation of made.mutations)
        if (mutation.kind === "put") tx.put(mutation.key, mutation.term, mutation.value);
      tx.put(SEAL_RECORD_KEY, 0, seal.record);
      tx.put(nodeKey(store.nodeId), 0, encodeNodeRecord(self));
      this.#prepareRows(options, tx, made);
      const verdict = await store.commitUnsigned(tx.draft(), { deadlineMs: options.deadlineMs });
      if (verdict.outcome === "applied") return { keys: seal.shares };
      for (const share of seal.shares) share.wipe();
      throw new AlreadyInitializedError();
    } finally {
      snapshot.release();
    }
  }

  async submitShare(share: Uint8Array): Promise<SealStatus> {
    const { entropy } = this.#parts;
    try {
      const recipientPublicKey = await this.#callHost(OWN_METHOD.key, new Uint8Array(0));
      const sealed = sealTo({ recipientPublicKey, context: SHARE_CONTEXT, plaintext: share }, entropy);
      const { progress } = await this.#ask(OWN_METHOD.share, sealed);
      return { ...this.#recorded(), progress };
    } finally {
      share.fill(0);
    }
  }

  async reset(): Promise<SealStatus> {
    try {
      const { progress } = await this.#ask(OWN_METHOD.reset, new Uint8Array(0));
      return { ...this.#recorded(), progress };
    } catch (error) {
      // Nothing to forget is what was asked for.
      if (error instanceof StrongroomError && error.code === "ceremony_refused") return this.#recorded();
      throw error;
    }
  }

  async beginRekey(config: SealConfig, verify: boolean): Promise<RekeyStatus> {
    return decodeOwnRekeyStatus(await this.#callHost(OWN_METHOD.rekeyBegin, encodeOwnRekeyBegin(config, verify)));
  }

  async rekeyStatus(): Promise<RekeyStatus> {
    return decodeOwnRekeyStatus(await this.#callHost(OWN_METHOD.rekeyStatus, new Uint8Array(0)));
  }

  async cancelRekey(): Promise<void> {
    await this.#callHost(OWN_METHOD.rekeyCancel, new Uint8Array(0));
  }

  async submitRekeyShare(phase: RekeyPhase, nonce: Uint8Array, share: Uint8Array): Promise<RekeyProgress> {
    const { entropy } = this.#parts;
    try {
      const hostKey = await this.#callHost(OWN_METHOD.key, new Uint8Array(0));
      const reply = createEphemeralKey(entropy);
      const payload = encodeOwnRekeyShare({ phase, nonce, share, hostKey, replyKey: reply.publicKey }, entropy);
      return openOwnRekeyReply(reply, await this.#callHost(OWN_METHOD.rekeyShare, payload));
    } finally {
      share.fill(0);
    }
  }

  /** Whoever connects from then on finds workers that can be given shares. */
  async seal(): Promise<void> {
    await this.takeKeysAway();
    await this.#replaced;
  }

  /** As `seal`, for the node itself, which waits for no workers. */
  async takeKeysAway(): Promise<void> {
    const { cluster, turnover, barrier, logger, restartWorkers } = this.#parts;
    await cluster.keysWithdrawn();
    turnover.begin();
    barrier.seal();
    logger.info("this node was sealed");
    this.#replaced = restartWorkers();
  }

  async #ask(method: string, payload: Uint8Array): Promise<OwnCeremonyStatus> {
    return decodeStatus(await this.#callHost(method, payload));
  }

  /**
   * Right after the start of a node, or of its workers, the one that handles the seal may come a moment later. One that is
   * about to end cannot wait for its successor.
   */
  #callHost(method: string, payload: Uint8Array): Promise<Uint8Array> {
    const { cluster, store, turnover } = this.#parts;
    if (turnover.number === this.#turnover)
      return callServed(this.#parts, { to: store.nodeId, method, payload, timeoutMs: ASK_TIMEOUT_MS });
    return cluster.call(store.nodeId, method, payload, { timeoutMs: ASK_TIMEOUT_MS });
  }

  /** What this node's own state says. */
  #recorded(): SealStatus {
    const { store, barrier } = this.#parts;
    const snapshot = store.localSnapshot();
    try {
      const record = snapshot.get(SEAL_RECORD_KEY);
      const sealed = barrier.sealed;
      // A node that has just joined belongs to a cluster that is set up, though its state is still on the way.
      const initialized = this.#parts.isMember();
      if (record === undefined) return { type: "shamir", initialized, sealed, t: 0, n: 0, progress: 0, nonce: "" };
      const { threshold, shares } = decodeSealRecord(record.value);
      const cluster = snapshot.get(CLUSTER_KEY);
      const named = cluster === undefined ? undefined : decodeClusterRecord(cluster.value);
      return {
        type: "shamir",
        initialized: true,
        sealed,
        t: threshold,
        n: shares,
        progress: 0,
        nonce: "",
        ...(named === undefined ? {} : { clusterName: named.name, clusterId: uuidText(named.clusterId) }),
      };
    } finally {
      snapshot.release();
    }
  }

  /** Core's rows are sealed with the keys that this very command creates, opened for as long as that takes. */
  #prepareRows(options: InitializeOptions, tx: Transaction, made: ReturnType<typeof Barrier.initialize>): void {
    const keys = SharedKeys.create();
    const barrier = new Barrier({}, { keys, entropy: this.#parts.entropy, logger: silentLogger });
    try {
      const { barrierId, clusterId, keyringRecord, rootKey } = made;
      barrier.open({ rootKey: rootKey.expose(), barrierId, clusterId, keyringRecord });
      options.prepare(tx, barrier);
    } finally {
      barrier.seal();
      made.rootKey.wipe();
    }
  }
}
