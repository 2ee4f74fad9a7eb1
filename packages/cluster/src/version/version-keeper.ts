/**
 * Raises the cluster's version. Runs in one worker of each node and acts on the node that leads: when every member, learners
 * too, is online and says that it supports more. The command holds only for the membership that was asked, so that nobody who
 * supports less can join in between.
 */
import { asError, type Cancel, type Logger, type Timers } from "@strongroom/runtime";
import {
  equalRevisions,
  LeadershipLostError,
  NotCommittedError,
  type ReplicatedStore,
  type Revision,
  runTransaction,
} from "@strongroom/storage";
import type { ClusterClient } from "../port/cluster-client.ts";
import type { ClusterStatus } from "../port/cluster-status.ts";
import { MEMBERSHIP_KEY } from "../state/keys.ts";
import { CLUSTER_VERSION_KEY, decodeClusterVersion, encodeClusterVersion } from "./cluster-version.ts";

export interface VersionKeeperOptions {
  readonly intervalMs: number;
}

export const DEFAULT_VERSION_KEEPING: VersionKeeperOptions = { intervalMs: 1_000 };

export interface VersionKeeperParts {
  readonly store: ReplicatedStore;
  readonly client: Pick<ClusterClient, "status">;
  readonly isOpen: () => boolean;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** The membership is another one than that which was asked. */
class MembershipChanged extends Error {}

const COMMAND_TIMEOUT_MS = 5_000;

export class VersionKeeper {
  readonly #options: VersionKeeperOptions;
  readonly #parts: VersionKeeperParts;
  readonly #abort = new AbortController();
  #cancel: Cancel | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: VersionKeeperOptions, parts: VersionKeeperParts) {
    this.#options = options;
    this.#parts = parts;
  }

  start(): void {
    this.#cancel ??= this.#parts.timers.every(this.#options.intervalMs, () => void this.look());
  }

  /** Raises the version if that is due and this node leads. Failures are logged: the next look tries again. */
  look(): Promise<void> {
    this.#looking ??= this.#raiseDue().finally(() => {
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

  async #raiseDue(): Promise<void> {
    const { store, client, isOpen, logger } = this.#parts;
    if (this.#abort.signal.aborted || !isOpen() || !store.isLeaderNode()) return;
    try {
      const { version, membership } = this.#read();
      const supported = supportedByAll(await client.status());
      if (supported <= version) return;
      await this.#raise(supported, membership);
      logger.info("the cluster's version was raised: all members support it", { version: supported });
    } catch (error) {
      const usual = [LeadershipLostError, NotCommittedError, MembershipChanged].some((kind) => error instanceof kind);
      if (usual || this.#abort.signal.aborted || !isOpen()) return;
      logger.warn("the cluster's version could not be raised; it will be tried again", { error: asError(error) });
    }
  }

  #read(): { readonly version: number; readonly membership: Revision | undefined } {
    const snapshot = this.#parts.store.localSnapshot();
    try {
      const version = decodeClusterVersion(snapshot.get(CLUSTER_VERSION_KEY)?.value);
      return { version, membership: snapshot.get(MEMBERSHIP_KEY)?.revision };
    } finally {
      snapshot.release();
    }
  }

  async #raise(version: number, asked: Revision | undefined): Promise<void> {
    const { store } = this.#parts;
    const term = store.raftTerm();
    await runTransaction(
      store,
      (tx) => {
        tx.guardRaftTerm(term);
        const now = tx.get(MEMBERSHIP_KEY)?.revision;
        const same = asked === undefined || now === undefined ? asked === now : equalRevisions(asked, now);
        if (!same) throw new MembershipChanged();
        if (decodeClusterVersion(tx.get(CLUSTER_VERSION_KEY)?.value) < version)
          tx.put(CLUSTER_VERSION_KEY, 0, encodeClusterVersion(version));
      },
      { mode: "write", deadlineMs: store.clock.monotonicMs() + COMMAND_TIMEOUT_MS, signal: this.#abort.signal },
    );
  }
}

/** 0 while a member is away or has not said yet. */
function supportedByAll({ members }: ClusterStatus): number {
  if (members.length === 0) return 0;
  return Math.min(...members.map(({ online, supportedVersion }) => (online ? (supportedVersion ?? 0) : 0)));
}
