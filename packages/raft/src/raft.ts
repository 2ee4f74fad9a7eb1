/**
 * The state of one node, and the few operations on it that all roles share: sending, resetting, changing role,
 * appending. What a role does with a message is in `leader.ts`, `candidate.ts` and `follower.ts`; `step.ts` chooses.
 * Nothing outside this package sees it: `RawNode` is its face.
 */

import { restoreConfig } from "./confchange/restore.ts";
import { type CompleteRaftConfig, completeConfig, type RaftConfig, type RaftLogger } from "./config.ts";
import { describeConfig } from "./describe-config.ts";
import {
  type Entry,
  type HardState,
  type Index,
  isLocalTarget,
  NO_NODE,
  type NodeId,
  payloadBytes,
  type Term,
} from "./entry.ts";
import { fail } from "./errors.ts";
import { RaftLog } from "./log/raft-log.ts";
import type { Message, MsgReadIndex } from "./message.ts";
import { ReadOnly } from "./read-only.ts";
import type { ReadState, StateType } from "./ready.ts";
import { Tracker } from "./tracker/tracker.ts";

const NO_TERM = 0 as Term;
const NO_INDEX = 0 as Index;

export class Raft {
  readonly id: NodeId;
  readonly config: CompleteRaftConfig;
  readonly logger: RaftLogger;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  /**
   * While a received snapshot waits to be installed, `tracker` has its configuration already, but the state machine may still
   * be applying entries from before it. Their membership changes go here.
   */
  overtaken: Tracker | undefined;
  readonly readOnly: ReadOnly;

  term: Term = NO_TERM;
  vote: NodeId = NO_NODE;
  lead: NodeId = NO_NODE;
  state: StateType = "StateFollower";
  leaderTransferee: NodeId = NO_NODE;

  /** May be sent at once. */
  messages: Message[] = [];
  /** May be sent, or stepped where it is to this node, once all that is appended by now is durable. */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];

  /** The last index that may hold a membership change not yet applied; 0 or lower than `applied` means none does. */
  pendingConfIndex: Index = NO_INDEX;
  /** Payload proposed by this leader and not yet applied. */
  uncommittedBytes = 0;
  /** Reads that wait for this leader to commit an entry of its own term. */
  postponedReads: MsgReadIndex[] = [];
  /** A read arrived since the last heartbeats: `Ready` carries new ones, once for all reads of a batch. */
  readHeartbeatDue = false;

  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTicks = 0;

  constructor(options: RaftConfig) {
    const config = completeConfig(options);
    this.id = config.id;
    this.config = config;
    this.logger = config.logger;
    this.log = new RaftLog(config.storage, config.logger, config.maxCommittedSizePerReady);
    this.tracker = new Tracker({ messages: config.maxInflightMessages, bytes: config.maxInflightBytes });
    this.readOnly = new ReadOnly(config.id);

    const { hardState, confState } = config.storage.initialState();
    const last = this.log.lastId();
    const { config: members, progress } = restoreConfig(this.tracker.limits, confState, last.index);
    this.tracker.setConfig(members, progress);
    this.logger.info(`${hex(this.id)} switched to configuration ${describeConfig(members)}`);
    this.#resume(hardState, config.applied);
    this.becomeFollower(this.term, NO_NODE);
    const peers = this.tracker.voterIds.map(hex).join(",");
    this.logger.info(
      `newRaft ${hex(this.id)} [peers: [${peers}], term: ${this.term}, commit: ${this.log.committed}, applied: ${this.log.applied}, lastindex: ${last.index}, lastterm: ${last.term}]`,
    );
  }

  // The stored commit index may be behind what was applied or compacted, since it is written without haste; what was
  // applied was committed. It cannot be beyond the log.
  #resume({ term, vote, commit }: HardState, applied: Index): void {
    const known = Math.max(commit, applied, this.log.committed) as Index;
    if (known > this.log.lastIndex()) {
      fail(
        `committed (${commit}) or applied (${applied}) entries are missing, the log ends at ${this.log.lastIndex()}: it was truncated or lost`,
      );
    }
    this.log.commitTo(known);
    this.log.appliedTo(Math.max(applied, this.log.applied) as Index, 0);
    this.term = term;
    this.vote = vote;
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** May become leader: a voter of the configuration in force, with no snapshot waiting to be installed. */
  get promotable(): boolean {
    const progress = this.tracker.progress.get(this.id);
    return progress !== undefined && !progress.isLearner && this.log.unstable.snapshot === undefined;
  }

  /**
   * Queues a message. Acknowledgements and votes wait for the disk: what they tell must be durable before anybody hears
   * of it, the sender included (Raft §5.1; the leader's own acknowledgement is one of them, thesis §10.2.1).
   */
  send(message: Message): void {
    const { type, to } = message;
    if (type === "MsgAppResp" || type === "MsgVoteResp" || type === "MsgPreVoteResp") {
      this.messagesAfterAppend.push(message);
      return;
    }
    if (to === this.id || isLocalTarget(to)) fail(`a ${type} must not be sent to oneself`);
    this.messages.push(message);
  }

  becomeFollower(term: Term, lead: NodeId): void {
    this.#reset(term);
    this.lead = lead;
    this.state = "StateFollower";
    this.logger.info(`${hex(this.id)} became follower at term ${this.term}`);
  }

  becomeCandidate(): void {
    if (this.state === "StateLeader") fail("a leader cannot become candidate");
    this.#reset((this.term + 1) as Term);
    this.vote = this.id;
    this.state = "StateCandidate";
    this.logger.info(`${hex(this.id)} became candidate at term ${this.term}`);
  }

  /** Changes neither term nor vote: nothing durable happens until a quorum says that an election could be won. */
  becomePreCandidate(): void {
    if (this.state === "StateLeader") fail("a leader cannot become pre-candidate");
    this.tracker.resetVotes();
    this.lead = NO_NODE;
    this.state = "StatePreCandidate";
    this.logger.info(`${hex(this.id)} became pre-candidate at term ${this.term}`);
  }

  becomeLeader(): void {
    if (this.state === "StateFollower") fail("a follower cannot become leader");
    this.#reset(this.term);
    this.lead = this.id;
    this.state = "StateLeader";
    const own = this.tracker.progress.get(this.id) ?? fail("a leader must be a member");
    own.becomeReplicate();
    own.recentActive = true;
    // Whatever membership change the log may hold, none is proposed before all of it is applied.
    this.pendingConfIndex = this.log.lastIndex();
    // Committing an entry of its own term is how a leader learns what is committed (Raft §5.4.2, §8).
    this.append([{ term: NO_TERM, index: NO_INDEX, type: "EntryNormal", data: new Uint8Array(0) }]);
    this.logger.info(`${hex(this.id)} became leader at term ${this.term}`);
  }

  /** Appends proposals under the next indices and this term. False if they would pass the limit on uncommitted payload. */
  append(proposals: readonly Entry[]): boolean {
    const bytes = payloadBytes(proposals);
    // The first proposal always passes, however large; and so does an empty one, which elections and joint consensus need.
    if (
      this.uncommittedBytes > 0 &&
      bytes > 0 &&
      this.uncommittedBytes + bytes > this.config.maxUncommittedEntriesSize
    ) {
      this.logger.warn(
        `${hex(this.id)} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
      );
      return false;
    }
    this.uncommittedBytes += bytes;
    const last = this.log.lastIndex();
    const term = this.term;
    const entries = proposals.map(({ type, data }, i) => ({ term, index: (last + 1 + i) as Index, type, data }));
    this.log.append(entries);
    // The leader's own acknowledgement: it counts once its disk has the entries, like anybody's.
    this.send(this.accepted(this.id, (last + entries.length) as Index));
    return true;
  }

  /** "My log agrees with yours up to `index`", to `to`. */
  accepted(to: NodeId, index: Index): Message {
    return {
      type: "MsgAppResp",
      from: this.id,
      to,
      term: this.term,
      logTerm: NO_TERM,
      index,
      reject: false,
      rejectHint: NO_INDEX,
    };
  }

  #reset(term: Term): void {
    if (this.term !== term) {
      if (term < this.term) fail(`the term cannot go back from ${this.term} to ${term}`);
      this.term = term;
      this.vote = NO_NODE;
    }
    this.lead = NO_NODE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    const { electionTicks, random } = this.config;
    this.randomizedElectionTicks = electionTicks + random.below(electionTicks);
    this.leaderTransferee = NO_NODE;
    this.tracker.resetVotes();
    const last = this.log.lastIndex();
    this.tracker.resetProgress((id, old) =>
      this.tracker.freshProgress({
        // Some of that may not be on its disk yet. It commits nothing by itself: only entries of this term do, and those this
        // node acknowledges anew, after all before them.
        match: id === this.id ? last : NO_INDEX,
        next: (last + 1) as Index,
        isLearner: old.isLearner,
        recentActive: false,
      }),
    );
    this.pendingConfIndex = NO_INDEX;
    this.uncommittedBytes = 0;
    this.readOnly.reset();
    this.postponedReads = [];
    this.readHeartbeatDue = false;
  }
}

/** A node id as the log lines write it. */
export function hex(id: NodeId): string {
  return id.toString(16);
}
