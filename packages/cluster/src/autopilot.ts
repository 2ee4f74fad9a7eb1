/**
 * Looks after the membership. Runs in one worker of each node and acts only on the node that leads: a learner that has been
 * online and caught up for a while becomes a voter, unless an operator demoted it; a member that has been silent for very long
 * is removed, if the operator has allowed it and enough voters stay.
 */
import { asError, type Cancel, type Clock, type Logger, type Timers } from "@strongroom/runtime";
import { isCaughtUp, type MembershipManager } from "./membership/manager.ts";
import type { ClusterClient } from "./port/cluster-client.ts";
import type { ClusterMember, ClusterStatus } from "./port/cluster-status.ts";

export interface AutopilotOptions {
  readonly intervalMs: number;
}

/** What an operator may set; replicated. */
export interface AutopilotConfig {
  /** Whether members that were silent for `deadServerMs` are removed. */
  readonly cleanupDeadServers: boolean;
  /** A member that was silent for longer is unhealthy. */
  readonly lastContactMs: number;
  readonly deadServerMs: number;
  /** A member whose log is further behind is unhealthy. */
  readonly maxTrailingLogs: number;
  /** Clean-up leaves at least so many voters. */
  readonly minQuorum: number;
  /** For how long a learner must have been healthy before it votes. */
  readonly stabilizationMs: number;
}

export const DEFAULT_AUTOPILOT: AutopilotOptions = { intervalMs: 200 };

export interface AutopilotParts {
  readonly client: Pick<ClusterClient, "status">;
  readonly manager: Pick<MembershipManager, "promote" | "removePeer">;
  /** As it stands in this node's state; asked at each look of a leader. */
  readonly config: () => AutopilotConfig;
  /** Whether an operator took the node's vote. */
  readonly isDemoted: (nodeId: number) => boolean;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

const CHANGE_TIMEOUT_MS = 5_000;

export class Autopilot {
  readonly #options: AutopilotOptions;
  readonly #parts: AutopilotParts;
  /** Since when each member is healthy, in monotonic milliseconds. */
  readonly #healthySince = new Map<number, number>();
  #cancel: Cancel | undefined;
  #busy = false;

  constructor(options: AutopilotOptions, parts: AutopilotParts) {
    this.#options = options;
    this.#parts = parts;
  }

  start(): void {
    this.#cancel ??= this.#parts.timers.every(this.#options.intervalMs, () => void this.#look());
  }

  /** Idempotent. A change under way is not undone. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  async #look(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const status = await this.#parts.client.status();
      if (status.state === "leader") await this.#tend(status);
      else this.#healthySince.clear();
    } catch (thrown) {
      // A leader that has just changed, or a seal: the next look starts afresh.
      this.#parts.logger.warn("the membership could not be tended; it will be tried again", { error: asError(thrown) });
      this.#healthySince.clear();
    } finally {
      this.#busy = false;
    }
  }

  async #tend(status: ClusterStatus): Promise<void> {
    const nowMs = this.#parts.clock.monotonicMs();
    const config = this.#parts.config();
    for (const member of status.members) {
      if (!isCaughtUp(member, status)) this.#healthySince.delete(member.nodeId);
      else if (!this.#healthySince.has(member.nodeId)) this.#healthySince.set(member.nodeId, nowMs);
    }
    const options = { deadlineMs: nowMs + CHANGE_TIMEOUT_MS };
    const ready = status.members.find(
      ({ voter, nodeId }) =>
        !voter &&
        nowMs - (this.#healthySince.get(nodeId) ?? nowMs) >= config.stabilizationMs &&
        !this.#parts.isDemoted(nodeId),
    );
    if (ready !== undefined) {
      this.#healthySince.delete(ready.nodeId);
      await this.#parts.manager.promote(ready.nodeId, options);
      this.#parts.logger.info("a learner has caught up and is a voter now", { node: ready.nodeId });
      return;
    }
    const dead = config.cleanupDeadServers ? removable(status, config) : undefined;
    if (dead === undefined) return;
    await this.#parts.manager.removePeer(dead.nodeId, options);
    this.#parts.logger.warn("a member that was silent for too long was removed; it comes back only under a new id", {
      node: dead.nodeId,
      silentMs: Math.round(dead.lastContactMs),
    });
  }
}

/** A member that may go: silent for too long, and enough voters stay, of which a majority is online. */
function removable({ members }: ClusterStatus, config: AutopilotConfig): ClusterMember | undefined {
  const dead = members.find(({ leader, lastContactMs }) => !leader && lastContactMs >= config.deadServerMs);
  if (dead === undefined || !dead.voter) return dead;
  return members.filter(({ voter }) => voter).length - 1 >= config.minQuorum ? dead : undefined;
}
