/** What a node tells about itself, for operators, membership managers and tests. */

import type { ConfState, Index, NodeId, Term } from "./entry.ts";
import type { StateType } from "./ready.ts";
import type { ProgressState } from "./tracker/progress.ts";

/** Cheap: plain fields, no maps. May be asked on every turn. */
export interface BasicStatus {
  readonly id: NodeId;
  readonly term: Term;
  readonly vote: NodeId;
  readonly lead: NodeId;
  readonly state: StateType;
  readonly commit: Index;
  readonly applied: Index;
  readonly lastIndex: Index;
  /** To whom this leader is handing over; 0 for nobody. */
  readonly leaderTransferee: NodeId;
  /** An entry of the present term is committed: only then does a leader know what is (Raft §8). */
  readonly committedInTerm: boolean;
}

/** How far one member's log is known to agree with the leader's. */
export interface ProgressStatus {
  readonly match: Index;
  readonly next: Index;
  readonly state: ProgressState;
  readonly isLearner: boolean;
  readonly recentActive: boolean;
  readonly paused: boolean;
  /** The index of the snapshot that is on its way, or 0. */
  readonly pendingSnapshot: Index;
  /** `MsgApp`s with entries that were not answered yet. */
  readonly inflight: number;
}

/** A copy: it does not change when the node does. `progress` is empty unless the node leads; its keys ascend. */
export interface Status extends BasicStatus {
  readonly conf: ConfState;
  readonly progress: ReadonlyMap<NodeId, ProgressStatus>;
}
