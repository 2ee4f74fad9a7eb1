/** What a follower or learner does with a message. */

import { hup } from "./election.ts";
import { type EntryId, type Index, NO_NODE, type NodeId } from "./entry.ts";
import { fail } from "./errors.ts";
import { restoreSnapshot } from "./membership.ts";
import type { MsgApp, MsgHeartbeat, MsgSnap, RoleMessage } from "./message.ts";
import type { StepRefusal } from "./proposal.ts";
import { hex, type Raft } from "./raft.ts";

/** Handles a message of this term or without one. */
export function stepFollower(raft: Raft, message: RoleMessage): StepRefusal | undefined {
  const { logger } = raft;
  switch (message.type) {
    case "MsgProp":
      if (raft.lead === NO_NODE) {
        logger.info(`${hex(raft.id)} no leader at term ${raft.term}; dropping proposal`);
        return "no-leader";
      }
      if (raft.config.disableProposalForwarding) {
        logger.info(
          `${hex(raft.id)} not forwarding to leader ${hex(raft.lead)} at term ${raft.term}; dropping proposal`,
        );
        return "not-leader";
      }
      raft.send({ ...message, to: raft.lead });
      break;
    case "MsgApp":
      heardOfLeader(raft, message.from);
      handleAppend(raft, message);
      break;
    case "MsgHeartbeat":
      heardOfLeader(raft, message.from);
      handleHeartbeat(raft, message);
      break;
    case "MsgSnap":
      heardOfLeader(raft, message.from);
      handleSnapshot(raft, message);
      break;
    case "MsgTransferLeader":
      if (raft.lead === NO_NODE) {
        logger.info(`${hex(raft.id)} no leader at term ${raft.term}; dropping leader transfer msg`);
        break;
      }
      raft.send({ ...message, to: raft.lead, term: raft.term });
      break;
    case "MsgForgetLeader":
      forgetLeader(raft);
      break;
    case "MsgTimeoutNow":
      logger.info(
        `${hex(raft.id)} [term ${raft.term}] received MsgTimeoutNow from ${hex(message.from)} and starts an election to get leadership.`,
      );
      // Without a pre-vote: the leader itself says that there may be an election.
      hup(raft, "transfer");
      break;
    case "MsgReadIndex":
      if (raft.lead === NO_NODE) {
        logger.info(`${hex(raft.id)} no leader at term ${raft.term}; dropping index reading msg`);
        break;
      }
      raft.send({ ...message, to: raft.lead });
      break;
    case "MsgReadIndexResp":
      raft.readStates.push({ index: message.index, context: message.context });
      break;
    // For leaders and candidates, sent to what this node was before.
    case "MsgBeat":
    case "MsgCheckQuorum":
    case "MsgUnreachable":
    case "MsgSnapStatus":
    case "MsgAppResp":
    case "MsgVoteResp":
    case "MsgPreVoteResp":
    case "MsgHeartbeatResp":
      break;
  }
  return undefined;
}

function heardOfLeader(raft: Raft, leader: NodeId): void {
  if (raft.lead !== NO_NODE && raft.lead !== leader) fail(`both ${raft.lead} and ${leader} lead term ${raft.term}`);
  raft.electionElapsed = 0;
  raft.lead = leader;
}

// With leases the leader counts on not being forgotten.
function forgetLeader(raft: Raft): void {
  if (raft.config.readOnlyOption === "lease-based") {
    raft.logger.error("ignoring MsgForgetLeader due to ReadOnlyLeaseBased");
    return;
  }
  if (raft.lead === NO_NODE) return;
  raft.logger.info(`${hex(raft.id)} forgetting leader ${hex(raft.lead)} at term ${raft.term}`);
  raft.lead = NO_NODE;
}

/** Takes a leader's entries, or tells where the logs may agree. */
export function handleAppend(raft: Raft, message: MsgApp): void {
  const { log } = raft;
  const previous: EntryId = { term: message.logTerm, index: message.index };
  if (previous.index < log.committed) {
    // All up to the commit index agrees with any leader's log.
    raft.send(raft.accepted(message.from, log.committed));
    return;
  }
  checkEntries(previous, message);
  const last = log.maybeAppend(previous, message.entries, message.commit);
  if (last !== undefined) {
    raft.send(raft.accepted(message.from, last));
    return;
  }
  raft.logger.debug(
    `${hex(raft.id)} [logterm: ${log.term(previous.index) ?? 0}, index: ${previous.index}] rejected MsgApp [logterm: ${previous.term}, index: ${previous.index}] from ${hex(message.from)}`,
  );
  const below = Math.min(previous.index, log.lastIndex()) as Index;
  const hint = log.findConflictByTerm(below, previous.term);
  raft.send({
    type: "MsgAppResp",
    from: raft.id,
    to: message.from,
    term: raft.term,
    logTerm: hint.term,
    index: previous.index,
    reject: true,
    rejectHint: hint.index,
  });
}

// Each follows the one before, with a term that never falls and is not above the leader's own.
function checkEntries(previous: EntryId, { entries, term }: MsgApp): void {
  let before = previous;
  for (const entry of entries) {
    if (entry.index !== before.index + 1 || entry.term < before.term || entry.term > term) {
      fail(
        `entry (${entry.index}, term ${entry.term}) cannot follow (${before.index}, term ${before.term}) in term ${term}`,
      );
    }
    before = entry;
  }
}

export function handleHeartbeat(raft: Raft, message: MsgHeartbeat): void {
  raft.log.commitTo(message.commit);
  const { from: to, readPosition } = message;
  raft.send({ type: "MsgHeartbeatResp", from: raft.id, to, term: raft.term, readPosition });
}

export function handleSnapshot(raft: Raft, message: MsgSnap): void {
  const { index, term } = message.snapshot.metadata;
  const restored = restoreSnapshot(raft, message.snapshot);
  raft.logger.info(
    `${hex(raft.id)} [commit: ${raft.log.committed}] ${restored ? "restored" : "ignored"} snapshot [index: ${index}, term: ${term}]`,
  );
  raft.send(raft.accepted(message.from, restored ? raft.log.lastIndex() : raft.log.committed));
}
