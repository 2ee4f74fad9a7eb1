/** What a leader does with a message. */

import { describeConfig, describeProgress } from "./describe-config.ts";
import { type Entry, type Index, NO_NODE, type NodeId, type Term } from "./entry.ts";
import { fail } from "./errors.ts";
import { LEAVE_JOINT_ENTRY, owesLeaveJoint, refuseConfChange } from "./membership.ts";
import type {
  MsgAppResp,
  MsgHeartbeatResp,
  MsgSnapStatus,
  MsgTransferLeader,
  MsgUnreachable,
  RoleMessage,
} from "./message.ts";
import type { ProposalRefusal, StepRefusal } from "./proposal.ts";
import { hex, type Raft } from "./raft.ts";
import {
  acceptRead,
  answerConfirmedReads,
  broadcastAppend,
  broadcastHeartbeat,
  hasCommittedInTerm,
  maybeCommit,
  maybeSendAppend,
  sendTimeoutNow,
} from "./replicate.ts";
import type { Progress } from "./tracker/progress.ts";

/** Handles a message of this term or without one. */
export function stepLeader(raft: Raft, message: RoleMessage): StepRefusal | undefined {
  switch (message.type) {
    case "MsgBeat":
      broadcastHeartbeat(raft, true);
      return undefined;
    case "MsgCheckQuorum":
      checkQuorum(raft);
      return undefined;
    case "MsgProp":
      return propose(raft, message.entries);
    case "MsgReadIndex":
      if (hasCommittedInTerm(raft)) acceptRead(raft, message);
      else raft.postponedReads.push(message);
      return undefined;
    case "MsgAppResp":
    case "MsgHeartbeatResp":
    case "MsgSnapStatus":
    case "MsgUnreachable":
    case "MsgTransferLeader":
      stepMember(raft, message);
      return undefined;
    // For followers and candidates, sent to what this node was before; there is nothing to forget.
    case "MsgForgetLeader":
    case "MsgApp":
    case "MsgSnap":
    case "MsgHeartbeat":
    case "MsgVoteResp":
    case "MsgPreVoteResp":
    case "MsgTimeoutNow":
    case "MsgReadIndexResp":
      return undefined;
  }
}

// What concerns one member's progress.
function stepMember(
  raft: Raft,
  message: MsgAppResp | MsgHeartbeatResp | MsgSnapStatus | MsgUnreachable | MsgTransferLeader,
): void {
  const progress = raft.tracker.progress.get(message.from);
  if (progress === undefined) {
    raft.logger.debug(`${hex(raft.id)} no progress available for ${hex(message.from)}`);
    return;
  }
  switch (message.type) {
    case "MsgAppResp":
      if (message.reject) handleRejection(raft, progress, message);
      else handleAcknowledgement(raft, progress, message);
      break;
    case "MsgHeartbeatResp":
      handleHeartbeatResponse(raft, progress, message);
      break;
    case "MsgSnapStatus":
      handleSnapshotStatus(raft, progress, message);
      break;
    case "MsgUnreachable":
      // What was sent ahead is probably lost: find out before more is.
      if (progress.state === "StateReplicate") progress.becomeProbe();
      raft.logger.debug(
        `${hex(raft.id)} failed to send message to ${hex(message.from)} because it is unreachable [${describeProgress(progress)}]`,
      );
      break;
    case "MsgTransferLeader":
      transferLeadership(raft, progress, message.from);
      break;
  }
}

function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) {
    raft.logger.warn(`${hex(raft.id)} stepped down to follower since quorum is not active`);
    raft.becomeFollower(raft.term, NO_NODE);
  }
  for (const [id, progress] of raft.tracker.progress) if (id !== raft.id) progress.recentActive = false;
}

function propose(raft: Raft, proposed: readonly Entry[]): ProposalRefusal | undefined {
  if (proposed.length === 0) fail("a proposal without entries");
  // Removed while leading: nobody would count its acknowledgements, and new entries are for the next leader.
  if (!raft.tracker.progress.has(raft.id)) return "not-leader";
  if (raft.leaderTransferee !== NO_NODE) {
    raft.logger.debug(
      `${hex(raft.id)} [term ${raft.term}] transfer leadership to ${hex(raft.leaderTransferee)} is in progress; dropping proposal`,
    );
    return "transferring";
  }
  let entries = proposed;
  let refused = false;
  for (let i = 0; i < proposed.length; i++) {
    const entry = proposed[i] as Entry;
    if (entry.type === "EntryNormal" || refuseConfChange(raft, entry, i) === undefined) continue;
    refused = true;
    entries = entries.with(i, { term: 0 as Term, index: 0 as Index, type: "EntryNormal", data: new Uint8Array(0) });
  }
  if (!raft.append(entries)) return "too-much-uncommitted";
  broadcastAppend(raft);
  return refused ? "conf-change-refused" : undefined;
}

// The follower has no match at `index`. Where its last possible match is known with its term, our own log tells how far
// below that the logs can agree at all, so that each term costs one probe, not each entry.
function handleRejection(raft: Raft, progress: Progress, message: MsgAppResp): void {
  progress.recentActive = true;
  const { from, index, rejectHint, logTerm } = message;
  raft.logger.debug(
    `${hex(raft.id)} received MsgAppResp(rejected, hint: (index ${rejectHint}, term ${logTerm})) from ${hex(from)} for index ${index}`,
  );
  const hint = logTerm > 0 ? raft.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint;
  if (!progress.maybeDecrease(index, hint)) return;
  raft.logger.debug(`${hex(raft.id)} decreased progress of ${hex(from)} to [${describeProgress(progress)}]`);
  if (progress.state === "StateReplicate") progress.becomeProbe();
  maybeSendAppend(raft, from, progress, true);
}

function handleAcknowledgement(raft: Raft, progress: Progress, { from, index }: MsgAppResp): void {
  progress.recentActive = true;
  if (index > raft.log.lastIndex()) {
    fail(`member ${from} acknowledged index ${index} beyond the leader's last ${raft.log.lastIndex()}`);
  }
  // An old index is news only where it ends a probe: a follower that has everything answers with what is known already.
  const news = progress.maybeUpdate(index) || (progress.match === index && progress.state === "StateProbe");
  if (!news) return;
  switch (progress.state) {
    case "StateProbe":
      progress.becomeReplicate();
      break;
    case "StateSnapshot":
      // Any acknowledgement that reaches into our log ends the snapshot, whichever brought it there.
      if (progress.match + 1 >= raft.log.firstIndex()) {
        raft.logger.debug(
          `${hex(raft.id)} recovered from needing snapshot, resumed sending replication messages to ${hex(from)} [${describeProgress(progress)}]`,
        );
        progress.becomeProbe();
        progress.becomeReplicate();
      }
      break;
    case "StateReplicate":
      progress.inflights.freeThrough(index);
      break;
  }
  if (maybeCommit(raft)) {
    broadcastAppend(raft);
  } else if (from !== raft.id && progress.canBumpCommit(raft.log.committed)) {
    maybeSendAppend(raft, from, progress, true);
  }
  if (from === raft.id) return;
  // The window has opened: send on, as many messages as fit.
  while (maybeSendAppend(raft, from, progress, false));
  if (from === raft.leaderTransferee && progress.match === raft.log.lastIndex()) {
    raft.logger.info(`${hex(raft.id)} sent MsgTimeoutNow to ${hex(from)} after received MsgAppResp`);
    sendTimeoutNow(raft, from);
  }
}

function handleHeartbeatResponse(raft: Raft, progress: Progress, { from, readPosition }: MsgHeartbeatResp): void {
  progress.recentActive = true;
  if (readPosition === 0 || progress.appendOwed) {
    progress.appendOwed = false;
    progress.appendPaused = false;
    // Even with a full window this sends an append without entries; its refusal tells that earlier ones were lost.
    if (progress.match < raft.log.lastIndex() || progress.state === "StateProbe") {
      maybeSendAppend(raft, from, progress, true);
    }
  }
  if (readPosition === 0) return;
  raft.readOnly.acknowledge(from, readPosition);
  answerConfirmedReads(raft);
}

function handleSnapshotStatus(raft: Raft, progress: Progress, { from, reject }: MsgSnapStatus): void {
  if (progress.state !== "StateSnapshot") return;
  // After a failure the snapshot does not count; the next append starts from what is known to agree.
  if (reject) progress.pendingSnapshot = 0 as Index;
  progress.becomeProbe();
  const outcome = reject ? "failed" : "succeeded";
  raft.logger.debug(
    `${hex(raft.id)} snapshot ${outcome}, resumed sending replication messages to ${hex(from)} [${describeProgress(progress)}]`,
  );
  // On success the follower's own acknowledgement opens the way, on failure the answer to the next heartbeat.
  progress.appendPaused = true;
}

function transferLeadership(raft: Raft, progress: Progress, to: NodeId): void {
  const { logger } = raft;
  if (progress.isLearner) {
    logger.debug(`${hex(raft.id)} is learner. Ignored transferring leadership`);
    return;
  }
  if (raft.leaderTransferee === to) {
    logger.info(
      `${hex(raft.id)} [term ${raft.term}] transfer leadership to ${hex(to)} is in progress, ignores request to same node ${hex(to)}`,
    );
    return;
  }
  if (raft.leaderTransferee !== NO_NODE) {
    logger.info(
      `${hex(raft.id)} [term ${raft.term}] abort previous transferring leadership to ${hex(raft.leaderTransferee)}`,
    );
    raft.leaderTransferee = NO_NODE;
  }
  if (to === raft.id) {
    logger.debug(`${hex(raft.id)} is already leader. Ignored transferring leadership to self`);
    return;
  }
  logger.info(`${hex(raft.id)} [term ${raft.term}] starts to transfer leadership to ${hex(to)}`);
  // It has one election timeout to take over; then this leader takes proposals again (thesis §3.10).
  raft.electionElapsed = 0;
  raft.leaderTransferee = to;
  if (progress.match === raft.log.lastIndex()) {
    sendTimeoutNow(raft, to);
    logger.info(
      `${hex(raft.id)} sends MsgTimeoutNow to ${hex(to)} immediately as ${hex(to)} already has up-to-date log`,
    );
  } else {
    progress.appendPaused = false;
    maybeSendAppend(raft, to, progress, true);
  }
}

/** Entries up to `index`, `bytes` of them, have been applied; a joint configuration that is due to be left is left now. */
export function appliedTo(raft: Raft, index: Index, bytes: number): void {
  raft.log.appliedTo(Math.max(index, raft.log.applied) as Index, bytes);
  if (!owesLeaveJoint(raft)) return;
  const config = describeConfig(raft.tracker.config);
  // It has no payload, so no limit refuses it; a transfer under way may, and then the next leader does it.
  const refusal = propose(raft, [LEAVE_JOINT_ENTRY]);
  if (refusal === undefined) {
    raft.logger.info(`initiating automatic transition out of joint configuration ${config}`);
  } else {
    raft.logger.debug(`not initiating automatic transition out of joint configuration ${config}: ${refusal}`);
  }
}
