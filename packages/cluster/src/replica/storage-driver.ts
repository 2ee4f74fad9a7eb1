/**
 * The replica's way to its disk: what raft wants durable goes to the WAL, what is committed goes through the state machine
 * into the table, and a received snapshot takes the place of both. It keeps the order that makes a crash harmless: an
 * entry is applied only when the own WAL has it, the WAL is cut only below what a completed flush of the table covers, and
 * the table is exchanged only after the WAL says so and nothing is on its way into the old one.
 */
import {
  type Message,
  type MsgStorageAppend,
  type MsgStorageApply,
  type RawNode,
  type SnapshotMetadata,
  toIndex,
} from "@strongroom/raft";
import { assert } from "@strongroom/runtime";
import type { ApplyResult } from "../state/types.ts";
import { AppendQueue } from "./append-queue.ts";
import { ApplyPipeline } from "./apply-pipeline.ts";
import type { AuthenticatorGate } from "./authenticator-gate.ts";
import type { Effect } from "./effects.ts";
import type { LogTail } from "./log-tail.ts";
import type { ReceivedGeneration, ReplicaStateMachine } from "./state-machine.ts";
import type { VerifiedEntries } from "./verified-entries.ts";

export interface StorageDriverOptions {
  readonly flushEveryBytes: number;
}

export interface StorageDriverParts {
  readonly raft: RawNode;
  readonly tail: LogTail;
  readonly state: ReplicaStateMachine;
  readonly generation: string;
  /** What the table holds at the start; the tail was told the same. */
  readonly written: SnapshotMetadata;
  readonly gate: AuthenticatorGate;
  /** Filled with what is judged before raft gets it. */
  readonly verified: VerifiedEntries;
  readonly emit: (effect: Effect) => void;
  /** Sends or steps raft's answers. */
  readonly deliver: (responses: readonly Message[]) => void;
  /** The table holds what this describes. */
  readonly onWritten: (result: ApplyResult) => void;
  /** The state is another one. */
  readonly onSwitched: (received: ReceivedGeneration) => void;
}

const NO_BYTES = new Uint8Array(0);

export class StorageDriver {
  readonly #options: StorageDriverOptions;
  readonly #parts: StorageDriverParts;
  readonly #appends: AppendQueue;
  readonly #applies: ApplyPipeline;
  #state: ReplicaStateMachine;
  #generation: string;
  #written: SnapshotMetadata;
  /** A snapshot that raft was just told of. */
  #received: ReceivedGeneration | undefined;
  /** A snapshot that raft took and the WAL is being told of. */
  #installing: ReceivedGeneration | undefined;
  #bytesSinceFlush = 0;
  #silentTicks = 0;
  #flushToken = 0;
  #flushing: { readonly token: number; readonly index: number; readonly keepAbove: number } | undefined;
  /** Of the newest checkpoint that the table has. */
  #checkpointIndex: number;

  constructor(options: StorageDriverOptions, parts: StorageDriverParts) {
    this.#options = options;
    this.#parts = parts;
    this.#appends = new AppendQueue(parts.tail.hardState);
    this.#applies = new ApplyPipeline(parts.state, {
      applyConfChange: (change) => parts.raft.applyConfChange(change),
      takeVerified: (entry) => parts.verified.take(entry),
    });
    this.#state = parts.state;
    this.#generation = parts.generation;
    this.#written = parts.written;
    this.#checkpointIndex = parts.state.checkpointIndex;
  }

  /** As of the newest entry that was applied, which the table may not have yet. */
  get state(): ReplicaStateMachine {
    return this.#state;
  }

  get generation(): string {
    return this.#generation;
  }

  /** What the table holds: the newest batch that was written. */
  get written(): SnapshotMetadata {
    return this.#written;
  }

  append(message: MsgStorageAppend): void {
    const { snapshot } = message;
    if (snapshot !== undefined) {
      assert(this.#received !== undefined, "raft restores only what was received");
      this.#installing = this.#received;
      this.#received = undefined;
    }
    const installing = snapshot === undefined ? undefined : this.#installing;
    const installed =
      installing === undefined ? undefined : { metadata: installing.metadata, generation: installing.generation };
    const group = this.#appends.push(message, installed);
    if (group === undefined) return;
    for (const entry of group.entries) this.#bytesSinceFlush += entry.data.length;
    this.#parts.emit({ type: "append", group });
  }

  apply(message: MsgStorageApply): void {
    this.#applies.enqueue(message);
  }

  synced(token: number): void {
    this.#silentTicks = 0;
    this.#appends.synced(token);
  }

  batchWritten(token: number): void {
    const { result, responses } = this.#applies.written(token);
    const index = result.appliedIndex;
    const confState = result.membership.at(-1)?.confState ?? this.#written.confState;
    this.#written = { index, term: this.#parts.tail.term(index), confState };
    this.#checkpointIndex = result.checkpointIndex;
    this.#parts.tail.setWritten(this.#written);
    this.#parts.onWritten(result);
    this.#parts.deliver(responses);
  }

  resume(keyringIndex: number): void {
    this.#applies.resume(keyringIndex);
  }

  /** Applies up to `index`, or no further than it has, and then stands still. Where that is. */
  hold(index: number): number {
    return this.#applies.hold(index);
  }

  release(): void {
    this.#applies.release();
  }

  /** A snapshot is on its way to taking the state's place. */
  get isInstalling(): boolean {
    return this.#received !== undefined || this.#installing !== undefined;
  }

  /** Does what can be done with what the disk has answered; whether anything moved. */
  advance(): boolean {
    let moved = false;
    while (this.#finishAppend()) moved = true;
    while (this.#startBatch()) moved = true;
    return moved;
  }

  /** Counts the ticks for which the disk has answered nothing that it owes. */
  tick(): void {
    this.#silentTicks = this.#appends.isWaiting ? this.#silentTicks + 1 : 0;
  }

  get silentTicks(): number {
    return this.#silentTicks;
  }

  /** Tells raft of a snapshot. By the end of the turn it was taken, or is discarded. */
  snapshotReceived(received: ReceivedGeneration): void {
    const unwanted = received.unverified === true && this.#parts.gate.isOpen;
    if (unwanted || this.#received !== undefined || this.#installing !== undefined) {
      this.#parts.emit({ type: "discard-generation", generation: received.generation });
      return;
    }
    this.#received = received;
    const { raft } = this.#parts;
    const { from, term, metadata } = received;
    const to = raft.basicStatus().id;
    raft.step({ type: "MsgSnap", from, to, term, snapshot: { metadata, data: NO_BYTES } });
  }

  /** At the end of a turn: gives up memory and files that are not needed any more. */
  maintain(): void {
    const { tail, emit } = this.#parts;
    if (this.#received !== undefined) {
      // Raft wanted nothing of it: its log is already further.
      emit({ type: "discard-generation", generation: this.#received.generation });
      this.#received = undefined;
    }
    tail.trim(this.#written.index);
    if (this.#flushing !== undefined || this.#bytesSinceFlush < this.#options.flushEveryBytes) return;
    this.#bytesSinceFlush = 0;
    const keepAbove = this.#checkpointIndex;
    this.#flushing = { token: ++this.#flushToken, index: this.#written.index, keepAbove };
    emit({ type: "flush", token: this.#flushing.token });
  }

  flushed(token: number): void {
    const flushing = this.#flushing;
    // Another token: it was a flush of a table that has been exchanged since, and says nothing of this one.
    if (flushing?.token !== token) return;
    this.#flushing = undefined;
    // What no checkpoint covers yet is kept for whoever opens this node: it proves by the log that it applied nothing else.
    const below = Math.min(flushing.index + 1, flushing.keepAbove + 1, this.#parts.tail.firstIndex());
    this.#parts.emit({ type: "cut", below: toIndex(below) });
  }

  /** Completes the oldest append if the WAL has it. */
  #finishAppend(): boolean {
    const message = this.#appends.peek();
    if (message === undefined) return false;
    if (message.snapshot !== undefined && !this.#applies.isIdle) return false;
    this.#appends.shift();
    if (message.snapshot !== undefined) this.#switch(message.snapshot.metadata);
    const { tail, deliver } = this.#parts;
    tail.append(message.entries);
    if (message.hardState !== undefined) tail.setHardState(message.hardState);
    deliver(message.responses);
    return true;
  }

  #startBatch(): boolean {
    const started = this.#applies.start(this.#parts.gate.isOpen);
    if (started === undefined) return false;
    this.#parts.emit({ type: "write", token: started.token, ops: started.result.writes });
    return true;
  }

  #switch(metadata: SnapshotMetadata): void {
    const received = this.#installing;
    assert(received !== undefined && received.metadata.index === metadata.index, "one snapshot at a time");
    this.#installing = undefined;
    this.#parts.tail.reset(metadata);
    const responses = this.#applies.reset(received.state);
    this.#state = received.state;
    this.#generation = received.generation;
    this.#written = metadata;
    this.#checkpointIndex = received.state.checkpointIndex;
    this.#flushing = undefined;
    this.#parts.emit({ type: "switch-generation", generation: received.generation });
    this.#parts.onSwitched(received);
    this.#parts.deliver(responses);
  }
}
