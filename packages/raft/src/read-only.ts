/**
 * Linearizable reads without a log entry (Raft thesis §6.4). Each read gets the next position, a number never used again
 * by this node. A heartbeat carries the highest pending position, its answer brings it back: the sender of the answer
 * took this node for the leader after all reads up to there had arrived. A quorum over these positions, computed as the
 * commit index is, confirms a prefix of the reads; answers that are late, doubled or reordered can confirm nothing twice.
 */

import type { Index, NodeId } from "./entry.ts";
import { type JointConfig, jointCommittedIndex } from "./quorum/joint.ts";
import type { AckedIndex } from "./quorum/majority.ts";

/** A read that waits: `index` is what was committed when it arrived, `from` is the node that asked. */
export interface PendingRead {
  readonly from: NodeId;
  readonly context: number;
  readonly index: Index;
}

export class ReadOnly {
  readonly #self: NodeId;
  // pending[i] has the position #confirmed + 1 + i.
  #pending: PendingRead[] = [];
  #confirmed = 0;
  readonly #positions = new Map<NodeId, number>();
  readonly #acked: AckedIndex = (id) =>
    (id === this.#self ? this.lastPosition : this.#positions.get(id)) as ReturnType<AckedIndex>;

  constructor(self: NodeId) {
    this.#self = self;
  }

  /** The position of the newest read, pending or confirmed. */
  get lastPosition(): number {
    return this.#confirmed + this.#pending.length;
  }

  /** What a heartbeat carries now: the newest pending read's position, or 0 if none is pending. */
  get heartbeatPosition(): number {
    return this.#pending.length === 0 ? 0 : this.lastPosition;
  }

  add(read: PendingRead): void {
    this.#pending.push(read);
  }

  /** Notes that `from` took this node for the leader after the reads up to `position`. */
  acknowledge(from: NodeId, position: number): void {
    if (position > (this.#positions.get(from) ?? 0) && position <= this.lastPosition)
      this.#positions.set(from, position);
  }

  /** Takes out the reads that a quorum of `voters` confirms, oldest first. */
  takeConfirmed(voters: JointConfig): readonly PendingRead[] {
    if (this.#pending.length === 0) return [];
    const confirmed = Math.min(jointCommittedIndex(voters, this.#acked), this.lastPosition);
    const count = confirmed - this.#confirmed;
    if (count <= 0) return [];
    this.#confirmed = confirmed;
    return this.#pending.splice(0, count);
  }

  /** Drops all that is pending: the node no longer leads. Positions go on, so that no old answer fits a new read. */
  reset(): void {
    this.#confirmed = this.lastPosition;
    this.#pending = [];
    this.#positions.clear();
  }
}
