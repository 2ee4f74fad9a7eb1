/**
 * The optimistic loop around a transaction. A commit proves itself, since its guards were checked where it was applied;
 * any answer without one (a read, a refusal, nothing to change) must come from a state at or above a ReadIndex requested
 * after the request arrived, else the body runs again. So the body may run several times: what it does besides the
 * transaction (a KDF, a call to the outside) belongs before it.
 */
import { assert } from "@strongroom/runtime";
import type { CommandDraft, Guard } from "./command.ts";
import { ConflictQueue, type Place } from "./conflict-queue.ts";
import { CommandRejectedError, LeadershipLostError, NotCommittedError } from "./errors.ts";
import { EPOCH_KEY, mapKey } from "./keys.ts";
import { ABSENT_REVISION, equalRevisions, type Revision } from "./revision.ts";
import type { ReplicatedStore, SnapshotReader, WaitOptions } from "./store.ts";
import { Transaction } from "./transaction.ts";

export interface TransactionOptions extends WaitOptions {
  /** `read`: the body writes nothing, and runs once. `write`: it may write, and may run again. */
  readonly mode: "read" | "write";
  /**
   * In the mode `write`: begin on a state at or above a ReadIndex of now, as a read does. For a body whose answer says more
   * than its guards prove, such as a LIST.
   */
  readonly fresh?: boolean;
}

export interface TransactionResult<T> {
  readonly result: T;
  /** Of the commit; missing where nothing was written. */
  readonly revision?: Revision;
}

/**
 * Runs `body` and commits what it wrote. What `body` throws is thrown on, and nothing is written; an error whose
 * `fromState` is true counts as an answer and is only given from a state that is new enough. Throws besides
 * `NotCommittedError`, `OutcomeUnknownError`, `UnavailableError`, `TooLargeError`, `CommandRejectedError`,
 * `LeadershipLostError` (the transaction was bound to a Raft term that is over), or the signal's reason.
 */
export async function runTransaction<T>(
  store: ReplicatedStore,
  body: (transaction: Transaction) => Promise<T> | T,
  options: TransactionOptions,
): Promise<TransactionResult<T>> {
  options.signal?.throwIfAborted();
  if (options.mode === "write") return runWrite(store, body, options);
  const answer = await runOnce(await store.linearizableSnapshot(options), body, { readOnly: true });
  return { result: answer.give() };
}

/** What one run of the body came to. */
interface Answer<T> {
  readonly appliedIndex: number;
  /** Missing where there is nothing to commit. */
  readonly draft?: CommandDraft;
  /** The body's result, or throws its error. */
  give(): T;
}

/** A snapshot to run on, and whether an answer from it may be given as it is. */
interface View {
  readonly snapshot: SnapshotReader;
  readonly linearizable: boolean;
}

async function runWrite<T>(
  store: ReplicatedStore,
  body: (transaction: Transaction) => Promise<T> | T,
  options: TransactionOptions,
): Promise<TransactionResult<T>> {
  let view: View =
    options.fresh === true
      ? { snapshot: await store.linearizableSnapshot(options), linearizable: true }
      : { snapshot: store.localSnapshot(), linearizable: false };
  let place: Place | undefined;
  try {
    for (;;) {
      const answer = await runOnce(view.snapshot, body);
      if (answer.draft === undefined) {
        const newer = view.linearizable ? undefined : await newerState(store, answer.appliedIndex, options);
        if (newer === undefined) return { result: answer.give() };
        view = newer;
        continue;
      }
      const verdict = await store.commit(answer.draft, options);
      if (verdict.outcome === "applied") {
        place?.leave(verdict.revision.index);
        return { result: answer.give(), revision: verdict.revision };
      }
      if (verdict.outcome === "rejected") {
        throw new CommandRejectedError(`the cluster refused the write: ${verdict.reason}`);
      }
      const guard = answer.draft.guards[verdict.guard];
      assert(guard !== undefined, "a conflict names a guard of the draft");
      place = await nextPlace(store, place, guard, options);
      options.signal?.throwIfAborted();
      view = await viewAfterConflict(store, guard, place?.writtenIndex ?? 0, options);
    }
  } finally {
    place?.leave();
  }
}

/** Runs the body on `snapshot` and releases it, whatever happens. Errors that say nothing of the state are thrown. */
async function runOnce<T>(
  snapshot: SnapshotReader,
  body: (transaction: Transaction) => Promise<T> | T,
  { readOnly }: { readonly readOnly: boolean } = { readOnly: false },
): Promise<Answer<T>> {
  const { appliedIndex } = snapshot;
  const transaction = new Transaction(snapshot, { readOnly });
  try {
    const result = await body(transaction);
    const give = (): T => result;
    return transaction.dirty ? { appliedIndex, draft: transaction.draft(), give } : { appliedIndex, give };
  } catch (error) {
    if (!isFromState(error)) throw error;
    return {
      appliedIndex,
      give: () => {
        throw error;
      },
    };
  } finally {
    try {
      const closing = transaction.end();
      if (closing !== undefined) await closing;
    } finally {
      snapshot.release();
    }
  }
}

/** The state that a ReadIndex of now leads to, unless `appliedIndex` had reached it already. */
async function newerState(
  store: ReplicatedStore,
  appliedIndex: number,
  options: WaitOptions,
): Promise<View | undefined> {
  const snapshot = await store.linearizableSnapshot(options);
  if (snapshot.appliedIndex > appliedIndex) return { snapshot, linearizable: true };
  snapshot.release();
  return undefined;
}

/**
 * The place from which to try again after losing at `guard`. One place is held at a time, so nobody waits for a row while
 * another waits for his. The epoch needs none: it changes seldom, and those it stopped do not stop each other.
 */
async function nextPlace(
  store: ReplicatedStore,
  held: Place | undefined,
  guard: Guard,
  options: WaitOptions,
): Promise<Place | undefined> {
  if (guard.kind === "raft-term") {
    throw new LeadershipLostError(`the work of term ${guard.term} ends: another term has begun`);
  }
  if (store.clock.monotonicMs() >= options.deadlineMs) {
    throw new NotCommittedError("other requests changed the same rows until the deadline; try again");
  }
  if (guard.kind === "epoch" || held?.id === mapKey(guard.key)) return held;
  held?.leave();
  return queueOf(store).enter(guard.key, options);
}

/** A state that shows what won: the local one if it does already, which saves the ReadIndex, else a linearizable one. */
async function viewAfterConflict(
  store: ReplicatedStore,
  lost: Guard,
  writtenIndex: number,
  options: WaitOptions,
): Promise<View> {
  const snapshot = store.localSnapshot();
  let shows = false;
  try {
    shows = snapshot.appliedIndex >= writtenIndex && !stillHolds(snapshot, lost);
  } finally {
    if (!shows) snapshot.release();
  }
  if (shows) return { snapshot, linearizable: false };
  return { snapshot: await store.linearizableSnapshot(options), linearizable: true };
}

function stillHolds(snapshot: SnapshotReader, guard: Guard): boolean {
  if (guard.kind === "raft-term") return true;
  const current = snapshot.get(guard.kind === "epoch" ? EPOCH_KEY : guard.key)?.revision ?? ABSENT_REVISION;
  return equalRevisions(current, guard.kind === "absent" ? ABSENT_REVISION : guard.revision);
}

function isFromState(error: unknown): boolean {
  return error instanceof Error && "fromState" in error && error.fromState === true;
}

const queues = new WeakMap<ReplicatedStore, ConflictQueue>();

/** The lines of one worker: each has its own store. */
function queueOf(store: ReplicatedStore): ConflictQueue {
  let queue = queues.get(store);
  if (queue === undefined) {
    queue = new ConflictQueue(store);
    queues.set(store, queue);
  }
  return queue;
}
