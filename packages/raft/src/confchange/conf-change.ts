/**
 * A change of membership as it is proposed and stands in the log. The second version changes several members at once,
 * through a joint configuration (Raft thesis §4.3); the first is a single change and exists for its transcripts.
 */

import type { NodeId } from "../entry.ts";

export type ConfChangeType =
  | "ConfChangeAddNode"
  | "ConfChangeRemoveNode"
  | "ConfChangeUpdateNode"
  | "ConfChangeAddLearnerNode";

/**
 * Auto: joint only where more than one voter changes, left by itself. JointImplicit: joint always, left by itself.
 * JointExplicit: joint always, left by a proposal without changes.
 */
export type ConfChangeTransition =
  | "ConfChangeTransitionAuto"
  | "ConfChangeTransitionJointImplicit"
  | "ConfChangeTransitionJointExplicit";

export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: NodeId;
}

/** One change, of the first version. `context` is the proposer's own. */
export interface ConfChange extends ConfChangeSingle {
  readonly context: Uint8Array;
}

/** Any number of changes as one. Without changes, and with transition Auto, it leaves a joint configuration. */
export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array;
}

/** A change of the first version in the form of the second. */
export function confChangeAsV2(change: ConfChange): ConfChangeV2 {
  return {
    transition: "ConfChangeTransitionAuto",
    changes: [{ type: change.type, nodeId: change.nodeId }],
    context: change.context,
  };
}

/** Whether `change` needs a joint configuration, and if so whether that is left by itself. */
export function entersJoint(change: ConfChangeV2): { readonly joint: boolean; readonly autoLeave: boolean } {
  if (change.transition === "ConfChangeTransitionAuto" && change.changes.length <= 1) {
    return { joint: false, autoLeave: false };
  }
  return { joint: true, autoLeave: change.transition !== "ConfChangeTransitionJointExplicit" };
}

/** True of the change that leaves a joint configuration. Its context does not matter. */
export function leavesJoint(change: ConfChangeV2): boolean {
  return change.transition === "ConfChangeTransitionAuto" && change.changes.length === 0;
}
