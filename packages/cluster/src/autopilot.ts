/**
 * Promotes learners. Runs in one worker of each node and acts only on the node that leads: a learner that has been online
 * and caught up at several looks in a row becomes a voter.
 */
import { asError, type Cancel, type Clock, type Logger, type Timers } from "@strongroom/runtime";
import { isCaughtUp, type MembershipManager } from "./membership/manager.ts";
import type { ClusterClient } from "./port/cluster-client.ts";

export interface AutopilotOptions {
  readonly intervalMs: number;
  /** Looks in a row at which a learner must be found caught up. */
  readonly stableLooks: number;
}

export const DEFAULT_AUTOPILOT: AutopilotOptions = { intervalMs: 200, stableLooks: 3 };

export interface AutopilotParts {
  readonly client: Pick<ClusterClient, "status">;
  readonly manager: Pick<MembershipManager, "promote">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

const PROMOTION_TIMEOUT_MS = 5_000;

export class Autopilot {
  readonly #options: AutopilotOptions;
  readonly #parts: AutopilotParts;
  readonly #looks = new Map<number, number>();
  #cancel: Cancel | undefined;
  #busy = false;

  constructor(options: AutopilotOptions, parts: AutopilotParts) {
    this.#options = options;
    this.#parts = parts;
  }

  start(): void {
    this.#cancel ??= this.#parts.timers.every(this.#options.intervalMs, () => void this.#look());
  }

  /** Idempotent. A promotion under way is not undone. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  async #look(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#promoteReady();
    } catch (thrown) {
      // A leader that has just changed, or a seal: the next look starts afresh.
      this.#parts.logger.warn("a learner could not be promoted; it will be tried again", { error: asError(thrown) });
      this.#looks.clear();
    } finally {
      this.#busy = false;
    }
  }

  async #promoteReady(): Promise<void> {
    const status = await this.#parts.client.status();
    if (status.state !== "leader") return this.#looks.clear();
    for (const member of status.members) {
      if (member.voter) continue;
      const looks = isCaughtUp(member, status) ? (this.#looks.get(member.nodeId) ?? 0) + 1 : 0;
      this.#looks.set(member.nodeId, looks);
      if (looks < this.#options.stableLooks) continue;
      this.#looks.delete(member.nodeId);
      const deadlineMs = this.#parts.clock.monotonicMs() + PROMOTION_TIMEOUT_MS;
      await this.#parts.manager.promote(member.nodeId, { deadlineMs });
      this.#parts.logger.info("a learner has caught up and is a voter now", { node: member.nodeId });
      return;
    }
  }
}
