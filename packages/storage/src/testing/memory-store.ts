/**
 * A replicated store of one node that commits at once: what engines, the core and the barrier are tested against. It runs
 * the real command codec and the real rule of the state machine, packs the commits of one turn into one entry as a leader
 * does, and can be told to fail as a cluster fails.
 */
import type { Clock, Timers } from "@strongroom/runtime";
import { VirtualTime } from "@strongroom/runtime/testing";
import { applyCommand } from "../apply.ts";
import type { CommandDraft, Verdict } from "../command.ts";
import { decodeCommand, encodeCommand, isMalformed } from "../command-codec.ts";
import { NotCommittedError, OutcomeUnknownError, UnavailableError } from "../errors.ts";
import { MemoryTable } from "../memory-table.ts";
import { decodeRow, type Row } from "../row.ts";
import { openSnapshotReader } from "../snapshot-reader.ts";
import type { Invalidation, KeyedRow, ReplicatedStore, SnapshotReader, WaitOptions } from "../store.ts";
import type { TableImage, TableSnapshot } from "../table.ts";

/**
 * How a commit can fail: dropped by every leader; its answer lost, with or without its effect; or nobody there to take it.
 */
export type CommitFailure = "not-committed" | "unknown-lost" | "unknown-applied" | "unavailable";

interface Pending {
  readonly bytes: Uint8Array;
  readonly settle: (verdict: Verdict) => void;
}

const ALL_KEYS = { gte: new Uint8Array(0), lt: Uint8Array.of(0xff) };

export class MemoryStore implements ReplicatedStore {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly #table = new MemoryTable();
  readonly #listeners = new Set<(event: Invalidation) => void>();
  #failures: CommitFailure[] = [];
  #pending: Pending[] = [];
  #appliedIndex = 0;
  #sequence = 0;
  #lastLogTimeMs = 0;
  #leadership = { leader: true, raftTerm: 1 };
  #commits = 0;
  #openSnapshots = 0;
  #frozen: SnapshotReader | undefined;

  /** Without a world of its own, time stands still at a `VirtualTime`'s start. */
  constructor(world?: { readonly clock: Clock; readonly timers: Timers }) {
    const time = new VirtualTime();
    this.clock = world?.clock ?? time;
    this.timers = world?.timers ?? time;
  }

  /** Commits that took effect so far. */
  get commits(): number {
    return this.#commits;
  }

  /** Snapshots that nobody has released yet: none after a test that leaks none. */
  get openSnapshots(): number {
    return this.#openSnapshots;
  }

  localSnapshot(): SnapshotReader {
    if (this.#frozen === undefined) return this.#newest();
    this.#frozen.retain();
    return this.#frozen;
  }

  async linearizableSnapshot(options: WaitOptions): Promise<SnapshotReader> {
    this.#checkWait(options);
    await Promise.resolve();
    return this.#newest();
  }

  image(): Promise<TableImage> {
    return this.#table.image();
  }

  async commit(draft: CommandDraft, options: WaitOptions): Promise<Verdict> {
    this.#checkWait(options);
    const failure = this.#failures.shift();
    if (failure === "not-committed") throw new NotCommittedError("the write was dropped before it took effect");
    if (failure === "unavailable") throw new UnavailableError("no leader answered within the deadline");
    if (failure === "unknown-lost") throw new OutcomeUnknownError("it is not known whether the write took effect");
    const verdict = await this.#propose(draft);
    if (failure === "unknown-applied") {
      throw new OutcomeUnknownError("it is not known whether the write took effect");
    }
    return verdict;
  }

  logTimeMs(): number {
    this.#lastLogTimeMs = Math.max(this.#lastLogTimeMs, Math.floor(this.clock.wallMs()));
    return this.#lastLogTimeMs;
  }

  isLeaderNode(): boolean {
    return this.#leadership.leader;
  }

  raftTerm(): number {
    return this.#leadership.raftTerm;
  }

  onInvalidation(listener: (event: Invalidation) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** As an election would: guards of an earlier term fail from now on. */
  setLeadership(leadership: { readonly leader: boolean; readonly raftTerm: number }): void {
    this.#leadership = leadership;
  }

  /** Local snapshots show this moment from now on, as on a node that lags behind, until `catchUp`. */
  lagBehind(): void {
    this.catchUp();
    this.#frozen = this.#newest();
  }

  catchUp(): void {
    this.#frozen?.release();
    this.#frozen = undefined;
  }

  /** The next calls of `commit` fail in these ways, one each. */
  failCommits(...failures: readonly CommitFailure[]): void {
    this.#failures.push(...failures);
  }

  /** Writes rows as they are, as an installed snapshot would: each at a new index, without guards. */
  install(rows: readonly { readonly key: Uint8Array; readonly term: number; readonly value: Uint8Array }[]): void {
    const at = { index: ++this.#appliedIndex, position: 0 };
    const mutations = rows.map((row) => ({ kind: "put" as const, ...row }));
    this.#table.writeSync(applyCommand(this.#reader(), { guards: [], mutations }, at, { raftTerm: 0 }).ops);
    this.#announce({ type: "all", index: at.index });
  }

  /** Every row, in the order of the keys. */
  async rows(): Promise<readonly KeyedRow[]> {
    const snapshot = this.#newest();
    const iterator = snapshot.iterate(ALL_KEYS);
    try {
      const rows: KeyedRow[] = [];
      for (let page = await iterator.next(1000); page.length > 0; page = await iterator.next(1000)) rows.push(...page);
      return rows;
    } finally {
      await iterator.close();
      snapshot.release();
    }
  }

  #newest(): SnapshotReader {
    const snapshot = this.#table.snapshot();
    this.#openSnapshots++;
    const counted: TableSnapshot = {
      getSync: (key) => snapshot.getSync(key),
      iterator: (range) => snapshot.iterator(range),
      close: () => {
        this.#openSnapshots--;
        snapshot.close();
      },
    };
    return openSnapshotReader(counted, this.#appliedIndex);
  }

  #propose(draft: CommandDraft): Promise<Verdict> {
    this.#sequence++;
    const bytes = encodeCommand({
      ...draft,
      version: 1,
      proposer: { node: 1, incarnation: 1 },
      sequence: this.#sequence,
      floor: this.#sequence,
      proposerTimeMs: this.logTimeMs(),
      keyId: 0,
      mac: new Uint8Array(0),
    });
    return new Promise((settle) => {
      if (this.#pending.length === 0) queueMicrotask(() => this.#applyPending());
      this.#pending.push({ bytes, settle });
    });
  }

  #applyPending(): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#appliedIndex++;
    const index = this.#appliedIndex;
    const keys: Uint8Array[] = [];
    const verdicts = pending.map(({ bytes }, position) => this.#apply(bytes, { index, position }, keys));
    if (keys.length > 0) this.#announce({ type: "keys", keys, index });
    for (const [i, { settle }] of pending.entries()) settle(verdicts[i] as Verdict);
  }

  #apply(bytes: Uint8Array, at: { index: number; position: number }, changed: Uint8Array[]): Verdict {
    const command = decodeCommand(bytes);
    if (isMalformed(command)) return { outcome: "rejected", reason: command.malformed };
    const { verdict, ops } = applyCommand(this.#reader(), command, at, { raftTerm: this.#leadership.raftTerm });
    this.#table.writeSync(ops);
    if (verdict.outcome === "applied") this.#commits++;
    for (const { key } of ops) changed.push(key);
    return verdict;
  }

  #reader(): { get(key: Uint8Array): Row | undefined } {
    return {
      get: (key) => {
        const bytes = this.#table.getSync(key);
        return bytes === undefined ? undefined : decodeRow(bytes);
      },
    };
  }

  #announce(event: Invalidation): void {
    for (const listener of this.#listeners) listener(event);
  }

  #checkWait({ deadlineMs, signal }: WaitOptions): void {
    signal?.throwIfAborted();
    if (this.clock.monotonicMs() > deadlineMs) throw new UnavailableError("the deadline has passed");
  }
}
