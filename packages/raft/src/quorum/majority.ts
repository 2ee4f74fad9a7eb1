/** Decisions by the majority of a set of voters, given as their ids in ascending order, each once. */

import type { Index, NodeId } from "../entry.ts";

/** Voters in ascending order. The empty set decides nothing: it commits everything and wins each vote, so that it is neutral in a joint configuration. */
export type MajorityConfig = readonly NodeId[];

/** Pending: neither side has a majority, and both still can. */
export type VoteResult = "VotePending" | "VoteLost" | "VoteWon";

/** The index that a voter has acknowledged, or undefined if nothing is known of it. */
export type AckedIndex = (id: NodeId) => Index | undefined;

/** A voter's vote: true for yes, undefined while it has not voted. */
export type Voted = (id: NodeId) => boolean | undefined;

/** What the empty set commits: everything. */
export const EVERYTHING: Index = Number.MAX_SAFE_INTEGER as Index;

/** The highest index that a majority of `voters` has acknowledged. */
export function majorityCommittedIndex(voters: MajorityConfig, acked: AckedIndex): Index {
  const count = voters.length;
  if (count === 0) return EVERYTHING;
  // Ascending by insertion: sets are small, nearly sorted between calls, and no comparator is called.
  const sorted: number[] = [];
  for (let i = 0; i < count; i++) {
    const index = acked(voters[i] as NodeId) ?? 0;
    let at = i;
    while (at > 0 && (sorted[at - 1] as number) > index) {
      sorted[at] = sorted[at - 1] as number;
      at--;
    }
    sorted[at] = index;
  }
  // All from here up, count/2 + 1 voters, have acknowledged at least this.
  return sorted[count - (Math.floor(count / 2) + 1)] as Index;
}

/** Whether the votes seen so far decide. */
export function majorityVoteResult(voters: MajorityConfig, voted: Voted): VoteResult {
  const count = voters.length;
  if (count === 0) return "VoteWon";
  let yes = 0;
  let missing = 0;
  for (let i = 0; i < count; i++) {
    const vote = voted(voters[i] as NodeId);
    if (vote === undefined) missing++;
    else if (vote) yes++;
  }
  const quorum = Math.floor(count / 2) + 1;
  if (yes >= quorum) return "VoteWon";
  return yes + missing >= quorum ? "VotePending" : "VoteLost";
}
