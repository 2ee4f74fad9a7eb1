/**
 * The one place of a node where its seal is handled, in its first worker: it takes part in ceremonies for the node, opens the
 * barrier for all its threads, and keeps the published keys up with the keyring. The node's other workers hand it their
 * shares, sealed to a key of its own, so that no share lies in a message between threads.
 */
import {
  Barrier,
  createKeyWrap,
  decodeClusterRecord,
  IntegrityError,
  SharedCommandAuthenticator,
  SharedKeys,
} from "@strongroom/barrier";
import type {
  ClusterClient,
  NodeIdentity,
  ProvenState,
  ServedCaller,
  StateProver,
  WorkerStore,
} from "@strongroom/cluster";
import { caFingerprint, signNodeCertificate } from "@strongroom/cluster";
import {
  asError,
  assert,
  type Clock,
  type Entropy,
  fromUtf8,
  type Logger,
  StrongroomError,
  silentLogger,
  type Timers,
  utf8,
} from "@strongroom/runtime";
import {
  CEREMONY_METHOD,
  CeremonyService,
  type CeremonyStatus,
  createEphemeralKey,
  decodeSealRecord,
  type EphemeralKey,
  openSealed,
  StateUnprovenError,
} from "@strongroom/seal";
import { CLUSTER_KEY, KEYRING_KEY, SEAL_RECORD_KEY } from "@strongroom/storage";
import type { WorkerTurnover } from "../node/worker-turnover.ts";
import { callServed } from "./call-served.ts";
import { uuidText } from "./ids.ts";
import type { NodeDirectory } from "./node-directory.ts";
import { RekeyHost } from "./rekey-host.ts";
import {
  decodeOwnRekeyBegin,
  decodeOwnRekeyShare,
  encodeOwnRekeyReply,
  encodeOwnRekeyStatus,
  openOwnRekeyShare,
} from "./rekey-messages.ts";
import { foundRestoredCluster, hasForeignCa } from "./restored-cluster.ts";

export interface SealHostParts {
  readonly store: WorkerStore;
  readonly cluster: ClusterClient;
  readonly barrier: Barrier;
  readonly identity: NodeIdentity;
  readonly nodes: NodeDirectory;
  readonly prover: StateProver;
  readonly self: {
    readonly name: string;
    readonly clusterAddress: string;
    readonly apiAddress: string;
    readonly grpcAddress: string;
  };
  /** The identity has just been certified: the cluster port can be opened. */
  readonly onCertified: () => void;
  /** Takes the keys away from all threads of this node. */
  readonly sealNode: () => Promise<void>;
  /** While it is under way this worker, and the one that follows it, take part in no ceremony. */
  readonly turnover: WorkerTurnover;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** Methods that only the node's own workers may call. */
export const OWN_METHOD = {
  key: "own.seal-key",
  share: "own.seal-share",
  status: "own.seal-status",
  reset: "own.seal-reset",
  rekeyBegin: "own.rekey-begin",
  rekeyStatus: "own.rekey-status",
  rekeyCancel: "own.rekey-cancel",
  rekeyShare: "own.rekey-share",
} as const;

export const SHARE_CONTEXT: Uint8Array = utf8("strongroom share within its node v1");

const CALL_TIMEOUT_MS = 5_000;
const PUBLISH_ATTEMPTS = 50;
/** Shorter together than a call between nodes may take. */
const RECORD_ATTEMPTS = 200;
const PAUSE_MS = 20;

/** What travels between a node's own workers. */
export interface OwnCeremonyStatus {
  readonly sealed: boolean;
  readonly progress: number;
}

class StateMissingError extends StrongroomError {
  readonly code = "unavailable";
}

class ForeignCallerError extends StrongroomError {
  readonly code = "permission_denied";
}

/** As of a method that nobody serves: whoever asks, asks again. */
class TurnoverError extends StrongroomError {
  readonly code = "unserved";

  constructor() {
    super("the workers of this node, which was sealed, are being replaced; try again in a moment");
  }
}

export class SealHost {
  readonly #parts: SealHostParts;
  readonly #ceremonies: CeremonyService;
  readonly #rekey: RekeyHost;
  readonly #shareKey: EphemeralKey;
  #publishing: Promise<void> = Promise.resolve();

  constructor(parts: SealHostParts) {
    this.#parts = parts;
    this.#shareKey = createEphemeralKey(parts.entropy);
    this.#rekey = new RekeyHost(parts);
    this.#ceremonies = new CeremonyService(this.#ceremonyParts());
    this.#serve();
    parts.store.onInvalidation((event) => {
      const concerned = event.type === "all" || event.keys.some((key) => key.length === 1 && key[0] === KEYRING_KEY[0]);
      if (concerned && !parts.barrier.sealed) this.#refresh();
    });
  }

  /**
   * At the start of this worker, beside others that may be open already: tells the replica that the keys are there. After a
   * sealing, that they are not: a word of keys that left one worker while another sealed the node may have come last.
   */
  async announce(): Promise<void> {
    const { barrier, cluster, turnover } = this.#parts;
    if (!barrier.sealed) await this.#publishKeys();
    else if (turnover.number > 0) await cluster.keysWithdrawn();
  }

  close(): void {
    this.#ceremonies.close();
    this.#rekey.close();
  }

  #serve(): void {
    const { cluster } = this.#parts;
    cluster.serve(CEREMONY_METHOD, async (payload, caller) => {
      if (caller.nodeId === undefined) throw new ForeignCallerError("a ceremony takes a member's certificate");
      this.#assertSettled();
      return this.#ceremonies.handle(payload, caller.nodeId);
    });
    const own = (method: string, handler: (payload: Uint8Array) => Promise<Uint8Array>) =>
      cluster.serve(method, async (payload, caller) => {
        this.#assertOwn(caller);
        return handler(payload);
      });
    own(OWN_METHOD.key, async () => this.#shareKey.publicKey);
    own(OWN_METHOD.status, async () => encodeStatus(await this.#ceremonies.status()));
    own(OWN_METHOD.reset, async () => {
      await this.#ceremonies.cancel({ kind: "authorized" });
      return encodeStatus(await this.#ceremonies.status());
    });
    own(OWN_METHOD.rekeyBegin, async (payload) => {
      const { config, verify } = decodeOwnRekeyBegin(payload);
      return encodeOwnRekeyStatus(await this.#ceremonies.beginRekey(config, verify));
    });
    own(OWN_METHOD.rekeyStatus, async () => encodeOwnRekeyStatus(await this.#ceremonies.rekeyStatus()));
    own(OWN_METHOD.rekeyCancel, async () => {
      await this.#ceremonies.cancelRekey();
      return new Uint8Array(0);
    });
    own(OWN_METHOD.rekeyShare, (payload) => this.#takeRekeyShare(payload));
    own(OWN_METHOD.share, async (sealed) => {
      this.#assertSettled();
      const share = openSealed({ recipient: this.#shareKey, context: SHARE_CONTEXT, sealed });
      try {
        return encodeStatus(await this.#ceremonies.submitShare(share));
      } finally {
        share.fill(0);
      }
    });
  }

  /** As the shares of an unsealing, and the answer's new shares are sealed to a key of the worker that asked. */
  async #takeRekeyShare(payload: Uint8Array): Promise<Uint8Array> {
    const { replyKey, sealed } = decodeOwnRekeyShare(payload);
    const { phase, nonce, share } = openOwnRekeyShare(this.#shareKey, sealed);
    try {
      const progress = await this.#ceremonies.submitRekeyShare(phase, nonce, share);
      return encodeOwnRekeyReply(progress, replyKey, this.#parts.entropy);
    } finally {
      share.fill(0);
    }
  }

  #assertSettled(): void {
    if (this.#parts.turnover.underWay) throw new TurnoverError();
  }

  #assertOwn(caller: ServedCaller): void {
    if (caller.nodeId !== this.#parts.store.nodeId)
      throw new ForeignCallerError("only the node's own workers may ask this");
  }

  #ceremonyParts(): ConstructorParameters<typeof CeremonyService>[0] {
    const { store, cluster, barrier, identity, nodes, clock, timers, entropy, logger } = this.#parts;
    return {
      nodeId: store.nodeId,
      bootCounter: store.incarnation,
      peers: {
        call: (to, method, payload) =>
          callServed({ cluster, clock, timers }, { to, method, payload, timeoutMs: CALL_TIMEOUT_MS }),
      },
      collector: () => (store.leaderId === 0 ? undefined : store.leaderId),
      members: () => nodes.nodes,
      sealRecord: () => readValue(store, SEAL_RECORD_KEY),
      isOpen: () => !barrier.sealed,
      onOpened: (rootKey) => this.open(rootKey),
      stageRootKey: (rootKey) => this.#rekey.stage(rootKey),
      commitRekey: (change) => this.#rekey.commit(change),
      sign: (message) => identity.sign(message),
      keyWrap: createKeyWrap({ entropy }),
      clock,
      timers,
      entropy,
      logger,
    };
  }

  /** The one node of a restored cluster gives it a CA of its own; a node that could not is sealed, and opened again. */
  async #found(proven: ProvenState): Promise<void> {
    const { barrier, identity, sealNode, logger } = this.#parts;
    const self = { ...this.#parts.self, identityPublicKey: identity.publicKeySpki };
    try {
      await this.#publishKeys(proven);
      await foundRestoredCluster({ ...this.#parts, self });
      await this.#publishKeys();
      assert(!hasForeignCa(barrier), "what was committed is in force here");
      logger.info("this cluster was restored from a snapshot and has a new authority over its nodes");
    } catch (error) {
      await sealNode();
      throw error;
    }
  }

  /**
   * Opens this node's barrier for all its threads, once its state is proven. `rootKey` stays the caller's to wipe. Throws
   * `StateUnprovenError`, and `StateWrongError` on a node that ends for it.
   */
  async open(rootKey: Uint8Array): Promise<void> {
    const { cluster, barrier, prover, turnover } = this.#parts;
    // Begun since the ceremony was looked at.
    if (turnover.underWay) throw new StateUnprovenError();
    if (!barrier.sealed) return this.#publishKeys();
    // To a node that has just joined they are still on their way.
    await this.#records();
    const held = await prover.hold();
    try {
      const { sealRecord, keyringRecord, clusterRecord } = await this.#records();
      const { barrierId } = decodeSealRecord(sealRecord);
      const { clusterId } = decodeClusterRecord(clusterRecord);
      const keys = { rootKey, barrierId, clusterId, keyringRecord };
      const proven = await this.#withKeys(keys, (authenticator) => prover.prove(held, authenticator));
      barrier.open({ ...keys, keyringRecord: (await this.#records()).keyringRecord });
      if (hasForeignCa(barrier)) await this.#found(proven);
      this.#certify(clusterId);
      await this.#publishKeys(proven);
    } finally {
      held.close();
      await cluster.endProof();
    }
  }

  /** Keys of this thread alone, for as long as `use` takes: the node is as sealed as before. */
  async #withKeys<T>(
    keys: Parameters<Barrier["open"]>[0],
    use: (authenticator: SharedCommandAuthenticator) => Promise<T>,
  ): Promise<T> {
    const shared = SharedKeys.create();
    const barrier = new Barrier({}, { keys: shared, entropy: this.#parts.entropy, logger: silentLogger });
    try {
      barrier.open(keys);
      return await use(new SharedCommandAuthenticator(shared));
    } finally {
      barrier.seal();
    }
  }

  /** The rows that opening takes; to a node that has just joined they are still on their way. */
  async #records(): Promise<{ sealRecord: Uint8Array; keyringRecord: Uint8Array; clusterRecord: Uint8Array }> {
    const { store, timers } = this.#parts;
    for (let attempt = 1; attempt <= RECORD_ATTEMPTS; attempt++) {
      const sealRecord = readValue(store, SEAL_RECORD_KEY);
      const keyringRecord = readValue(store, KEYRING_KEY);
      const clusterRecord = readValue(store, CLUSTER_KEY);
      if (sealRecord !== undefined && keyringRecord !== undefined && clusterRecord !== undefined) {
        return { sealRecord, keyringRecord, clusterRecord };
      }
      await new Promise<void>((resolve) => timers.after(PAUSE_MS, resolve));
    }
    throw new StateMissingError(
      "this node has joined the cluster but does not have its state yet; give the shares again in a moment",
    );
  }

  /** The first node of a cluster has nobody who certifies it: once open it has the authority's key itself. */
  #certify(clusterId: Uint8Array): void {
    const { identity, barrier, store, self, entropy, logger } = this.#parts;
    if (identity.membership !== undefined) return;
    const ca = barrier.clusterCa();
    try {
      const id = uuidText(clusterId);
      const certificateDer = signNodeCertificate(
        { certificateDer: ca.certificateDer, privateKeyPkcs8: ca.privateKeyPkcs8.expose() },
        { clusterId: id, nodeId: store.nodeId, publicKeySpki: identity.publicKeySpki, entropy },
      );
      identity.adopt({
        clusterId: id,
        nodeId: store.nodeId,
        certificateDer,
        caCertificateDer: ca.certificateDer,
        ...self,
      });
      logger.info("this node is certified", { clusterId: id, caFingerprint: caFingerprint(ca.certificateDer) });
    } finally {
      ca.privateKeyPkcs8.wipe();
    }
    this.#parts.onCertified();
  }

  /**
   * Tells the replica that it can check MACs; if the keyring has changed meanwhile, with the newer keys. A replica that does
   * not believe its state to be proven leaves the node sealed.
   */
  async #publishKeys(proven?: ProvenState): Promise<void> {
    const { store, cluster, barrier, timers } = this.#parts;
    for (let attempt = 1; !barrier.sealed; attempt++) {
      const snapshot = store.localSnapshot();
      const row = snapshot.get(KEYRING_KEY);
      snapshot.release();
      if (row === undefined) return;
      this.#rekey.refresh(row.value);
      try {
        await cluster.keysPublished(row.revision.index, proven);
        return;
      } catch (error) {
        if (error instanceof StrongroomError && error.code === "unproven") barrier.seal();
        const stale = error instanceof StrongroomError && error.code === "stale_keyring";
        if (!stale || attempt === PUBLISH_ATTEMPTS) throw error;
        await new Promise<void>((resolve) => timers.after(PAUSE_MS, resolve));
      }
    }
  }

  #refresh(): void {
    this.#publishing = this.#publishing
      .then(() => this.#publishKeys())
      .catch((error: unknown) => this.#keyringLost(asError(error)));
  }

  /** With keys that the cluster no longer uses a node could only serve what is old. */
  async #keyringLost(error: Error): Promise<void> {
    const { logger, barrier, sealNode } = this.#parts;
    logger.error("the changed keyring could not be opened", { error });
    if (!(error instanceof IntegrityError) || barrier.sealed) return;
    logger.error(
      "this node seals itself: the cluster was rekeyed while it could not be told; unseal it with the new shares",
    );
    await sealNode().catch((cause: unknown) =>
      logger.error("this node could not be sealed", { error: asError(cause) }),
    );
  }
}

function readValue(store: WorkerStore, key: Uint8Array): Uint8Array | undefined {
  const snapshot = store.localSnapshot();
  try {
    return snapshot.get(key)?.value;
  } finally {
    snapshot.release();
  }
}

function encodeStatus({ sealed, progress }: CeremonyStatus): Uint8Array {
  return utf8(JSON.stringify({ sealed, progress } satisfies OwnCeremonyStatus));
}

export function decodeStatus(bytes: Uint8Array): OwnCeremonyStatus {
  return JSON.parse(fromUtf8(bytes)) as OwnCeremonyStatus;
}
