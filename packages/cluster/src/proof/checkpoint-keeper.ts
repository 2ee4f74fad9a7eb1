/**
 * Has checkpoints signed. Runs in one worker of each node; what it acts on is this node's own milestone, and only one that
 * most voters have come to alike, so that a node whose state is wrong cannot put its name to it. The leader's worker acts; while
 * the leader is sealed, that of the open member with the lowest id. Two that act at once harm nobody: a checkpoint is guarded
 * by the one before it, and the log takes none that is not later. What dies half-way is done by whoever looks next.
 */
import { asError, type Cancel, type Logger, type Timers } from "@strongroom/runtime";
import { LeadershipLostError, NotCommittedError, type ReplicatedStore, runTransaction } from "@strongroom/storage";
import type { CommandSigner } from "../authenticator.ts";
import type { ClusterClient } from "../port/cluster-client.ts";
import type { ClusterStatus } from "../port/cluster-status.ts";
import { CHECKPOINT_KEY, checkpointMacInput, decodeCheckpoint, encodeCheckpoint } from "../state/checkpoint.ts";
import type { Milestone } from "../state/types.ts";
import { CLUSTER_VERSION_KEY, decodeClusterVersion, VERSION_OF } from "../version/cluster-version.ts";

export interface CheckpointKeeperOptions {
  readonly intervalMs: number;
}

export const DEFAULT_CHECKPOINTS: CheckpointKeeperOptions = { intervalMs: 100 };

export interface CheckpointKeeperParts {
  readonly store: ReplicatedStore;
  readonly client: Pick<ClusterClient, "status" | "agreedMilestone">;
  /** Signs checkpoints; asked only while the node is open. */
  readonly signer: CommandSigner;
  readonly isOpen: () => boolean;
  readonly timers: Timers;
  readonly logger: Logger;
}

const COMMAND_TIMEOUT_MS = 5_000;

export class CheckpointKeeper {
  readonly #options: CheckpointKeeperOptions;
  readonly #parts: CheckpointKeeperParts;
  readonly #abort = new AbortController();
  #cancel: Cancel | undefined;
  #looking: Promise<void> | undefined;
  #signedIndex = 0;

  constructor(options: CheckpointKeeperOptions, parts: CheckpointKeeperParts) {
    this.#options = options;
    this.#parts = parts;
  }

  start(): void {
    this.#cancel ??= this.#parts.timers.every(this.#options.intervalMs, () => void this.look());
  }

  /** Signs the newest milestone if that is due and this node's to do. Failures are logged: the next look tries again. */
  look(): Promise<void> {
    this.#looking ??= this.#signDue().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#cancel?.();
    this.#abort.abort();
    await this.#looking;
  }

  async #signDue(): Promise<void> {
    const { client, logger, isOpen } = this.#parts;
    if (this.#abort.signal.aborted || !isOpen()) return;
    try {
      if (this.#clusterVersion() < VERSION_OF.checkpoints) return;
      const milestone = await client.agreedMilestone();
      if (milestone === undefined || milestone.index <= this.#signedIndex) return;
      if (!isElected(await client.status())) return;
      await this.#sign(milestone);
      this.#signedIndex = milestone.index;
    } catch (error) {
      // Another leads, was faster, or this node is being sealed or stopped: none of it is news.
      const usual = error instanceof LeadershipLostError || error instanceof NotCommittedError;
      if (usual || this.#abort.signal.aborted || !isOpen()) return;
      logger.warn("a checkpoint could not be signed; it will be tried again", { error: asError(error) });
    }
  }

  /** Members of an older version would take the row for any other. */
  #clusterVersion(): number {
    const snapshot = this.#parts.store.localSnapshot();
    const row = snapshot.get(CLUSTER_VERSION_KEY);
    snapshot.release();
    return decodeClusterVersion(row?.value);
  }

  async #sign(milestone: Milestone): Promise<void> {
    const { store, signer } = this.#parts;
    const value = encodeCheckpoint({ ...milestone, ...signer.sign(checkpointMacInput(milestone)) });
    await runTransaction(
      store,
      (tx) => {
        const row = tx.get(CHECKPOINT_KEY);
        const newest = row === undefined ? undefined : decodeCheckpoint(row.value);
        if (newest === undefined || newest.index < milestone.index) tx.put(CHECKPOINT_KEY, 0, value);
      },
      { mode: "write", deadlineMs: store.clock.monotonicMs() + COMMAND_TIMEOUT_MS, signal: this.#abort.signal },
    );
  }
}

/** Whether it is this node's turn, by what it knows: one that knows less may act in vain. */
function isElected({ nodeId, leaderId, members }: ClusterStatus): boolean {
  if (leaderId === nodeId) return true;
  if (members.find((member) => member.nodeId === leaderId)?.sealed !== true) return false;
  const open = members.filter((member) => member.online && member.sealed === false).map((member) => member.nodeId);
  return nodeId === Math.min(...open);
}
