/**
 * One member of a Raft group, to be driven by somebody who has a clock, a disk and a network. Everything is synchronous and
 * deterministic: the same calls in the same order give the same results. In async mode (`asyncStorageWrites`), a
 * driver loops over
 *
 *     node.step(message) for all that came in, node.tick() by the clock, node.propose(…)
 *     while (node.hasReady()) for (const message of node.ready().messages)
 *       MsgStorageAppend: to the log, in order; once it is durable, send or step its `responses`, in order
 *       MsgStorageApply:  to the state machine, in order; once that has applied, step its `responses`
 *       any other:        to the peer `message.to`; it may be lost, doubled or reordered
 *
 * and applies a committed membership change with `applyConfChange` before it steps the `MsgStorageApply`'s response. Once
 * a snapshot is installed, entries up to its index that still wait to be applied are skipped, their responses are not. After
 * a `RaftInvariantError`, or a write that failed, the node must not be used again.
 */

import { encodeConfChange, encodeConfChangeV2 } from "./confchange/codec.ts";
import type { ConfChange, ConfChangeV2 } from "./confchange/conf-change.ts";
import type { RaftConfig } from "./config.ts";
import {
  type ConfState,
  type Entry,
  type EntryType,
  entriesBytes,
  type HardState,
  type Index,
  isLocalTarget,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type NodeId,
  type Snapshot,
  type Term,
} from "./entry.ts";
import { fail } from "./errors.ts";
import { applyConfChange } from "./membership.ts";
import {
  isLocalMessage,
  isResponseMessage,
  type Message,
  type MsgStorageAppendResp,
  type MsgStorageApplyResp,
} from "./message.ts";
import type { ProposeResult, StepRefusal } from "./proposal.ts";
import { Raft } from "./raft.ts";
import type { Ready, SoftState } from "./ready.ts";
import { broadcastHeartbeat, hasCommittedInTerm } from "./replicate.ts";
import type { BasicStatus, ProgressStatus, Status } from "./status.ts";
import { step, tick } from "./step.ts";

const NO_TERM = 0 as Term;
const NO_INDEX = 0 as Index;

/** The state behind a node: for this package's own tests and for `testing/`. */
export let raftOf: (node: RawNode) => Raft;

export class RawNode {
  readonly #raft: Raft;
  readonly #async: boolean;
  #previousSoft: SoftState;
  #previousHard: HardState;
  // In sync mode: the answers of log and state machine to the last Ready, and the node's own, for `advance`.
  #stepsOnAdvance: Message[] = [];

  static {
    raftOf = (node) => node.#raft;
  }

  /** Starts from what `config.storage` holds. Throws `RaftConfigError`, or `RaftInvariantError` on a storage that contradicts itself. */
  constructor(config: RaftConfig) {
    this.#raft = new Raft(config);
    this.#async = this.#raft.config.asyncStorageWrites;
    this.#previousSoft = this.#softState();
    this.#previousHard = this.#raft.hardState();
  }

  /** One tick of the clock passed. Never to be called several times to make up for a pause: what is queued comes first. */
  tick(): void {
    tick(this.#raft);
  }

  /** Starts an election now, with a pre-vote where that is configured. */
  campaign(): void {
    step(this.#raft, { type: "MsgHup", from: this.#raft.id, to: this.#raft.id, term: NO_TERM });
  }

  /**
   * Takes a message from a peer or from the local storage. The caller has checked that `message.from` is who sent it. What
   * is refused has no effect, but that after "conf-change-refused" an empty entry is in the log.
   */
  step(message: Message): StepRefusal | undefined {
    const { type, from } = message;
    if (!isLocalTarget(from)) {
      if (isLocalMessage(type)) return "local-message";
      // Only members' answers count. Requests are heard from anybody: the sender may know a newer configuration.
      if (isResponseMessage(type) && !this.#raft.tracker.progress.has(from)) return "peer-not-found";
    }
    return step(this.#raft, message);
  }

  /** Proposes payloads, at least one, as entries that follow each other, in one append. They are not copied. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    return this.#propose(data.map((one) => proposal("EntryNormal", one)));
  }

  /** Proposes a change of membership. It takes effect when it is applied, see `applyConfChange`. */
  proposeConfChange(change: ConfChangeV2): ProposeResult {
    return this.#propose([proposal("EntryConfChangeV2", encodeConfChangeV2(change))]);
  }

  /** As `proposeConfChange`, for an entry of the first version. */
  proposeConfChangeV1(change: ConfChange): ProposeResult {
    return this.#propose([proposal("EntryConfChange", encodeConfChange(change))]);
  }

  #propose(entries: readonly Entry[]): ProposeResult {
    const raft = this.#raft;
    const refusal = step(raft, { type: "MsgProp", from: raft.id, to: raft.id, term: NO_TERM, entries });
    if (refusal !== undefined && refusal !== "local-message" && refusal !== "peer-not-found") {
      return { ok: false, reason: refusal };
    }
    return { ok: true, lastIndex: raft.state === "StateLeader" ? raft.log.lastIndex() : NO_INDEX };
  }

  /**
   * Puts a committed membership change in force, when its entry is applied. Gives the configuration to store with the state
   * machine. A driver that rejects the change passes the same with node ids of 0. Throws `ConfChangeError`, changing
   * nothing, where the configuration does not allow it, which cannot happen to changes that this package validated.
   */
  applyConfChange(change: ConfChangeV2): ConfState {
    return applyConfChange(this.#raft, change);
  }

  /**
   * Asks for an index at which a read is linearizable; it comes in a later Ready as a `ReadState` with this `context`, or
   * never: without a leader, or if that changes, or the network loses the request. Then ask again with another number. A number
   * must not be used twice, nor after a restart while answers to the run before may be under way.
   */
  readIndex(context: number): void {
    const raft = this.#raft;
    step(raft, { type: "MsgReadIndex", from: raft.id, to: raft.id, term: NO_TERM, context });
  }

  /** Hands leadership to `to`, within an election timeout or not at all. Until then proposals are refused. */
  transferLeadership(to: NodeId): void {
    step(this.#raft, { type: "MsgTransferLeader", from: to, to: this.#raft.id, term: NO_TERM });
  }

  /** A follower forgets its leader, of whose death the caller knows, and so may vote for another at once. */
  forgetLeader(): void {
    step(this.#raft, { type: "MsgForgetLeader", from: this.#raft.id, to: this.#raft.id, term: NO_TERM });
  }

  /** What was sent to `id` lately may be lost. */
  reportUnreachable(id: NodeId): void {
    step(this.#raft, { type: "MsgUnreachable", from: id, to: this.#raft.id, term: NO_TERM });
  }

  /** How sending the snapshot of a `MsgSnap` to `id` ended. Must be reported, or the member gets nothing more until it answers. */
  reportSnapshot(id: NodeId, ok: boolean): void {
    step(this.#raft, { type: "MsgSnapStatus", from: id, to: this.#raft.id, term: NO_TERM, reject: !ok });
  }

  /** True if `ready()` would give anything. */
  hasReady(): boolean {
    const raft = this.#raft;
    return (
      raft.messages.length > 0 ||
      raft.messagesAfterAppend.length > 0 ||
      raft.readHeartbeatDue ||
      raft.readStates.length > 0 ||
      raft.log.unstable.hasNextEntries ||
      raft.log.unstable.nextSnapshot() !== undefined ||
      raft.log.hasNextCommitted(!this.#async) ||
      raft.lead !== this.#previousSoft.lead ||
      raft.state !== this.#previousSoft.state ||
      this.#hardStateChanged()
    );
  }

  /** All that is to be done now. The caller must do it: it is not given again. */
  ready(): Ready {
    const raft = this.#raft;
    if (this.#stepsOnAdvance.length > 0) fail("ready() was called again before advance()");
    // One round of heartbeats for all reads since the last Ready.
    if (raft.readHeartbeatDue) broadcastHeartbeat(raft, false);
    const softChanged = raft.lead !== this.#previousSoft.lead || raft.state !== this.#previousSoft.state;
    const softState = softChanged ? this.#softState() : undefined;
    const hardState = this.#hardStateChanged() ? raft.hardState() : undefined;
    const entries = raft.log.unstable.nextEntries();
    const snapshot = raft.log.unstable.nextSnapshot();
    const committedEntries = raft.log.nextCommitted(!this.#async);
    const mustSync =
      entries.length > 0 || raft.term !== this.#previousHard.term || raft.vote !== this.#previousHard.vote;
    const readStates = raft.readStates;
    const messages = raft.messages;
    const afterAppend = raft.messagesAfterAppend;
    const answer = this.#storageAnswer(snapshot);

    if (this.#async) {
      if (entries.length > 0 || hardState !== undefined || snapshot !== undefined || afterAppend.length > 0) {
        if (answer !== undefined) afterAppend.push(answer);
        messages.push(storageAppend(raft.id, entries, hardState, snapshot, afterAppend));
      }
      if (committedEntries.length > 0) {
        const responses = [storageApplyResponse(raft.id, committedEntries)];
        const { id: from } = raft;
        messages.push({
          type: "MsgStorageApply",
          from,
          to: LOCAL_APPLY_THREAD,
          term: NO_TERM,
          entries: committedEntries,
          responses,
        });
      }
    } else {
      for (const message of afterAppend) {
        if (message.to === raft.id) this.#stepsOnAdvance.push(message);
        else messages.push(message);
      }
      if (answer !== undefined) this.#stepsOnAdvance.push(answer);
      if (committedEntries.length > 0) this.#stepsOnAdvance.push(storageApplyResponse(raft.id, committedEntries));
    }

    raft.messages = [];
    raft.messagesAfterAppend = [];
    raft.readStates = [];
    raft.log.unstable.acceptInProgress();
    const lastCommitted = committedEntries.at(-1);
    if (lastCommitted !== undefined) {
      raft.log.acceptApplying(lastCommitted.index, entriesBytes(committedEntries), !this.#async);
    }
    if (softState !== undefined) this.#previousSoft = softState;
    if (hardState !== undefined) this.#previousHard = hardState;
    return { softState, hardState, readStates, entries, snapshot, committedEntries, messages, mustSync };
  }

  /** Sync mode: all of the last Ready is done. In async mode the messages' responses say so instead. */
  advance(): void {
    if (this.#async) fail("advance() must not be called in async mode");
    const steps = this.#stepsOnAdvance;
    this.#stepsOnAdvance = [];
    for (const message of steps) step(this.#raft, message);
  }

  /** Plain fields only; cheap enough for every turn. */
  basicStatus(): BasicStatus {
    const raft = this.#raft;
    return {
      id: raft.id,
      term: raft.term,
      vote: raft.vote,
      lead: raft.lead,
      state: raft.state,
      commit: raft.log.committed,
      applied: raft.log.applied,
      lastIndex: raft.log.lastIndex(),
      leaderTransferee: raft.leaderTransferee,
      committedInTerm: hasCommittedInTerm(raft),
    };
  }

  /** A copy of all there is to know, the members' progress too where this node leads. */
  status(): Status {
    const raft = this.#raft;
    const progress = new Map<NodeId, ProgressStatus>();
    if (raft.state === "StateLeader") {
      for (const [id, { match, next, state, isLearner, recentActive, paused, pendingSnapshot, inflights }] of raft
        .tracker.progress) {
        const inflight = inflights.count;
        progress.set(id, { match, next, state, isLearner, recentActive, paused, pendingSnapshot, inflight });
      }
    }
    return { ...this.basicStatus(), conf: raft.tracker.confState(), progress };
  }

  /** The configuration in force. */
  confState(): ConfState {
    return this.#raft.tracker.confState();
  }

  /** Whom this leader is handing over to; 0 for nobody. */
  get leaderTransferee(): NodeId {
    return this.#raft.leaderTransferee;
  }

  /** The term of the entry at `index`; undefined if it was compacted away or is not there yet. */
  termAt(index: Index): Term | undefined {
    return this.#raft.log.term(index);
  }

  /** The first index still in the log, durable or not. */
  firstIndex(): Index {
    return this.#raft.log.firstIndex();
  }

  #softState(): SoftState {
    return { lead: this.#raft.lead, state: this.#raft.state };
  }

  #hardStateChanged(): boolean {
    const { term, vote, log } = this.#raft;
    const previous = this.#previousHard;
    return term !== previous.term || vote !== previous.vote || log.committed !== previous.commit;
  }

  // What the log answers once all of this Ready is durable. It names the last entry even if that is of an earlier Ready:
  // the answer to that one may have been of an older term, and then counted for nothing.
  #storageAnswer(snapshot: Snapshot | undefined): MsgStorageAppendResp | undefined {
    const { id, term, log } = this.#raft;
    const pending = log.unstable.length > 0;
    if (!pending && snapshot === undefined) return undefined;
    const last = pending ? log.lastId() : { term: NO_TERM, index: NO_INDEX };
    return {
      type: "MsgStorageAppendResp",
      from: LOCAL_APPEND_THREAD,
      to: id,
      term,
      logTerm: last.term,
      index: last.index,
      snapshot,
    };
  }
}

function proposal(type: EntryType, data: Uint8Array): Entry {
  return { term: NO_TERM, index: NO_INDEX, type, data };
}

function storageAppend(
  from: NodeId,
  entries: readonly Entry[],
  hardState: HardState | undefined,
  snapshot: Snapshot | undefined,
  responses: readonly Message[],
): Message {
  const term = hardState?.term ?? NO_TERM;
  return { type: "MsgStorageAppend", from, to: LOCAL_APPEND_THREAD, term, hardState, entries, snapshot, responses };
}

function storageApplyResponse(to: NodeId, entries: readonly Entry[]): MsgStorageApplyResp {
  return { type: "MsgStorageApplyResp", from: LOCAL_APPLY_THREAD, to, term: NO_TERM, entries };
}
