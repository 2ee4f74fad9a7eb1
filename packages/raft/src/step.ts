/** The way of every message and tick: terms first, then what all roles do alike, then the role. */

import { stepCandidate } from "./candidate.ts";
import { handleVoteRequest, hup, refuseStalePreVote, withinLease } from "./election.ts";
import { entriesBytes, type Index, NO_NODE, payloadBytes, type Snapshot, type Term } from "./entry.ts";
import { fail } from "./errors.ts";
import { stepFollower } from "./follower.ts";
import { appliedTo, stepLeader } from "./leader.ts";
import type { Message, MsgStorageApplyResp, RoleMessage } from "./message.ts";
import type { StepRefusal } from "./proposal.ts";
import { hex, type Raft } from "./raft.ts";

const NO_TERM = 0 as Term;

/** Handles one message. The caller has checked where it comes from. */
export function step(raft: Raft, message: Message): StepRefusal | undefined {
  if (message.term > raft.term) {
    if (!enterTerm(raft, message)) return undefined;
  } else if (message.term !== 0 && message.term < raft.term) {
    handleLowerTerm(raft, message);
    return undefined;
  }
  switch (message.type) {
    case "MsgHup":
      hup(raft, raft.config.preVote ? "pre-election" : "election");
      return undefined;
    case "MsgStorageAppendResp":
      if (message.index !== 0) raft.log.unstable.stableTo({ term: message.logTerm, index: message.index });
      snapshotInstalled(raft, message.snapshot);
      return undefined;
    case "MsgStorageApplyResp":
      applied(raft, message);
      return undefined;
    case "MsgVote":
    case "MsgPreVote":
      handleVoteRequest(raft, message);
      return undefined;
    case "MsgStorageAppend":
    case "MsgStorageApply":
      return fail(`a ${message.type} is for the storage, not for the node`);
    case "MsgBeat":
    case "MsgCheckQuorum":
    case "MsgUnreachable":
    case "MsgSnapStatus":
    case "MsgProp":
    case "MsgApp":
    case "MsgAppResp":
    case "MsgVoteResp":
    case "MsgPreVoteResp":
    case "MsgSnap":
    case "MsgHeartbeat":
    case "MsgHeartbeatResp":
    case "MsgTransferLeader":
    case "MsgTimeoutNow":
    case "MsgForgetLeader":
    case "MsgReadIndex":
    case "MsgReadIndexResp":
      return stepRole(raft, message);
  }
}

function stepRole(raft: Raft, message: RoleMessage): StepRefusal | undefined {
  switch (raft.state) {
    case "StateLeader":
      return stepLeader(raft, message);
    case "StateFollower":
      return stepFollower(raft, message);
    case "StateCandidate":
    case "StatePreCandidate":
      return stepCandidate(raft, message);
  }
}

// False if the message is to be ignored.
function enterTerm(raft: Raft, message: Message): boolean {
  if ((message.type === "MsgVote" || message.type === "MsgPreVote") && withinLease(raft, message)) return false;
  // A pre-vote changes no term, and a granted one comes back in the term to come; that is entered if the election is started.
  if (message.type === "MsgPreVote" || (message.type === "MsgPreVoteResp" && !message.reject)) return true;
  raft.logger.info(
    `${hex(raft.id)} [term: ${raft.term}] received a ${message.type} message with higher term from ${hex(message.from)} [term: ${message.term}]`,
  );
  const fromLeader = message.type === "MsgApp" || message.type === "MsgHeartbeat" || message.type === "MsgSnap";
  raft.becomeFollower(message.term, fromLeader ? message.from : NO_NODE);
  return true;
}

function handleLowerTerm(raft: Raft, message: Message): void {
  const { config, logger } = raft;
  const { type, from, term } = message;
  if ((type === "MsgHeartbeat" || type === "MsgApp") && (config.checkQuorum || config.preVote)) {
    // A node whose term ran ahead, unheard, cannot be reached by its leader otherwise: with these options its votes
    // are ignored. The answer's term makes the leader step down, and an election brings all into one term (etcd #8243).
    raft.send(raft.accepted(from, 0 as Index));
  } else if (type === "MsgPreVote") {
    refuseStalePreVote(raft, message);
  } else if (type === "MsgStorageAppendResp") {
    // What was written then may have been replaced since and be on its way back in: only this term's answers prove it.
    if (message.index !== 0) {
      logger.info(
        `${hex(raft.id)} [term: ${raft.term}] ignored entry appends from a ${type} message with lower term [term: ${term}]`,
      );
    }
    // A snapshot is committed state: it stays true in any term.
    snapshotInstalled(raft, message.snapshot);
  } else {
    logger.info(
      `${hex(raft.id)} [term: ${raft.term}] ignored a ${type} message with lower term from ${hex(from)} [term: ${term}]`,
    );
  }
}

function snapshotInstalled(raft: Raft, snapshot: Snapshot | undefined): void {
  if (snapshot === undefined) return;
  const { index } = snapshot.metadata;
  raft.log.unstable.stableSnapshotTo(index);
  // From now on nothing from before the snapshot is applied any more.
  if (raft.log.unstable.snapshot === undefined) raft.overtaken = undefined;
  appliedTo(raft, index, 0);
}

function applied(raft: Raft, { entries }: MsgStorageApplyResp): void {
  const last = entries.at(-1);
  if (last === undefined) return;
  appliedTo(raft, last.index, entriesBytes(entries));
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - payloadBytes(entries));
}

/** One tick of the clock. */
export function tick(raft: Raft): void {
  if (raft.state === "StateLeader") tickLeader(raft);
  else tickOther(raft);
}

function tickOther(raft: Raft): void {
  raft.electionElapsed++;
  if (!raft.promotable || raft.electionElapsed < raft.randomizedElectionTicks) return;
  raft.electionElapsed = 0;
  step(raft, { type: "MsgHup", from: raft.id, to: raft.id, term: NO_TERM });
}

function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed++;
  raft.electionElapsed++;
  if (raft.electionElapsed >= raft.config.electionTicks) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum) step(raft, { type: "MsgCheckQuorum", from: raft.id, to: raft.id, term: NO_TERM });
    // A transfer that has not come about by now will not.
    if (isLeader(raft)) raft.leaderTransferee = NO_NODE;
  }
  if (!isLeader(raft) || raft.heartbeatElapsed < raft.config.heartbeatTicks) return;
  raft.heartbeatElapsed = 0;
  step(raft, { type: "MsgBeat", from: raft.id, to: raft.id, term: NO_TERM });
}

// A call, since the steps above may have changed what the compiler takes for known.
function isLeader(raft: Raft): boolean {
  return raft.state === "StateLeader";
}
