/**
 * What a request runs in: reads of one snapshot, and writes that are kept back until all are proposed as one command.
 * A row that was read is guarded: the command takes effect only if the row is still the one that was read, or still not
 * there. So a transaction that commits has the effect of running alone, at the moment of its commit.
 *
 * Not guarded are `peek` and `iterate`: what they show may be old when the command applies. Who acts on a range fences
 * it first (a row that every writer below the prefix guards) or reads again with `get` what it found. A transaction that
 * only reads has no command, and keeps no guards.
 */
import { assert, slabCopy } from "@strongroom/runtime";
import type { CommandDraft, Guard, Mutation } from "./command.ts";
import { commandBytes } from "./command-codec.ts";
import { TooLargeError } from "./errors.ts";
import { EPOCH_KEY, type KeyRange, mapKey, replicatedKeyProblem } from "./keys.ts";
import { LIMITS } from "./limits.ts";
import { ABSENT_REVISION, type Revision } from "./revision.ts";
import type { Row } from "./row.ts";
import type { KeyedRow, RowIterator, SnapshotReader } from "./store.ts";

export class Transaction {
  readonly #snapshot: SnapshotReader;
  /** By `mapKey`, whose order is the keys' own. */
  readonly #guards = new Map<string, Guard>();
  /** What was read, so that a row is decoded once, and is the same object to all who ask. */
  readonly #rows = new Map<string, Row | undefined>();
  readonly #writes = new Map<string, Mutation>();
  readonly #iterators = new Set<RowIterator>();
  readonly #readOnly: boolean;
  #epoch: Guard | undefined;
  #raftTerm: number | undefined;
  #ended = false;

  /** Reads `snapshot`, which stays the caller's to release. */
  constructor(snapshot: SnapshotReader, options: { readonly readOnly?: boolean } = {}) {
    this.#snapshot = snapshot;
    this.#readOnly = options.readOnly ?? false;
  }

  /** Of the snapshot. */
  get appliedIndex(): number {
    return this.#snapshot.appliedIndex;
  }

  /** Whether there is something to commit. */
  get dirty(): boolean {
    return this.#writes.size > 0;
  }

  /** The row, guarded. What this transaction put itself has `ABSENT_REVISION`, and needs no guard. */
  get(key: Uint8Array): Row | undefined {
    this.#assertRunning();
    const id = mapKey(key);
    const written = this.#writes.get(id);
    if (written !== undefined) return rowOf(written);
    const row = this.#read(id, key);
    if (!this.#readOnly && !this.#guards.has(id)) {
      const own = this.#ownKey(id, key);
      this.#guards.set(
        id,
        row === undefined ? { kind: "absent", key: own } : { kind: "point", key: own, revision: row.revision },
      );
    }
    return row;
  }

  /** As `get` of a row that the caller knows already: `row` is what the snapshot has at `key`. */
  know(key: Uint8Array, row: Row | undefined): void {
    const id = mapKey(key);
    if (!this.#rows.has(id)) this.#rows.set(id, row);
    this.get(key);
  }

  /** As `get`, without a guard. */
  peek(key: Uint8Array): Row | undefined {
    this.#assertRunning();
    const id = mapKey(key);
    const written = this.#writes.get(id);
    return written === undefined ? this.#read(id, key) : rowOf(written);
  }

  /** Guards the row as `get` would, which the caller knows to have this revision in the snapshot. */
  guard(key: Uint8Array, revision: Revision): void {
    this.#assertRunning();
    const id = mapKey(key);
    if (this.#readOnly || this.#guards.has(id) || this.#writes.has(id)) return;
    this.#guards.set(id, { kind: "point", key: this.#ownKey(id, key), revision });
  }

  /** Keeps `value`, which the caller hands over. Throws `TooLargeError`. */
  put(key: Uint8Array, term: number, value: Uint8Array): void {
    this.#assertWriting();
    if (value.length > LIMITS.rowBytes) {
      throw new TooLargeError(`a row may hold ${LIMITS.rowBytes} bytes, this one has ${value.length}`);
    }
    const id = mapKey(key);
    this.#writes.set(id, { kind: "put", key: this.#ownKey(id, key), term, value });
  }

  /** Deletes the row, there or not. */
  delete(key: Uint8Array): void {
    this.#assertWriting();
    const id = mapKey(key);
    // The guard already says that there is nothing to delete.
    if (this.#guards.get(id)?.kind === "absent") this.#writes.delete(id);
    else this.#writes.set(id, { kind: "delete", key: this.#ownKey(id, key) });
  }

  /** Forgets what was written; what was read stays guarded. For an answer that is a refusal and is committed with something else. */
  discardWrites(): void {
    this.#assertRunning();
    this.#writes.clear();
  }

  /**
   * The command fails if mounts, policies or the keyring have changed since the snapshot. `revision`: of the epoch row, if
   * the caller knows what the snapshot has.
   */
  guardEpoch(revision?: Revision): void {
    this.#assertRunning();
    this.#epoch ??= { kind: "epoch", revision: revision ?? this.epochRevision() };
  }

  /** Of the snapshot's epoch row, unguarded. */
  epochRevision(): Revision {
    return this.#snapshot.get(EPOCH_KEY)?.revision ?? ABSENT_REVISION;
  }

  /** The command fails unless it is proposed in Raft's `term`. */
  guardRaftTerm(term: number): void {
    this.#assertRunning();
    assert(this.#raftTerm === undefined || this.#raftTerm === term, "a transaction belongs to one Raft term");
    this.#raftTerm = term;
  }

  /** The rows of `range` in order, with this transaction's own writes up to each `next`; unguarded. The caller closes it. */
  iterate(range: KeyRange): RowIterator {
    this.#assertRunning();
    const iterator = new MergedIterator(this.#snapshot.iterate(range), range, this.#writes, (closed) =>
      this.#iterators.delete(closed),
    );
    this.#iterators.add(iterator);
    return iterator;
  }

  /** What to commit: each guard and each key once, in the order of the keys. Throws `TooLargeError`. */
  draft(): CommandDraft {
    const guards = inKeyOrder(this.#guards);
    if (this.#epoch !== undefined) guards.unshift(this.#epoch);
    if (this.#raftTerm !== undefined) guards.unshift({ kind: "raft-term", term: this.#raftTerm });
    const draft = { guards, mutations: inKeyOrder(this.#writes) };
    commandBytes(draft);
    return draft;
  }

  /** Closes what iterators are still open, if any; the transaction is not used afterwards. Idempotent. */
  end(): Promise<void> | undefined {
    this.#ended = true;
    return this.#iterators.size === 0 ? undefined : this.#closeIterators();
  }

  async #closeIterators(): Promise<void> {
    for (const iterator of this.#iterators) await iterator.close();
  }

  #read(id: string, key: Uint8Array): Row | undefined {
    let row = this.#rows.get(id);
    if (row === undefined && !this.#rows.has(id)) {
      row = this.#snapshot.get(key);
      this.#rows.set(id, row);
    }
    return row;
  }

  /** A copy of `key`, one for all that is said of a row. */
  #ownKey(id: string, key: Uint8Array): Uint8Array {
    const guard = this.#guards.get(id);
    return guard?.kind === "point" || guard?.kind === "absent" ? guard.key : nameable(key);
  }

  #assertRunning(): void {
    assert(!this.#ended, "a transaction is used only while it runs");
  }

  #assertWriting(): void {
    this.#assertRunning();
    assert(!this.#readOnly, "a transaction that writes runs in the mode write");
  }
}

/** A copy of `key`, which a command may name: what is private to the replica can only be peeked at. */
function nameable(key: Uint8Array): Uint8Array {
  const problem = replicatedKeyProblem(key);
  assert(problem === undefined, problem ?? "");
  return slabCopy(key);
}

function rowOf(written: Mutation): Row | undefined {
  if (written.kind === "delete") return undefined;
  return { revision: ABSENT_REVISION, term: written.term, value: written.value };
}

function inKeyOrder<T>(byKey: ReadonlyMap<string, T>): T[] {
  const ordered: T[] = [];
  for (const id of [...byKey.keys()].sort()) ordered.push(byKey.get(id) as T);
  return ordered;
}

/** The snapshot's rows with a transaction's writes laid over them. */
class MergedIterator implements RowIterator {
  readonly #base: RowIterator;
  readonly #writes: ReadonlyMap<string, Mutation>;
  readonly #onClosed: (closed: RowIterator) => void;
  readonly #start: string;
  readonly #end: string;
  /** Read from the base and not handed out yet. */
  #ahead: KeyedRow[] = [];
  #baseEnded = false;
  /** The place reached: keys above it follow, or keys at or above it if `#inclusive`. */
  #place: string;
  #inclusive = true;

  constructor(
    base: RowIterator,
    range: KeyRange,
    writes: ReadonlyMap<string, Mutation>,
    onClosed: (closed: RowIterator) => void,
  ) {
    this.#base = base;
    this.#writes = writes;
    this.#onClosed = onClosed;
    this.#start = mapKey(range.gte);
    this.#end = mapKey(range.lt);
    this.#place = this.#start;
  }

  async next(count: number): Promise<readonly KeyedRow[]> {
    assert(count > 0, "an iterator is asked for something");
    const own = this.#ownWrites();
    const rows: KeyedRow[] = [];
    let fetched = false;
    while (rows.length < count) {
      if (this.#ahead.length === 0 && !this.#baseEnded) {
        // One page of the base bounds what one page of this holds.
        if (fetched && rows.length > 0) break;
        fetched = true;
        this.#ahead = (await this.#base.next(count)).toReversed();
        this.#baseEnded = this.#ahead.length === 0;
      }
      const stored = this.#ahead.at(-1);
      const written = own.at(-1);
      if (stored === undefined && written === undefined) break;
      const storedId = stored === undefined ? undefined : mapKey(stored.key);
      if (written === undefined || (storedId !== undefined && storedId < written.id)) {
        this.#ahead.pop();
        this.#advance(storedId as string);
        rows.push(stored as KeyedRow);
        continue;
      }
      own.pop();
      if (storedId === written.id) this.#ahead.pop();
      this.#advance(written.id);
      const row = rowOf(written.mutation);
      if (row !== undefined) rows.push({ key: written.mutation.key, row });
    }
    return rows;
  }

  seek(key: Uint8Array): void {
    this.#base.seek(key);
    this.#ahead = [];
    this.#baseEnded = false;
    const id = mapKey(key);
    this.#place = id > this.#start ? id : this.#start;
    this.#inclusive = true;
  }

  async close(): Promise<void> {
    this.#onClosed(this);
    await this.#base.close();
  }

  #advance(id: string): void {
    this.#place = id;
    this.#inclusive = false;
  }

  /** The writes still to come in this range, the next one last. */
  #ownWrites(): { readonly id: string; readonly mutation: Mutation }[] {
    const own: { id: string; mutation: Mutation }[] = [];
    for (const [id, mutation] of this.#writes) {
      const reached = this.#inclusive ? id < this.#place : id <= this.#place;
      if (!reached && id < this.#end) own.push({ id, mutation });
    }
    return own.sort((a, b) => (a.id < b.id ? 1 : -1));
  }
}
