/** The configuration in force, how far each member has come, and the votes of the election under way. */

import type { ConfState, Index, NodeId } from "../entry.ts";
import { type JointConfig, jointCommittedIndex, jointIds, jointVoteResult } from "../quorum/joint.ts";
import type { AckedIndex, Voted, VoteResult } from "../quorum/majority.ts";
import { Inflights } from "./inflights.ts";
import { Progress } from "./progress.ts";

/** Who counts. All lists ascend. A voter that is to become a learner waits in `learnersNext` while it still votes in `outgoing`. */
export interface TrackerConfig {
  readonly voters: JointConfig;
  readonly learners: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

const EMPTY_TRACKER_CONFIG: TrackerConfig = {
  voters: { incoming: [], outgoing: [] },
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** Keys ascend: walking it is deterministic. */
export type ProgressMap = ReadonlyMap<NodeId, Progress>;

/** Limits on what is in flight to one member. */
export interface InflightLimits {
  readonly messages: number;
  readonly bytes: number;
}

export interface VoteTally {
  readonly granted: number;
  readonly rejected: number;
  readonly result: VoteResult;
}

export class Tracker {
  readonly limits: InflightLimits;
  #config: TrackerConfig = EMPTY_TRACKER_CONFIG;
  #progress: ProgressMap = new Map();
  #voterIds: readonly NodeId[] = [];
  readonly #votes = new Map<NodeId, boolean>();
  // Made once, so that the commit index costs no closure a message.
  readonly #acked: AckedIndex = (id) => this.#progress.get(id)?.match;
  readonly #voted: Voted = (id) => this.#votes.get(id);
  readonly #active: Voted = (id) => {
    const progress = this.#progress.get(id);
    return progress === undefined || progress.isLearner ? undefined : progress.recentActive;
  };

  constructor(limits: InflightLimits) {
    this.limits = limits;
  }

  get config(): TrackerConfig {
    return this.#config;
  }

  get progress(): ProgressMap {
    return this.#progress;
  }

  /** All voters, of either side of a joint configuration, ascending. */
  get voterIds(): readonly NodeId[] {
    return this.#voterIds;
  }

  /** Puts a configuration in force. The keys of `progress` are exactly its members and ascend. */
  setConfig(config: TrackerConfig, progress: ProgressMap): void {
    this.#config = config;
    this.#progress = progress;
    this.#voterIds = jointIds(config.voters);
  }

  /** The configuration as snapshots carry it. */
  confState(): ConfState {
    const { voters, learners, learnersNext, autoLeave } = this.#config;
    return { voters: voters.incoming, votersOutgoing: voters.outgoing, learners, learnersNext, autoLeave };
  }

  /** One voter, and no joint configuration. */
  get isSingleton(): boolean {
    return this.#config.voters.incoming.length === 1 && this.#config.voters.outgoing.length === 0;
  }

  isVoter(id: NodeId): boolean {
    return this.#voterIds.includes(id);
  }

  /** The highest index that the voters' matches prove to be on a quorum. */
  committed(): Index {
    return jointCommittedIndex(this.#config.voters, this.#acked);
  }

  /** Whether a quorum of voters was heard of since the activity was last reset. */
  quorumActive(): boolean {
    return jointVoteResult(this.#config.voters, this.#active) === "VoteWon";
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** Only the first vote of a member counts. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  /** Votes of members that are no voters are not counted. */
  tallyVotes(): VoteTally {
    let granted = 0;
    let rejected = 0;
    for (const id of this.#progress.keys()) {
      const vote = this.#votes.get(id);
      if (vote === undefined || this.#progress.get(id)?.isLearner) continue;
      if (vote) granted++;
      else rejected++;
    }
    return { granted, rejected, result: jointVoteResult(this.#config.voters, this.#voted) };
  }

  /** A progress with nothing known of the member but that `next` may be sent to it. */
  freshProgress(fields: { match: Index; next: Index; isLearner: boolean; recentActive: boolean }): Progress {
    return new Progress({ ...fields, inflights: new Inflights(this.limits.messages, this.limits.bytes) });
  }

  /** Replaces all progress by `make`'s, in ascending order of ids. */
  resetProgress(make: (id: NodeId, old: Progress) => Progress): void {
    const fresh = new Map<NodeId, Progress>();
    for (const [id, old] of this.#progress) fresh.set(id, make(id, old));
    this.#progress = fresh;
  }
}
