/**
 * The worker's side of a node: front doors, core and engines over the replicated store. A node has several, which share
 * nothing but the table on disk and the keys in shared memory.
 */
import { join } from "node:path";
import { startGrpcServer, startHttpServer } from "@strongroom/api";
import { approleFactory, userpassFactory } from "@strongroom/auth";
import { Barrier, SharedCommandAuthenticator, type SharedKeys } from "@strongroom/barrier";
import {
  Autopilot,
  CheckpointKeeper,
  ClusterClient,
  DEFAULT_AUTOPILOT,
  DEFAULT_CHECKPOINTS,
  DEFAULT_VERSION_KEEPING,
  demotedNodeKey,
  JOIN_METHOD,
  JoinService,
  MembershipManager,
  NodeIdentity,
  type NodeRecord,
  NodeWalDisk,
  StateProver,
  serveTestimonies,
  VersionKeeper,
  type WorkerChannel,
  WorkerPort,
  WorkerStore,
} from "@strongroom/cluster";
import { Core, currentAutopilotSettings } from "@strongroom/core";
import { asError, type Clock, type Entropy, type Logger, type MetricsRegistry, type Timers } from "@strongroom/runtime";
import { cubbyholeFactory, kvFactory } from "@strongroom/secrets";
import { LevelTable } from "@strongroom/storage";
import { DEFAULT_PASSWORD_THREAD, PasswordThread } from "../passwords/password-hasher.ts";
import { BUILD_DATE, VERSION } from "../version.ts";
import { openAudit, type WorkerAudit } from "../wiring/audit.ts";
import { NodeClusterView } from "../wiring/cluster-view.ts";
import { joinAuthority } from "../wiring/join-authority.ts";
import { JoinOpening } from "../wiring/join-opening.ts";
import { NodeDirectory } from "../wiring/node-directory.ts";
import { NodeSealGate } from "../wiring/seal-gate.ts";
import { SealHost } from "../wiring/seal-host.ts";
import type { ListenerSettings, NodeSettings } from "./settings.ts";
import type { WorkerTurnover } from "./worker-turnover.ts";

export interface WorkerHostParts {
  readonly settings: NodeSettings;
  readonly index: number;
  readonly keys: SharedKeys;
  readonly channel: WorkerChannel;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** All threads' metrics as one text. */
  readonly metricsText: () => Promise<string>;
  readonly onCertified: () => void;
  readonly turnover: WorkerTurnover;
  readonly restartWorkers: () => Promise<void>;
  readonly onFatal: (error: Error) => void;
  /** Several workers share each port. */
  readonly reusePort: boolean;
  readonly loopbackHostsOnly: boolean;
  /** Of a development server. */
  readonly firstRootToken?: Uint8Array;
}

interface Door {
  readonly address: { readonly host: string; readonly port: number };
  stopListening(): Promise<void>;
  close(graceMs?: number): Promise<void>;
}

export class WorkerHost {
  readonly #closers: (() => Promise<void> | void)[];
  readonly #doors: readonly Door[];
  readonly core: Core;
  readonly store: WorkerStore;
  readonly #audit: WorkerAudit;

  private constructor(parts: {
    core: Core;
    store: WorkerStore;
    audit: WorkerAudit;
    doors: readonly Door[];
    closers: (() => Promise<void> | void)[];
  }) {
    this.core = parts.core;
    this.store = parts.store;
    this.#audit = parts.audit;
    this.#doors = parts.doors;
    this.#closers = parts.closers;
  }

  static async open(parts: WorkerHostParts): Promise<WorkerHost> {
    const { settings, keys, clock, timers, entropy, logger, metrics } = parts;
    const barrier = new Barrier({}, { keys, entropy, logger });
    const port = new WorkerPort(parts.channel, { timers });
    const cluster = new ClusterClient({ port, clock, timers });
    const store = await WorkerStore.open({
      port,
      signer: { sign: (message) => barrier.signCommand(message) },
      clock,
      timers,
      logger,
      openTable: (generation) => LevelTable.open(join(settings.dataDirectory, generation), { multithreading: true }),
      onFatal: parts.onFatal,
    });
    const identity = NodeIdentity.open(settings.dataDirectory);
    const self = selfRecord(settings, identity);
    const manager = new MembershipManager({ store, client: cluster, clock, timers });
    const seal = new NodeSealGate({
      store,
      cluster,
      barrier,
      self,
      clusterName: settings.clusterName,
      joins: settings.joinToken !== undefined,
      isMember: () => identity.membership !== undefined,
      turnover: parts.turnover,
      restartWorkers: parts.restartWorkers,
      clock,
      timers,
      entropy,
      logger,
    });
    const passwords = new PasswordThread(DEFAULT_PASSWORD_THREAD);
    const audit = openAudit({ ...parts, barrier });
    const core = Core.open({
      store,
      barrier,
      seal,
      cluster: new NodeClusterView({ store, cluster, barrier, manager, clock, entropy }),
      backends: [kvFactory, cubbyholeFactory, userpassFactory, approleFactory],
      clock,
      timers,
      entropy,
      kdf: passwords,
      audit: audit.log,
      auditDevices: audit.devices,
      logger,
      metrics,
      metricsText: parts.metricsText,
      ...(parts.firstRootToken === undefined ? {} : { firstRootToken: parts.firstRootToken }),
      leaseTtls: settings.leaseTtls,
      version: VERSION,
      buildDate: BUILD_DATE,
    });
    const closers: (() => Promise<void> | void)[] = [];
    if (parts.index === 0)
      closers.push(await startDuties({ ...parts, core, store, cluster, barrier, manager, identity, self, seal }));
    if (parts.index === 0) closers.push(audit.startDevices({ core, store }));
    closers.push(
      () => core.close(),
      () => passwords.close(),
      () => audit.close(),
      () => store.close(),
      () => port.close(),
    );
    try {
      const doors = await openDoors(parts, core);
      return new WorkerHost({ core, store, audit, doors, closers });
    } catch (error) {
      for (const close of closers) await close();
      throw error;
    }
  }

  get addresses(): readonly string[] {
    return this.#doors.map(({ address }) => `${address.host}:${address.port}`);
  }

  /** Audit devices begin with new files and connections. */
  reopenAuditDevices(): void {
    this.#audit.reopenDevices();
  }

  /** Takes no new connections from then on; what is connected is served on. Idempotent. */
  async stopListening(): Promise<void> {
    await Promise.all(this.#doors.map((door) => door.stopListening()));
  }

  /** Answers what is under way, for at most `graceMs`, and takes nothing new. Idempotent. */
  async close(graceMs: number): Promise<void> {
    await Promise.all(this.#doors.map((door) => door.close(graceMs)));
    for (const close of this.#closers.splice(0)) await close();
  }
}

function selfRecord(settings: NodeSettings, identity: NodeIdentity): NodeRecord {
  const { name, clusterAddress, apiAddress, grpcAddress } = settings;
  return { name, clusterAddress, apiAddress, grpcAddress, identityPublicKey: identity.publicKeySpki };
}

interface DutyParts extends WorkerHostParts {
  readonly core: Core;
  readonly store: WorkerStore;
  readonly cluster: ClusterClient;
  readonly barrier: Barrier;
  readonly manager: MembershipManager;
  readonly identity: NodeIdentity;
  readonly self: NodeRecord;
  readonly seal: NodeSealGate;
}

/** What one worker of a node does for all: its seal, admitting nodes; and on the leader promoting them and working in the background. */
async function startDuties(parts: DutyParts): Promise<() => Promise<void>> {
  const { store, cluster, barrier, manager, identity, self, clock, timers, entropy, logger } = parts;
  const nodes = await NodeDirectory.open(store, logger);
  const host = new SealHost({
    store,
    cluster,
    barrier,
    identity,
    nodes,
    prover: new StateProver({
      store,
      client: cluster,
      openLog: () => new NodeWalDisk(join(parts.settings.dataDirectory, "wal")),
      logger,
    }),
    self,
    onCertified: parts.onCertified,
    sealNode: () => parts.seal.takeKeysAway(),
    turnover: parts.turnover,
    clock,
    timers,
    entropy,
    logger,
  });
  await host.announce();
  const authenticator = new SharedCommandAuthenticator(parts.keys);
  serveTestimonies({
    store,
    client: cluster,
    signer: { sign: (message) => (barrier.sealed ? undefined : authenticator.sign(message, "snapshot")) },
  });
  const checkpoints = new CheckpointKeeper(DEFAULT_CHECKPOINTS, {
    store,
    client: cluster,
    signer: { sign: (message) => authenticator.sign(message, "checkpoint") },
    isOpen: () => !barrier.sealed,
    timers,
    logger,
  });
  checkpoints.start();
  const versions = new VersionKeeper(DEFAULT_VERSION_KEEPING, {
    store,
    client: cluster,
    isOpen: () => !barrier.sealed,
    timers,
    logger,
  });
  versions.start();
  const admission = new JoinService(joinAuthority({ store, barrier, manager, nodes, clock, entropy }), {
    entropy,
    logger,
  });
  cluster.serve(JOIN_METHOD, (payload, caller) => admission.handle(payload, caller));
  const opening = new JoinOpening({
    store,
    cluster,
    barrier,
    identity,
    nodes,
    open: (rootKey) => host.open(rootKey),
    clock,
    timers,
    entropy,
    logger,
  });
  const { joinToken } = parts.settings;
  // A node that was sealed since it started was sealed by somebody.
  if (joinToken !== undefined && barrier.sealed && parts.turnover.number === 0) {
    opening.ask(joinToken).catch((error: unknown) => logger.warn("this node stays sealed", { error: asError(error) }));
  }
  const autopilot = new Autopilot(DEFAULT_AUTOPILOT, {
    client: cluster,
    manager,
    config: () => currentAutopilotSettings(store, barrier),
    isDemoted: (nodeId) => isDemoted(store, nodeId),
    clock,
    timers,
    logger,
  });
  autopilot.start();
  cluster.serveStatus();
  parts.core.background.start();
  return async () => {
    opening.stop();
    autopilot.stop();
    await checkpoints.close();
    await versions.close();
    host.close();
    await parts.core.background.close();
  };
}

function isDemoted(store: WorkerStore, nodeId: number): boolean {
  const snapshot = store.localSnapshot();
  try {
    return snapshot.get(demotedNodeKey(nodeId)) !== undefined;
  } finally {
    snapshot.release();
  }
}

/** All of them, or none. */
async function openDoors(parts: WorkerHostParts, core: Core): Promise<readonly Door[]> {
  const { settings } = parts;
  const opening = await Promise.allSettled([
    ...settings.listeners.map((listener) => openHttp(parts, core, listener)),
    ...settings.grpcListeners.map((listener) => openGrpc(parts, core, listener)),
  ]);
  const doors = opening.flatMap((door) => (door.status === "fulfilled" ? [door.value] : []));
  const failed = opening.find((door) => door.status === "rejected");
  if (failed === undefined) return doors;
  for (const door of doors) await door.close(0);
  throw asError(failed.reason);
}

function openHttp(parts: WorkerHostParts, core: Core, listener: ListenerSettings): Promise<Door> {
  const { clock, timers, entropy, logger, loopbackHostsOnly } = parts;
  return startHttpServer(
    {
      ...doorOptions(parts, listener),
      loopbackHostsOnly,
      maxRequestBytes: listener.maxRequestBytes,
      headersTimeoutMs: listener.readHeaderTimeoutMs,
      requestTimeoutMs: listener.readTimeoutMs,
      keepAliveTimeoutMs: listener.idleTimeoutMs,
      ...(listener.unauthenticatedMetrics ? { openMetrics: parts.metricsText } : {}),
    },
    { core, clock, timers, entropy, logger },
  );
}

function openGrpc(parts: WorkerHostParts, core: Core, listener: ListenerSettings): Promise<Door> {
  const { clock, timers, entropy, logger } = parts;
  return startGrpcServer(doorOptions(parts, listener), { core, clock, timers, entropy, logger });
}

/** What both kinds of door have in common. */
function doorOptions(
  { reusePort }: WorkerHostParts,
  { host, port, tls, maxConnections, maxRequestDurationMs }: ListenerSettings,
) {
  const options = { host, port, reusePort, maxConnections, maxRequestDurationMs };
  if (tls === undefined) return options;
  const { certPem, keyPem, minVersion, requireClientCert, clientCaPem } = tls;
  const clientCa = clientCaPem === undefined ? {} : { clientCa: clientCaPem };
  return { ...options, tls: { cert: certPem, key: keyPem, minVersion, requireClientCert, ...clientCa } };
}
