/**
 * The store as background work sees it: every commit is bound to the Raft term in which the work began, so what a leader
 * started and could not finish is refused once another leads, wherever the work stands then.
 */
import {
  type KeyedRow,
  type KeyRange,
  type ReplicatedStore,
  runTransaction,
  type SnapshotReader,
  type Transaction,
  type WaitOptions,
} from "@strongroom/storage";

/** For one command or read; a cluster that takes longer has other worries than background work. */
const DEADLINE_MS = 10_000;
const ROWS_COUNTED_AT_ONCE = 64;

interface Counted {
  next(count: number): Promise<readonly unknown[]>;
}

export class LeaderStore {
  /** The Raft term of the leadership that this work belongs to. */
  readonly raftTerm: number;
  readonly signal: AbortSignal;
  readonly #store: ReplicatedStore;

  constructor(store: ReplicatedStore, signal: AbortSignal) {
    this.#store = store;
    this.raftTerm = store.raftTerm();
    this.signal = signal;
  }

  /** The log's time, which alone decides what has expired. */
  nowMs(): number {
    return this.#store.logTimeMs();
  }

  /**
   * One command, guarded by the term. Throws `LeadershipLostError` when the term is over, else as `runTransaction`. The
   * body may run several times.
   */
  async write<T>(body: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const guarded = (tx: Transaction): Promise<T> | T => {
      tx.guardRaftTerm(this.raftTerm);
      return body(tx);
    };
    return (await runTransaction(this.#store, guarded, { mode: "write", ...this.#wait() })).result;
  }

  /** Reads a state at least as new as this call. */
  async read<T>(body: (tx: Transaction) => Promise<T> | T): Promise<T> {
    return (await runTransaction(this.#store, body, { mode: "read", ...this.#wait() })).result;
  }

  /** The first rows of `range`, at most `count` and perhaps fewer, in a state at least as new as this call; none at its end. */
  async rows(range: KeyRange, count: number): Promise<readonly KeyedRow[]> {
    return firstRows(await this.#store.linearizableSnapshot(this.#wait()), range, count);
  }

  /** As `rows`, of this node's own state, old as it may be: for looking for work that `write` then reads again. */
  localRows(range: KeyRange, count: number): Promise<readonly KeyedRow[]> {
    return firstRows(this.#store.localSnapshot(), range, count);
  }

  /**
   * How many rows of `range` this node's own state has, old as it may be; fewer once `signal` is aborted. From `many` on they are
   * read from an image, which is as old as the last flush; and a few at a time, since thousands would outlive several collections
   * of young garbage, and leave the heap as large as they once made it.
   */
  async countLocal(range: KeyRange, many: number): Promise<number> {
    const snapshot = this.#store.localSnapshot();
    const few = snapshot.iterate(range);
    let counted: number;
    try {
      counted = await this.#count(few, many);
    } finally {
      await few.close();
      snapshot.release();
    }
    if (counted < many) return counted;
    const image = await this.#store.image();
    const all = image.iterator(range);
    try {
      return await this.#count(all, Number.POSITIVE_INFINITY);
    } finally {
      await all.close();
      await image.close();
    }
  }

  /** Ends at `enough`, or soon above it. */
  async #count(iterator: Counted, enough: number): Promise<number> {
    let counted = 0;
    while (counted < enough && !this.signal.aborted) {
      const rows = await iterator.next(ROWS_COUNTED_AT_ONCE);
      if (rows.length === 0) break;
      counted += rows.length;
    }
    return counted;
  }

  #wait(): WaitOptions {
    return { deadlineMs: this.#store.clock.monotonicMs() + DEADLINE_MS, signal: this.signal };
  }
}

async function firstRows(snapshot: SnapshotReader, range: KeyRange, count: number): Promise<readonly KeyedRow[]> {
  try {
    const iterator = snapshot.iterate(range);
    try {
      return await iterator.next(count);
    } finally {
      await iterator.close();
    }
  } finally {
    snapshot.release();
  }
}
