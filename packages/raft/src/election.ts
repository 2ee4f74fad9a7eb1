/** How a node comes to campaign, and how the votes are counted (Raft §5.2, thesis §9.6). */

import { type EntryId, type Index, NO_NODE, type NodeId, type Term } from "./entry.ts";
import type { MsgPreVote, MsgPreVoteResp, MsgVote, MsgVoteResp } from "./message.ts";
import { hex, type Raft } from "./raft.ts";
import { broadcastAppend } from "./replicate.ts";

/** Transfer: the leader itself asked for it, so those who hear of a leader vote all the same. */
export type Campaign = "pre-election" | "election" | "transfer";

const SCAN_BYTES = 1 << 20;

/** Starts a campaign, unless this node leads, may not lead, or has a committed membership change still to apply. */
export function hup(raft: Raft, campaign: Campaign): void {
  const { logger } = raft;
  if (raft.state === "StateLeader") {
    logger.debug(`${hex(raft.id)} ignoring MsgHup because already leader`);
    return;
  }
  if (!raft.promotable) {
    logger.warn(`${hex(raft.id)} is unpromotable and can not campaign`);
    return;
  }
  if (hasUnappliedConfChange(raft)) {
    logger.warn(
      `${hex(raft.id)} cannot campaign at term ${raft.term} since there are still pending configuration changes to apply`,
    );
    return;
  }
  logger.info(`${hex(raft.id)} is starting a new election at term ${raft.term}`);
  startCampaign(raft, campaign);
}

// Its votes would be counted in a configuration that is known to be replaced.
function hasUnappliedConfChange(raft: Raft): boolean {
  const { log } = raft;
  const end = (log.committed + 1) as Index;
  // Entries below a snapshot that waits to be installed are not there; its configuration is in force already.
  let at = Math.max(log.applied + 1, log.firstIndex()) as Index;
  while (at < end) {
    const entries = log.slice(at, end, SCAN_BYTES);
    for (const entry of entries) if (entry.type !== "EntryNormal") return true;
    at = (at + entries.length) as Index;
  }
  return false;
}

function startCampaign(raft: Raft, campaign: Campaign): void {
  const pre = campaign === "pre-election";
  if (pre) raft.becomePreCandidate();
  else raft.becomeCandidate();
  const term = (pre ? raft.term + 1 : raft.term) as Term;
  const request = pre ? "MsgPreVote" : "MsgVote";
  const response = pre ? "MsgPreVoteResp" : "MsgVoteResp";
  const last = raft.log.lastId();
  for (const to of raft.tracker.voterIds) {
    if (to === raft.id) {
      // The own vote too counts only once it is durable, hence it takes the way of all answers.
      raft.send({ type: response, from: raft.id, to, term, reject: false });
      continue;
    }
    raft.logger.info(
      `${hex(raft.id)} [logterm: ${last.term}, index: ${last.index}] sent ${request} request to ${hex(to)} at term ${raft.term}`,
    );
    const force = campaign === "transfer";
    raft.send({ type: request, from: raft.id, to, term, logTerm: last.term, index: last.index, force });
  }
}

/** Counts an answer to the campaign under way, and acts where it decides. */
export function countVote(raft: Raft, message: MsgVoteResp | MsgPreVoteResp): void {
  const { type, from, committed } = message;
  const granted = !message.reject;
  if (committed !== undefined && raft.config.commitByVote && learnCommit(raft, committed)) return;
  const { logger, tracker } = raft;
  logger.info(`${hex(raft.id)} received ${type}${granted ? "" : " rejection"} from ${hex(from)} at term ${raft.term}`);
  tracker.recordVote(from, granted);
  const tally = tracker.tallyVotes();
  logger.info(`${hex(raft.id)} has received ${tally.granted} ${type} votes and ${tally.rejected} vote rejections`);
  if (tally.result === "VoteWon") {
    if (raft.state === "StatePreCandidate") {
      startCampaign(raft, "election");
    } else {
      raft.becomeLeader();
      broadcastAppend(raft);
    }
  } else if (tally.result === "VoteLost") {
    raft.becomeFollower(raft.term, NO_NODE);
  }
}

// Where the logs agree at an entry, they agree on all before it: what is committed there is committed here (Raft §5.3). True
// if that brings a change of membership to be applied before there is any sense in campaigning.
function learnCommit(raft: Raft, committed: EntryId): boolean {
  const { log } = raft;
  if (committed.index <= log.committed || !log.matches(committed)) return false;
  log.commitTo(committed.index);
  raft.logger.info(`${hex(raft.id)} learned commit index ${committed.index} from a refused vote`);
  if (!hasUnappliedConfChange(raft)) return false;
  raft.becomeFollower(raft.term, NO_NODE);
  return true;
}

/** Votes, in any role. The message's term is not below this node's, and equals it for a `MsgVote`. */
export function handleVoteRequest(raft: Raft, message: MsgVote | MsgPreVote): void {
  const { from, term, logTerm, index } = message;
  const pre = message.type === "MsgPreVote";
  // A repeated vote; a first one while no leader is known; or a promise for a term to come, which binds nobody. A node that
  // believes itself a learner votes as well: who asks knows a newer configuration (etcd #10998).
  const free = raft.vote === from || (raft.vote === NO_NODE && raft.lead === NO_NODE) || (pre && term > raft.term);
  const granted = free && raft.log.isUpToDate({ term: logTerm, index });
  logVote(raft, granted ? "cast" : "rejected", message);
  const type = pre ? "MsgPreVoteResp" : "MsgVoteResp";
  // A pre-vote is granted in the term asked for, since the asker would ignore it in its own (etcd #8501).
  if (!granted) {
    refuse(raft, type, from);
    return;
  }
  raft.send({ type, from: raft.id, to: from, term, reject: false });
  if (pre) return;
  raft.electionElapsed = 0;
  raft.vote = from;
}

function refuse(raft: Raft, type: "MsgVoteResp" | "MsgPreVoteResp", to: NodeId): void {
  const { id: from, term, log } = raft;
  const index = log.committed;
  const committedTerm = raft.config.commitByVote ? log.term(index) : undefined;
  if (committedTerm === undefined) raft.send({ type, from, to, term, reject: true });
  else raft.send({ type, from, to, term, reject: true, committed: { term: committedTerm, index } });
}

/** A campaign from a lower term: refused with the present term, so that the asker catches up instead of asking for ever. */
export function refuseStalePreVote(raft: Raft, message: MsgPreVote): void {
  logVote(raft, "rejected", message);
  refuse(raft, "MsgPreVoteResp", message.from);
}

/** True if the request is to be ignored because a leader was heard of within an election timeout (thesis §4.2.3). */
export function withinLease(raft: Raft, message: MsgVote | MsgPreVote): boolean {
  const { electionTicks, checkQuorum } = raft.config;
  if (message.force || !checkQuorum || raft.lead === NO_NODE || raft.electionElapsed >= electionTicks) return false;
  const last = raft.log.lastId();
  raft.logger.info(
    `${hex(raft.id)} [logterm: ${last.term}, index: ${last.index}, vote: ${hex(raft.vote)}] ignored ${message.type} from ${hex(message.from)} [logterm: ${message.logTerm}, index: ${message.index}] at term ${raft.term}: lease is not expired (remaining ticks: ${electionTicks - raft.electionElapsed})`,
  );
  return true;
}

function logVote(raft: Raft, verdict: "cast" | "rejected", { type, from, logTerm, index }: MsgVote | MsgPreVote): void {
  const last = raft.log.lastId();
  raft.logger.info(
    `${hex(raft.id)} [logterm: ${last.term}, index: ${last.index}, vote: ${hex(raft.vote)}] ${verdict} ${type} ${verdict === "cast" ? "for" : "from"} ${hex(from)} [logterm: ${logTerm}, index: ${index}] at term ${raft.term}`,
  );
}
