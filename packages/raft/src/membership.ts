/** Changes of membership: checked when proposed, in force when applied, left by themselves where they are joint. */

import { type Changed, Changer } from "./confchange/changer.ts";
import { decodeConfChange, decodeConfChangeV2, LEAVE_JOINT } from "./confchange/codec.ts";
import { type ConfChangeV2, confChangeAsV2, entersJoint, leavesJoint } from "./confchange/conf-change.ts";
import { restoreConfig } from "./confchange/restore.ts";
import { describeConfChange, describeConfChangeV2 } from "./describe-conf-change.ts";
import { describeConfig } from "./describe-config.ts";
import { type ConfState, type Entry, type Index, NO_NODE, type Snapshot, type Term } from "./entry.ts";
import { hex, type Raft } from "./raft.ts";
import { answerConfirmedReads, broadcastAppend, maybeCommit, maybeSendAppend } from "./replicate.ts";
import { Tracker } from "./tracker/tracker.ts";

/**
 * Why the membership change `entry`, proposed as the `offset`-th of its batch, may not enter the log now; undefined if it
 * may, in which case it is noted as pending. The check is best effort: what is applied is decided when it is applied.
 */
export function refuseConfChange(raft: Raft, entry: Entry, offset: number): string | undefined {
  const v1 = entry.type === "EntryConfChange" ? decodeConfChange(entry.data) : undefined;
  const change = v1 === undefined ? decodeConfChangeV2(entry.data) : confChangeAsV2(v1);
  const { config } = raft.tracker;
  const joint = config.voters.outgoing.length > 0;
  let reason: string | undefined;
  if (raft.pendingConfIndex > raft.log.applied) {
    reason = `possible unapplied conf change at index ${raft.pendingConfIndex} (applied to ${raft.log.applied})`;
  } else if (joint && !leavesJoint(change)) {
    reason = "must transition out of joint config first";
  } else if (!joint && change.changes.length === 0) {
    reason = "not in joint state; refusing empty conf change";
  }
  if (reason !== undefined && !raft.config.disableConfChangeValidation) {
    const text = v1 === undefined ? describeConfChangeV2(change) : describeConfChange(v1);
    raft.logger.info(`${hex(raft.id)} ignoring conf change ${text} at config ${describeConfig(config)}: ${reason}`);
    return reason;
  }
  raft.pendingConfIndex = (raft.log.lastIndex() + offset + 1) as Index;
  return undefined;
}

/** Puts a committed change in force. Called when its entry is applied, on each node alike. Throws `ConfChangeError`. */
export function applyConfChange(raft: Raft, change: ConfChangeV2): ConfState {
  const tracker = raft.overtaken ?? raft.tracker;
  const changer = new Changer(tracker, raft.log.lastIndex());
  let changed: Changed;
  if (leavesJoint(change)) {
    changed = changer.leaveJoint();
  } else {
    const { joint, autoLeave } = entersJoint(change);
    changed = joint ? changer.enterJoint(autoLeave, change.changes) : changer.simple(change.changes);
  }
  if (tracker === raft.tracker) return switchTo(raft, changed);
  tracker.setConfig(changed.config, changed.progress);
  return tracker.confState();
}

function switchTo(raft: Raft, { config, progress }: Changed): ConfState {
  const { tracker } = raft;
  tracker.setConfig(config, progress);
  raft.logger.info(`${hex(raft.id)} switched to configuration ${describeConfig(config)}`);
  const confState = tracker.confState();
  if (raft.state !== "StateLeader") return confState;

  const own = progress.get(raft.id);
  if (own === undefined || own.isLearner) {
    // It goes on leading only where that was asked for: it commits by the others' acknowledgements alone.
    if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.term, NO_NODE);
    return confState;
  }
  if (maybeCommit(raft)) {
    // A smaller quorum may already have what the larger one lacked; tell everyone.
    broadcastAppend(raft);
  } else {
    // New members are to be heard of soon. Others get only what they lack.
    for (const [id, one] of progress) if (id !== raft.id) maybeSendAppend(raft, id, one, false);
  }
  // Likewise for reads; and without other members no heartbeat's answer would ever release them.
  answerConfirmedReads(raft);
  if (raft.leaderTransferee !== NO_NODE && !tracker.isVoter(raft.leaderTransferee)) raft.leaderTransferee = NO_NODE;
  return confState;
}

/**
 * Replaces log and configuration by a snapshot's, to be installed by the storage. False if that is not needed, because
 * the log has all of it, or would be wrong.
 */
export function restoreSnapshot(raft: Raft, snapshot: Snapshot): boolean {
  const { log, logger, tracker } = raft;
  const { index, term, confState } = snapshot.metadata;
  if (index <= log.committed) return false;
  if (raft.state !== "StateFollower") {
    logger.warn(`${hex(raft.id)} attempted to restore snapshot as leader; should never happen`);
    raft.becomeFollower((raft.term + 1) as Term, NO_NODE);
    return false;
  }
  // A voter that is to become a learner stands in votersOutgoing too.
  const { voters, learners, votersOutgoing } = confState;
  if (![voters, learners, votersOutgoing].some((ids) => ids.includes(raft.id))) {
    logger.warn(`${hex(raft.id)} attempted to restore snapshot but it is not in the ConfState; should never happen`);
    return false;
  }
  if (log.matches({ term, index })) {
    const last = log.lastId();
    logger.info(
      `${hex(raft.id)} [commit: ${log.committed}, lastindex: ${last.index}, lastterm: ${last.term}] fast-forwarded commit to snapshot [index: ${index}, term: ${term}]`,
    );
    log.commitTo(index);
    return false;
  }
  if (raft.overtaken === undefined) {
    raft.overtaken = new Tracker(tracker.limits);
    raft.overtaken.setConfig(tracker.config, tracker.progress);
  }
  log.restore(snapshot);
  switchTo(raft, restoreConfig(tracker.limits, confState, log.lastIndex()));
  const last = log.lastId();
  logger.info(
    `${hex(raft.id)} [commit: ${log.committed}, lastindex: ${last.index}, lastterm: ${last.term}] restored snapshot [index: ${index}, term: ${term}]`,
  );
  return true;
}

/** True if this leader has to propose leaving the joint configuration: it leaves by itself, and its entry is applied. */
export function owesLeaveJoint(raft: Raft): boolean {
  return raft.tracker.config.autoLeave && raft.log.applied >= raft.pendingConfIndex && raft.state === "StateLeader";
}

/** The entry that leaves a joint configuration: no changes, no bytes. */
export const LEAVE_JOINT_ENTRY: Entry = {
  term: 0 as Term,
  index: 0 as Index,
  type: "EntryConfChangeV2",
  data: LEAVE_JOINT.context,
};
