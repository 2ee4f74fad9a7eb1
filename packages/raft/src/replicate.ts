/** A leader's sending: appends, snapshots and heartbeats, and the commit index that comes of their answers. */

import { describeProgress } from "./describe-config.ts";
import { type Entry, type Index, type NodeId, payloadBytes, type Snapshot } from "./entry.ts";
import { fail, SnapshotTemporarilyUnavailableError } from "./errors.ts";
import type { MsgReadIndex } from "./message.ts";
import { hex, type Raft } from "./raft.ts";
import type { PendingRead } from "./read-only.ts";
import type { Progress } from "./tracker/progress.ts";

/**
 * Sends `to` the entries that it lacks, or a snapshot where they were compacted away, unless it is paused. Without
 * `evenIfEmpty` an append without entries, which would only tell the commit index, is not sent. True if something was.
 */
export function maybeSendAppend(raft: Raft, to: NodeId, progress: Progress, evenIfEmpty: boolean): boolean {
  if (progress.paused) return false;
  const { log } = raft;
  const previous = (progress.next - 1) as Index;
  const previousTerm = log.term(previous);
  if (previousTerm === undefined) return maybeSendSnapshot(raft, to, progress);
  let entries: readonly Entry[] | undefined = [];
  // With a full window only an empty append is sent, so that lost ones are found out (etcd #14633).
  if (progress.state !== "StateReplicate" || !progress.inflights.full) {
    entries = log.entries(progress.next, raft.config.maxSizePerMessage);
    if (entries === undefined) return maybeSendSnapshot(raft, to, progress);
  }
  if (entries.length === 0 && !evenIfEmpty) return false;
  const commit = log.committed;
  raft.send({
    type: "MsgApp",
    from: raft.id,
    to,
    term: raft.term,
    logTerm: previousTerm,
    index: previous,
    commit,
    entries,
  });
  progress.sentEntries(entries.length, payloadBytes(entries));
  progress.sentCommit(commit);
  return true;
}

// A member that is not heard of gets no snapshot: it could not answer, and a snapshot is dear.
function maybeSendSnapshot(raft: Raft, to: NodeId, progress: Progress): boolean {
  const { logger, log } = raft;
  if (!progress.recentActive) {
    logger.debug(`ignore sending snapshot to ${hex(to)} since it is not recently active`);
    return false;
  }
  let snapshot: Snapshot;
  try {
    snapshot = log.snapshot();
  } catch (error) {
    if (!(error instanceof SnapshotTemporarilyUnavailableError)) throw error;
    logger.debug(`${hex(raft.id)} failed to send snapshot to ${hex(to)} because snapshot is temporarily unavailable`);
    return false;
  }
  const { index, term } = snapshot.metadata;
  if (index === 0) fail("the storage has neither the entries nor a snapshot");
  logger.debug(
    `${hex(raft.id)} [firstindex: ${log.firstIndex()}, commit: ${log.committed}] sent snapshot[index: ${index}, term: ${term}] to ${hex(to)} [${describeProgress(progress)}]`,
  );
  progress.becomeSnapshot(index);
  logger.debug(`${hex(raft.id)} paused sending replication messages to ${hex(to)} [${describeProgress(progress)}]`);
  raft.send({ type: "MsgSnap", from: raft.id, to, term: raft.term, snapshot });
  return true;
}

/** An append to each other member, with or without entries. */
export function broadcastAppend(raft: Raft): void {
  for (const [id, progress] of raft.tracker.progress) {
    if (id !== raft.id) maybeSendAppend(raft, id, progress, true);
  }
}

/**
 * A heartbeat to each other member; it also carries the newest pending read. `byClock` tells the regular ones from those
 * that go out for the sake of reads, which may be thousands a second and must not each cost an append.
 */
export function broadcastHeartbeat(raft: Raft, byClock: boolean): void {
  raft.readHeartbeatDue = false;
  const readPosition = raft.readOnly.heartbeatPosition;
  for (const [to, progress] of raft.tracker.progress) {
    if (to === raft.id) continue;
    // Beyond its match a follower may hold other entries than ours: it must not take them for committed (Raft §5.3).
    const commit = Math.min(progress.match, raft.log.committed) as Index;
    raft.send({ type: "MsgHeartbeat", from: raft.id, to, term: raft.term, commit, readPosition });
    progress.sentCommit(commit);
    if (byClock) progress.appendOwed = true;
  }
}

export function sendTimeoutNow(raft: Raft, to: NodeId): void {
  raft.send({ type: "MsgTimeoutNow", from: raft.id, to, term: raft.term });
}

/** Moves the commit index to what a quorum has, if that is an entry of this term; then answers the reads that waited for one. */
export function maybeCommit(raft: Raft): boolean {
  if (!raft.log.maybeCommit({ term: raft.term, index: raft.tracker.committed() })) return false;
  const postponed = raft.postponedReads;
  if (postponed.length > 0) {
    raft.postponedReads = [];
    for (const read of postponed) acceptRead(raft, read);
  }
  return true;
}

/** True once an entry of this leader's term is committed: before, it does not know what is (Raft §8; etcd #7331). */
export function hasCommittedInTerm(raft: Raft): boolean {
  return raft.log.term(raft.log.committed) === raft.term;
}

/** A leader takes up a read: at once where nobody needs to be asked, else it waits for a quorum to answer a heartbeat. */
export function acceptRead(raft: Raft, { from, context }: MsgReadIndex): void {
  const read: PendingRead = { from, context, index: raft.log.committed };
  if (raft.config.readOnlyOption === "lease-based" || onlyVoter(raft)) {
    answerRead(raft, read);
    return;
  }
  raft.readOnly.add(read);
  raft.readHeartbeatDue = true;
}

/** Answers the reads that a quorum has confirmed by now. */
export function answerConfirmedReads(raft: Raft): void {
  for (const read of raft.readOnly.takeConfirmed(raft.tracker.config.voters)) answerRead(raft, read);
}

function answerRead(raft: Raft, { from, context, index }: PendingRead): void {
  if (from === raft.id) raft.readStates.push({ index, context });
  else raft.send({ type: "MsgReadIndexResp", from: raft.id, to: from, term: raft.term, index, context });
}

function onlyVoter(raft: Raft): boolean {
  return raft.tracker.isSingleton && raft.tracker.isVoter(raft.id);
}
