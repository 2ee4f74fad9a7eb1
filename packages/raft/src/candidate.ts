/** What a candidate or pre-candidate does with a message. */

import { countVote } from "./election.ts";
import { handleAppend, handleHeartbeat, handleSnapshot } from "./follower.ts";
import type { RoleMessage } from "./message.ts";
import type { StepRefusal } from "./proposal.ts";
import { hex, type Raft } from "./raft.ts";

/** Handles a message of this term or without one (a pre-vote's answer may be of the term to come). */
export function stepCandidate(raft: Raft, message: RoleMessage): StepRefusal | undefined {
  switch (message.type) {
    case "MsgProp":
      raft.logger.info(`${hex(raft.id)} no leader at term ${raft.term}; dropping proposal`);
      return "no-leader";
    // Somebody leads this term already.
    case "MsgApp":
      raft.becomeFollower(message.term, message.from);
      handleAppend(raft, message);
      break;
    case "MsgHeartbeat":
      raft.becomeFollower(message.term, message.from);
      handleHeartbeat(raft, message);
      break;
    case "MsgSnap":
      raft.becomeFollower(message.term, message.from);
      handleSnapshot(raft, message);
      break;
    // An answer to the other kind of campaign comes from an earlier stage of this one.
    case "MsgPreVoteResp":
      if (raft.state === "StatePreCandidate") countVote(raft, message);
      break;
    case "MsgVoteResp":
      if (raft.state === "StateCandidate") countVote(raft, message);
      break;
    case "MsgTimeoutNow":
      raft.logger.debug(
        `${hex(raft.id)} [term ${raft.term} state ${raft.state}] ignored MsgTimeoutNow from ${hex(message.from)}`,
      );
      break;
    // For leaders and followers.
    case "MsgBeat":
    case "MsgCheckQuorum":
    case "MsgUnreachable":
    case "MsgSnapStatus":
    case "MsgAppResp":
    case "MsgHeartbeatResp":
    case "MsgTransferLeader":
    case "MsgForgetLeader":
    case "MsgReadIndex":
    case "MsgReadIndexResp":
      break;
  }
  return undefined;
}
