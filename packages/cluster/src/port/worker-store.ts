/**
 * The replicated store of one request worker: reads go to the shared table directly, writes and read indices through the
 * port to the replica. See `SnapshotShelf` for what may be read, `OpenCommits` for exactly-once, `ProposalTracker` on the
 * replica's side for what becomes of a proposal.
 */

import type { ConfChangeV2 } from "@strongroom/raft";
import { type Clock, concatBytes, type Logger, type Timers } from "@strongroom/runtime";
import {
  attachMac,
  type CommandDraft,
  commandMacInput,
  encodeCommand,
  type Invalidation,
  OutcomeUnknownError,
  type ReplicatedStore,
  type SnapshotReader,
  type Table,
  type TableImage,
  type TableSnapshot,
  UnavailableError,
  type Verdict,
  type WaitOptions,
} from "@strongroom/storage";
import type { CommandSigner } from "../authenticator.ts";
import { unpackKeys } from "../replica/packed.ts";
import { REGISTRATION_SEQUENCE, registrationMutation } from "../state/registration.ts";
import { noRoom, notCommitted, unknownOutcome } from "./commit-errors.ts";
import { type LimitedWait, limitWait } from "./limited-wait.ts";
import type { ReplicaToWorker } from "./messages.ts";
import { OpenCommits } from "./open-commits.ts";
import { passFloor } from "./pass-floor.ts";
import { readAppliedIndex, SnapshotShelf } from "./snapshot-shelf.ts";
import type { WorkerPort } from "./worker-port.ts";

export interface WorkerStoreParts {
  readonly port: WorkerPort;
  readonly signer: CommandSigner;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Opens the table of a generation in this thread. */
  readonly openTable: (generation: string) => Promise<Table>;
  /** The state could not be opened after a snapshot was installed: this worker can serve nothing more. */
  readonly onFatal: (error: Error) => void;
}

type Attached = Extract<ReplicaToWorker, { type: "attached" }>;

interface Outgoing {
  readonly sequence: number;
  readonly deadlineMs: number;
  readonly command: Uint8Array;
}

interface Reader {
  readonly settle: (index: number) => void;
}

/** A registration is sent until it is applied; a month without a leader is not waited out. */
const REGISTRATION_TIMEOUT_MS: number = 30 * 24 * 3_600_000;
/** After its deadline a commit waits this long for the replica's own word before it calls the outcome unknown. */
const GRACE_MS = 500;

export class WorkerStore implements ReplicatedStore {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly #parts: WorkerStoreParts;
  readonly #attached: Attached;
  readonly #shelf: SnapshotShelf;
  readonly #commits = new OpenCommits();
  readonly #listeners = new Set<(event: Invalidation) => void>();
  readonly #reads = new Map<number, Reader[]>();
  readonly #roomWaiters: (() => void)[] = [];
  #outgoing: Outgoing[] = [];
  #newReaders: Reader[] = [];
  #nextRead = 1;
  #registration: "none" | "asked" | "done" = "none";
  readonly #registrationWaiters: ((error: Error | undefined) => void)[] = [];
  #leaderId = 0;
  #term = 0;
  #logTimeMs = 0;
  #logTimeAtMs = 0;
  /** Messages that wait while a new generation is being opened; undefined when none is. */
  #held: ReplicaToWorker[] | undefined;
  #closed = false;

  private constructor(parts: WorkerStoreParts, attached: Attached, table: Table) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.timers = parts.timers;
    this.#attached = attached;
    this.#shelf = new SnapshotShelf(table, readAppliedIndex);
  }

  /** Waits for the replica's greeting and opens the table that it names. */
  static async open(parts: WorkerStoreParts): Promise<WorkerStore> {
    const early: ReplicaToWorker[] = [];
    let store: WorkerStore | undefined;
    const attached = await new Promise<Attached>((resolve, reject) => {
      parts.port.onMessage((message) => {
        if (store !== undefined) store.#hear(message);
        else if (message.type === "attached") resolve(message);
        else early.push(message);
      });
      parts.port.onClose(() => reject(new UnavailableError("the replica has ended; the server is stopping")));
    });
    const table = await parts.openTable(attached.generation);
    const opened = new WorkerStore(parts, attached, table);
    for (const message of early) opened.#hear(message);
    store = opened;
    parts.port.beforeFlush(() => opened.#collect());
    parts.port.onClose(() => opened.#replicaGone());
    return opened;
  }

  get nodeId(): number {
    return this.#attached.nodeId;
  }

  /** Counted and synced at each start of a worker of this node. */
  get incarnation(): number {
    return this.#attached.incarnation;
  }

  /** 0: none known. */
  get leaderId(): number {
    return this.#leaderId;
  }

  localSnapshot(): SnapshotReader {
    return this.#shelf.take();
  }

  linearizableSnapshot(options: WaitOptions): Promise<SnapshotReader> {
    return new Promise((resolve, reject) => {
      let cancelShelf: (() => void) | undefined;
      const end = this.#limit(options, reject, () => {
        cancelShelf?.();
        return new UnavailableError(
          "no leader confirmed the read within its deadline; try again, or look at the cluster's status",
        );
      });
      if (end === undefined) return;
      const settle = (index: number) => {
        if (!end.isOpen()) return;
        cancelShelf = this.#shelf.whenAt(index, (snapshot) => {
          if (end.close()) resolve(snapshot);
          else snapshot.release();
        });
      };
      this.#newReaders.push({ settle });
      this.#parts.port.schedule();
    });
  }

  image(): Promise<TableImage> {
    return this.#shelf.image();
  }

  /**
   * The whole table at or above `index`, the replica's own rows included, for whoever examines or copies it. The caller closes
   * it. Throws `UnavailableError` at the deadline.
   */
  stateAt(index: number, options: WaitOptions): Promise<TableSnapshot> {
    return new Promise((resolve, reject) => {
      let cancelShelf: (() => void) | undefined;
      const end = this.#limit(options, reject, () => {
        cancelShelf?.();
        return new UnavailableError(`this node did not come to index ${index} within the deadline; try again`);
      });
      if (end === undefined) return;
      cancelShelf = this.#shelf.whenAt(index, (snapshot) => {
        snapshot.release();
        if (end.close()) resolve(this.#shelf.whole());
      });
    });
  }

  async commit(draft: CommandDraft, options: WaitOptions): Promise<Verdict> {
    await this.#registered(options);
    return this.#commit(draft, options, true);
  }

  /** For the first init, which is made before there is any key to sign with. The state takes no other unsigned command. */
  commitUnsigned(draft: CommandDraft, options: WaitOptions): Promise<Verdict> {
    return this.#commit(draft, options, false);
  }

  /** Commits `draft` together with a change of membership: both take effect, or neither. */
  async commitMembership(
    draft: CommandDraft,
    change: Omit<ConfChangeV2, "context">,
    options: WaitOptions,
  ): Promise<Verdict> {
    await this.#registered(options);
    const send = (sequence: number, command: Uint8Array) => {
      const timeoutMs = Math.max(0, options.deadlineMs - this.clock.monotonicMs());
      const proposed = { ...change, context: command.slice() };
      this.#parts.port.post({ type: "propose-membership", sequence, timeoutMs, change: proposed });
    };
    return this.#commit(draft, options, true, send);
  }

  logTimeMs(): number {
    return this.#logTimeMs + Math.max(0, Math.floor(this.clock.monotonicMs() - this.#logTimeAtMs));
  }

  isLeaderNode(): boolean {
    return this.#leaderId === this.#attached.nodeId;
  }

  raftTerm(): number {
    return this.#term;
  }

  onInvalidation(listener: (event: Invalidation) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends what is open as unknown and closes the table once its readers are done. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#commits.endAll();
    this.#parts.port.close();
    await this.#shelf.close();
  }

  /**
   * The state machine refuses proposers that it does not know, so the first write of this worker waits for a registration. It
   * is signed like every command, so it cannot be made before the node is open.
   */
  #registered(options: WaitOptions): Promise<void> | undefined {
    if (this.#registration === "done") return undefined;
    if (this.#registration === "none") this.#register();
    return new Promise((resolve, reject) => {
      const end = this.#limit(
        options,
        reject,
        () =>
          new UnavailableError(
            "no leader took this worker's registration within the deadline; nothing was written, try again",
          ),
      );
      if (end === undefined) return;
      this.#registrationWaiters.push((error) => {
        if (!end.close()) return;
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  #register(): void {
    const { nodeId, incarnation, alive } = this.#attached;
    const command = encodeCommand({
      version: 1,
      proposer: { node: nodeId, incarnation },
      sequence: REGISTRATION_SEQUENCE,
      floor: 0,
      proposerTimeMs: Math.max(0, Math.floor(this.clock.wallMs())),
      guards: [],
      mutations: [registrationMutation(nodeId, alive)],
      keyId: 0,
      mac: new Uint8Array(0),
    });
    attachMac(command, this.#parts.signer.sign(commandMacInput(command)));
    this.#registration = "asked";
    this.#send(REGISTRATION_SEQUENCE, command, this.clock.monotonicMs() + REGISTRATION_TIMEOUT_MS);
  }

  #registrationEnded(error: Error | undefined): void {
    this.#registration = error === undefined ? "done" : "none";
    for (const told of this.#registrationWaiters.splice(0)) told(error);
  }

  async #commit(
    draft: CommandDraft,
    options: WaitOptions,
    signed: boolean,
    send = (sequence: number, command: Uint8Array) => this.#send(sequence, command, options.deadlineMs),
  ): Promise<Verdict> {
    while (!this.#commits.hasRoom) await this.#room(options);
    return new Promise((resolve, reject) => {
      let sequence: number | undefined;
      const graceful = { ...options, deadlineMs: options.deadlineMs + GRACE_MS };
      const end = this.#limit(graceful, reject, () => {
        if (sequence !== undefined) this.#commits.abandon(sequence);
        return unknownOutcome();
      });
      if (end === undefined) return;
      const fail = (error: Error) => {
        if (end.close()) reject(error);
      };
      sequence = this.#commits.open({
        verdict: (verdict) => {
          this.#wakeRoom();
          // Not before a snapshot of this worker shows the effect: its next read is to see it.
          this.#shelf.whenAt(this.#shelf.delivered, (snapshot) => {
            snapshot.release();
            if (end.close()) resolve(verdict);
          });
        },
        notCommitted: (reason) => {
          this.#wakeRoom();
          fail(notCommitted(reason));
        },
        unknown: () => fail(unknownOutcome()),
      });
      try {
        send(sequence, this.#encode(draft, sequence, signed));
      } catch (error) {
        // Too large, or sealed.
        this.#commits.cancel(sequence);
        if (end.close()) reject(error);
      }
    });
  }

  #encode(draft: CommandDraft, sequence: number, signed: boolean): Uint8Array {
    const { nodeId, incarnation } = this.#attached;
    const bytes = encodeCommand({
      version: 1,
      proposer: { node: nodeId, incarnation },
      sequence,
      floor: this.#commits.floor,
      proposerTimeMs: Math.max(0, Math.floor(this.clock.wallMs())),
      guards: draft.guards,
      mutations: draft.mutations,
      keyId: 0,
      mac: new Uint8Array(0),
    });
    if (signed) attachMac(bytes, this.#parts.signer.sign(commandMacInput(bytes)));
    return bytes;
  }

  #send(sequence: number, command: Uint8Array, deadlineMs: number): void {
    this.#outgoing.push({ sequence, command, deadlineMs });
    this.#parts.port.schedule();
  }

  /** What the turn has gathered, as one message of each kind. */
  #collect(): void {
    if (this.#newReaders.length > 0) {
      const id = this.#nextRead++;
      this.#reads.set(id, this.#newReaders);
      this.#newReaders = [];
      this.#parts.port.post({ type: "read", id });
    }
    if (this.#outgoing.length === 0) return;
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    const nowMs = this.clock.monotonicMs();
    const packed = concatBytes(outgoing.map(({ command }) => command));
    const message = {
      type: "propose",
      sequences: outgoing.map(({ sequence }) => sequence),
      timeoutsMs: outgoing.map(({ deadlineMs }) => Math.max(0, deadlineMs - nowMs)),
      sizes: outgoing.map(({ command }) => command.length),
      packed,
    } as const;
    this.#parts.port.post(message, packed.buffer as ArrayBuffer);
  }

  #hear(message: ReplicaToWorker): void {
    if (this.#closed) return;
    if (this.#held !== undefined) this.#held.push(message);
    else this.#handle(message);
  }

  #handle(message: ReplicaToWorker): void {
    switch (message.type) {
      case "applied":
        this.#setLogTime(message.logTimeMs);
        this.#invalidate({ type: "keys", keys: unpackKeys(message.keys), index: message.index });
        this.#shelf.deliver(message.index);
        return;
      case "generation":
        this.#exchange(message.generation, message.index, message.logTimeMs);
        return;
      case "committed":
        for (const [i, sequence] of message.sequences.entries()) {
          const revision = { index: message.indices[i] ?? 0, position: message.positions[i] ?? 0 };
          this.#verdict(sequence, { outcome: "applied", revision });
        }
        return;
      case "verdicts":
        for (const [i, sequence] of message.sequences.entries()) {
          const verdict = message.verdicts[i];
          if (verdict !== undefined) this.#verdict(sequence, verdict);
        }
        return;
      case "not-committed":
        for (const sequence of message.sequences) {
          if (sequence === REGISTRATION_SEQUENCE) this.#registrationEnded(notCommitted(message.reason));
          else this.#commits.notCommitted(sequence, message.reason);
        }
        return;
      case "unknown":
        for (const sequence of message.sequences) this.#commits.unknown(sequence);
        this.#wakeRoom();
        return;
      case "given-up":
        for (const sequence of message.sequences) if (this.#commits.giveUp(sequence)) passFloor(this);
        return;
      case "read-index": {
        const readers = this.#reads.get(message.id) ?? [];
        this.#reads.delete(message.id);
        for (const reader of readers) reader.settle(message.index);
        return;
      }
      case "leader":
        this.#leaderId = message.leaderId;
        this.#term = message.term;
        return;
      case "attached":
      case "control-reply":
      case "call-reply":
      case "serve-call":
        return;
    }
  }

  #verdict(sequence: number, verdict: Verdict): void {
    if (sequence !== REGISTRATION_SEQUENCE) this.#commits.verdict(sequence, verdict);
    else if (verdict.outcome === "applied") this.#registrationEnded(undefined);
    else this.#registrationEnded(new UnavailableError("this worker could not be registered; restart the server"));
  }

  #exchange(generation: string, index: number, logTimeMs: number): void {
    this.#held = [];
    this.#parts.openTable(generation).then(
      (table) => {
        this.#setLogTime(logTimeMs);
        this.#invalidate({ type: "all", index });
        this.#shelf.exchange(table).then(
          () => this.#parts.port.post({ type: "generation-opened", generation }),
          (error: Error) => this.#parts.onFatal(error),
        );
        this.#release();
      },
      (error: Error) => this.#parts.onFatal(error),
    );
  }

  /** Goes through what was held, until another generation holds it again. */
  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.#hear(message);
  }

  #invalidate(event: Invalidation): void {
    for (const listener of this.#listeners) listener(event);
  }

  #setLogTime(logTimeMs: number): void {
    if (logTimeMs < this.logTimeMs()) return;
    this.#logTimeMs = logTimeMs;
    this.#logTimeAtMs = this.clock.monotonicMs();
  }

  #room(options: WaitOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = this.#limit(options, reject, noRoom);
      if (end === undefined) return;
      this.#roomWaiters.push(() => {
        if (end.close()) resolve();
        else this.#wakeRoom();
      });
    });
  }

  #wakeRoom(): void {
    this.#roomWaiters.shift()?.();
  }

  #replicaGone(): void {
    this.#commits.endAll();
    this.#registrationEnded(new UnavailableError("the replica has ended; the server is stopping"));
    for (const wake of this.#roomWaiters.splice(0)) wake();
  }

  /** Undefined if the wait ended before it began, and was rejected. An abort tells what `atDeadline` cleans up after. */
  #limit(options: WaitOptions, reject: (error: unknown) => void, atDeadline: () => Error): LimitedWait | undefined {
    if (this.#closed || this.#parts.port.isClosed) {
      reject(new UnavailableError("the server is stopping"));
      return undefined;
    }
    const atAbort = (reason: unknown) => {
      const error = atDeadline();
      return error instanceof OutcomeUnknownError ? error : reason;
    };
    return limitWait(options, { atDeadline, atAbort, reject }, this.#parts);
  }
}
