/**
 * What raft wants durable, in its order. Work that needs no disk (a commit index that moved, answers that wait for
 * earlier work) rides with what is under way and is done when that is: so nothing is synced for it.
 */
import type { HardState, MsgStorageAppend } from "@strongroom/raft";
import { assert } from "@strongroom/runtime";
import type { InstalledSnapshot, WalGroup } from "../wal/types.ts";

interface Pending {
  readonly message: MsgStorageAppend;
  readonly token: number;
  done: boolean;
}

export class AppendQueue {
  readonly #pending: Pending[] = [];
  #nextToken = 1;
  #durable: HardState;
  /** The newest hard state that differs from the disk's in its commit index only. */
  #unwritten: HardState | undefined;

  /** `durable`: the hard state as the WAL has it. */
  constructor(durable: HardState) {
    this.#durable = durable;
  }

  /** Takes the message. The group to write, or undefined if it needs no disk. */
  push(message: MsgStorageAppend, installed: InstalledSnapshot | undefined): WalGroup | undefined {
    assert((message.snapshot !== undefined) === (installed !== undefined), "a snapshot comes with its generation");
    const hardState = message.hardState ?? this.#unwritten;
    const voted =
      hardState !== undefined && (hardState.term !== this.#durable.term || hardState.vote !== this.#durable.vote);
    const needsDisk = voted || message.entries.length > 0 || installed !== undefined;
    const token = this.#nextToken++;
    this.#pending.push({ message, token, done: !needsDisk });
    if (!needsDisk) {
      this.#unwritten = hardState;
      return undefined;
    }
    if (hardState !== undefined) this.#durable = hardState;
    this.#unwritten = undefined;
    return {
      token,
      entries: message.entries,
      ...(hardState === undefined ? {} : { hardState }),
      ...(installed === undefined ? {} : { installed }),
    };
  }

  /** The disk has the group of this token, and so all before it. */
  synced(token: number): void {
    for (const pending of this.#pending) if (pending.token <= token) pending.done = true;
  }

  /** The oldest message, if it is done; it stays until `shift`. */
  peek(): MsgStorageAppend | undefined {
    const head = this.#pending[0];
    return head?.done === true ? head.message : undefined;
  }

  shift(): void {
    this.#pending.shift();
  }

  /** Whether the disk still owes an answer to anything. */
  get isWaiting(): boolean {
    return this.#pending.some((pending) => !pending.done);
  }
}
