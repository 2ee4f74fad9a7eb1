/** Decisions that need two majorities at once (Raft thesis §4.3). With an empty `outgoing`, those of `incoming` alone. */

import type { Index, NodeId } from "../entry.ts";
import {
  type AckedIndex,
  type MajorityConfig,
  majorityCommittedIndex,
  majorityVoteResult,
  type Voted,
  type VoteResult,
} from "./majority.ts";

export interface JointConfig {
  readonly incoming: MajorityConfig;
  readonly outgoing: MajorityConfig;
}

/** All voters of either side, ascending, each once. */
export function jointIds(config: JointConfig): readonly NodeId[] {
  if (config.outgoing.length === 0) return config.incoming;
  return [...new Set([...config.incoming, ...config.outgoing])].sort((a, b) => a - b);
}

/** The highest index that both majorities have acknowledged. */
export function jointCommittedIndex(config: JointConfig, acked: AckedIndex): Index {
  const incoming = majorityCommittedIndex(config.incoming, acked);
  const outgoing = majorityCommittedIndex(config.outgoing, acked);
  return incoming < outgoing ? incoming : outgoing;
}

/** Won if both sides are won, lost if either is lost. */
export function jointVoteResult(config: JointConfig, voted: Voted): VoteResult {
  const incoming = majorityVoteResult(config.incoming, voted);
  const outgoing = majorityVoteResult(config.outgoing, voted);
  if (incoming === outgoing) return incoming;
  return incoming === "VoteLost" || outgoing === "VoteLost" ? "VoteLost" : "VotePending";
}
