/**
 * The replica's side of a node: who it is, its disk, its network and the replica itself. Runs on a thread of its own, or
 * beside a worker in the development server.
 */
import { join } from "node:path";
import { SharedCommandAuthenticator, type SharedKeys } from "@strongroom/barrier";
import {
  BOOTSTRAP_INDEX,
  bootstrapTable,
  createWal,
  DEFAULT_FLUSH_EVERY_BYTES,
  DEFAULT_SCRUB,
  DEFAULT_TAIL_LIMITS,
  DISK_INTERVAL_MS,
  decodeReplicaState,
  drawNodeId,
  FileIncarnations,
  Generations,
  INITIAL_GENERATION,
  type JoinedMember,
  joinCluster,
  NodeDiskSpace,
  NodeIdentity,
  NodeWalDisk,
  QuarantineError,
  quarantine,
  REPLICA_STATE_KEY,
  type ReplicaChannel,
  ReplicaShell,
  recoverWal,
  refuseQuarantined,
  refuseUnfinishedRestore,
  SUPPORTED_VERSION,
  TlsPeerTransport,
  timingsFor,
  type WalContents,
  type WalEvents,
  type WalHandle,
} from "@strongroom/cluster";
import { toNodeId } from "@strongroom/raft";
import {
  type Clock,
  type Entropy,
  fromHex,
  type Logger,
  type Metrics,
  type Random,
  StrongroomError,
  type Timers,
} from "@strongroom/runtime";
import type { NodeSettings } from "./settings.ts";

export interface ReplicaHostParts {
  readonly settings: NodeSettings;
  readonly keys: SharedKeys;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly entropy: Entropy;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** `directory` is where the segments are. */
  readonly openWal: (directory: string, wal: WalContents, events: WalEvents) => WalHandle;
  readonly onFatal: (error: Error) => void;
}

/** The data directory cannot be used as it is; the message says what to do. */
class UnusableDirectoryError extends StrongroomError {
  readonly code = "quarantined";
}

const JOIN_TIMEOUT_MS = 600_000;

export class ReplicaHost {
  readonly #shell: ReplicaShell;
  readonly #transport: TlsPeerTransport;
  readonly #settings: NodeSettings;
  readonly #onFatal: (error: Error) => void;

  private constructor(shell: ReplicaShell, transport: TlsPeerTransport, parts: ReplicaHostParts) {
    this.#shell = shell;
    this.#transport = transport;
    this.#settings = parts.settings;
    this.#onFatal = parts.onFatal;
  }

  /** Recovers what is on the disk; on an empty one begins a cluster of one node, or joins the one that the token names. */
  static async open(parts: ReplicaHostParts): Promise<ReplicaHost> {
    const { settings, clock, timers, random, logger, metrics, keys } = parts;
    const directory = settings.dataDirectory;
    refuseQuarantined(directory);
    refuseUnfinishedRestore(directory);
    const identity = NodeIdentity.open(directory);
    const generations = await Generations.open(directory);
    const transport = new TlsPeerTransport({ listen: settings.clusterListen }, { clock, timers, random, logger });
    const walDirectory = join(directory, "wal");
    const { wal, members } = await recoverOrBegin({ ...parts, identity, transport, generations, walDirectory });
    const authenticator = new SharedCommandAuthenticator(keys);
    const nodeId = wal.identity.nodeId;
    const shell = await ReplicaShell.open(
      {
        id: nodeId,
        clusterId: () => identity.membership?.clusterId,
        clusterAddress: settings.clusterAddress,
        ...timingsFor(settings.pace),
        tailLimits: DEFAULT_TAIL_LIMITS,
        flushEveryBytes: DEFAULT_FLUSH_EVERY_BYTES,
        seeds: members.map((member) => ({ id: toNodeId(member.nodeId), address: member.clusterAddress })),
        supportedVersion: SUPPORTED_VERSION,
        scrub: DEFAULT_SCRUB,
        disk: { ...settings.disk, intervalMs: DISK_INTERVAL_MS },
      },
      {
        clock,
        timers,
        random,
        logger,
        metrics,
        wal,
        openWal: (contents, events) => parts.openWal(walDirectory, contents, events),
        generations,
        transport,
        authenticator,
        snapshotAuthenticator: {
          verify: (keyId, message, mac) => authenticator.verify(keyId, message, mac, "snapshot"),
        },
        snapshotSigner: {
          sign: (message) => (keys.isOpen() ? authenticator.sign(message, "snapshot") : undefined),
        },
        incarnations: FileIncarnations.open(directory),
        diskSpace: new NodeDiskSpace(directory),
        onFatal: (error) => {
          if (error instanceof QuarantineError) quarantine(directory, error.message);
          parts.onFatal(error);
        },
      },
    );
    const host = new ReplicaHost(shell, transport, parts);
    if (identity.membership !== undefined) await transport.start(identity);
    return host;
  }

  attach(channel: ReplicaChannel): void {
    this.#shell.attach(channel).catch((error: Error) => this.#onFatal(error));
  }

  /** The node's first unsealing has given it a certificate: the cluster port opens. */
  async certified(): Promise<void> {
    await this.#transport.start(NodeIdentity.open(this.#settings.dataDirectory));
  }

  async close(handOverMs: number): Promise<void> {
    await this.#shell.handOver(handOverMs);
    await this.#shell.close();
  }
}

interface BeginParts extends ReplicaHostParts {
  readonly identity: NodeIdentity;
  readonly transport: TlsPeerTransport;
  readonly generations: Generations;
  readonly walDirectory: string;
}

async function recoverOrBegin(
  parts: BeginParts,
): Promise<{ readonly wal: WalContents; readonly members: readonly JoinedMember[] }> {
  const { settings, identity, logger, walDirectory } = parts;
  const disk = new NodeWalDisk(walDirectory);
  const recovered = recoverWal(disk);
  switch (recovered.status) {
    case "ok":
      if (settings.joinToken !== undefined && identity.membership === undefined && wasNeverInitialised(recovered)) {
        throw new UnusableDirectoryError(
          `The node in ${settings.dataDirectory} was started without a join token and waits to be initialised, so it cannot join another cluster. Nothing was ever stored in it: remove the directory and start again with the token.`,
        );
      }
      if (settings.joinToken !== undefined) logger.info("this node is a member already; the join token is ignored");
      if (recovered.tornBytes > 0)
        logger.warn("the log ended in a write that was never finished; it was cut away", {
          bytes: recovered.tornBytes,
        });
      return { wal: recovered, members: [] };
    case "damaged":
      throw new UnusableDirectoryError(
        `The log in ${walDirectory} is damaged: ${recovered.reason}. This node must not vote with it. Remove it from the cluster on another node (strongroom operator raft remove-peer), move the data directory away, and let the node join again with a new token.`,
      );
    case "empty":
      break;
  }
  if (settings.joinToken === undefined && identity.membership === undefined)
    return { wal: await bootstrap(parts, disk), members: [] };
  const { membership, members } = await joinByToken(parts);
  const wal = createWal(disk, {
    nodeId: toNodeId(membership.nodeId),
    clusterId: fromHex(membership.clusterId.replaceAll("-", "")),
  });
  return { wal, members };
}

/** A cluster of this node alone that no command was ever proposed to: all that is in its log was put there by its elections. */
function wasNeverInitialised({ base, entries }: WalContents): boolean {
  return base.index === BOOTSTRAP_INDEX && entries.every(({ data }) => data.length === 0);
}

/** A cluster of this node alone, waiting to be initialised. */
async function bootstrap({ entropy, generations, logger }: BeginParts, disk: NodeWalDisk): Promise<WalContents> {
  const table = await generations.open(INITIAL_GENERATION);
  try {
    // A start that ended between the two steps below has left an id, which this one takes up.
    const begun = table.getSync(REPLICA_STATE_KEY);
    const nodeId =
      (begun === undefined ? undefined : decodeReplicaState(begun).confState.voters[0]) ??
      toNodeId(drawNodeId(entropy));
    const installed = await bootstrapTable(table, nodeId);
    logger.info("a new data directory: this node begins a cluster of its own, to be initialised or thrown away", {
      nodeId,
    });
    return createWal(disk, { nodeId, clusterId: new Uint8Array(0) }, { installed });
  } finally {
    await table.close();
  }
}

async function joinByToken({
  settings,
  identity,
  transport,
  clock,
  timers,
  logger,
}: BeginParts): ReturnType<typeof joinCluster> {
  if (settings.joinToken === undefined) {
    throw new UnusableDirectoryError(
      `${settings.dataDirectory} has the identity of a member but no log. Remove that member from the cluster, empty the directory, and start with a new join token.`,
    );
  }
  const { name, clusterAddress, apiAddress, grpcAddress } = settings;
  const joined = await joinCluster(
    { token: settings.joinToken, identity, name, clusterAddress, apiAddress, grpcAddress, timeoutMs: JOIN_TIMEOUT_MS },
    { transport, clock, timers, logger },
  );
  identity.adopt(joined.membership);
  logger.info("this node has joined the cluster", {
    nodeId: joined.membership.nodeId,
    clusterId: joined.membership.clusterId,
  });
  return joined;
}
