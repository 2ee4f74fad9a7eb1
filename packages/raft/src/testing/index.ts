/** What only tests may do to a node, and what only tests want to see of it. */

import { describeProgressMap } from "../describe-config.ts";
import { type RawNode, raftOf } from "../raw-node.ts";

export { Changer } from "../confchange/changer.ts";
export { parseChanges } from "../describe-conf-change.ts";
export { describeConfig, describeProgressMap } from "../describe-config.ts";
export { type JointConfig, jointCommittedIndex, jointIds, jointVoteResult } from "../quorum/joint.ts";
export {
  type AckedIndex,
  EVERYTHING,
  majorityCommittedIndex,
  majorityVoteResult,
  type Voted,
} from "../quorum/majority.ts";
export { Tracker } from "../tracker/tracker.ts";
export { describeMajority } from "./describe-quorum.ts";

/** Makes `node` campaign after `ticks` ticks without a leader, until its next change of role or term. */
export function setRandomizedElectionTicks(node: RawNode, ticks: number): void {
  raftOf(node).randomizedElectionTicks = ticks;
}

/** The progress of all members as transcripts show it, a line each. */
export function describeProgressOf(node: RawNode): string {
  return describeProgressMap(raftOf(node).tracker.progress);
}
