/**
 * A worker's end of the channel to its replica, shared by the store and the cluster client: what they post leaves once a
 * turn as one array, and what comes is handed to each in order.
 */
import type { Timers } from "@strongroom/runtime";
import type { Channel } from "./channel.ts";
import type { ReplicaToWorker, WorkerToReplica } from "./messages.ts";

export type WorkerChannel = Channel<readonly ReplicaToWorker[], readonly WorkerToReplica[]>;
export type ReplicaChannel = Channel<readonly WorkerToReplica[], readonly ReplicaToWorker[]>;

export class WorkerPort {
  readonly #channel: WorkerChannel;
  readonly #timers: Timers;
  readonly #listeners: ((message: ReplicaToWorker) => void)[] = [];
  readonly #closeListeners: (() => void)[] = [];
  readonly #beforeFlush: (() => void)[] = [];
  #outbox: WorkerToReplica[] = [];
  #transfer: ArrayBuffer[] = [];
  #scheduled = false;
  #listening = false;
  #closed = false;

  constructor(channel: WorkerChannel, parts: { readonly timers: Timers }) {
    this.#channel = channel;
    this.#timers = parts.timers;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** All listeners hear all messages; the first that is added starts the flow. */
  onMessage(listener: (message: ReplicaToWorker) => void): void {
    this.#listeners.push(listener);
    if (this.#listening) return;
    this.#listening = true;
    this.#channel.onMessage((messages) => {
      for (const message of messages) for (const hear of this.#listeners) hear(message);
    });
    this.#channel.onClose(() => this.#ended());
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener);
  }

  /** Called before each posting, to add what was collected in the turn. */
  beforeFlush(listener: () => void): void {
    this.#beforeFlush.push(listener);
  }

  /** `transfer`: a buffer that the message holds and that nobody here uses any more. */
  post(message: WorkerToReplica, transfer?: ArrayBuffer): void {
    this.#outbox.push(message);
    if (transfer !== undefined) this.#transfer.push(transfer);
    this.schedule();
  }

  /** Makes the turn end in a posting. */
  schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#timers.immediate(() => this.#flush());
  }

  close(): void {
    this.#channel.close();
    this.#ended();
  }

  #flush(): void {
    for (const add of this.#beforeFlush) add();
    this.#scheduled = false;
    if (this.#outbox.length === 0 || this.#closed) return;
    const messages = this.#outbox;
    const transfer = this.#transfer;
    this.#outbox = [];
    this.#transfer = [];
    this.#channel.post(messages, transfer);
  }

  #ended(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#closeListeners) listener();
  }
}
