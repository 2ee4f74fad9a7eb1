/**
 * A pair of ends that messages pass between: a `MessagePort` between two threads, or two objects in one. The order of
 * messages is kept. Delivery is never inside `post`.
 */
import type { Timers } from "@strongroom/runtime";

/** What may be handed over instead of copied. */
export type Transferable = ArrayBuffer;

export interface Channel<In, Out> {
  /** `transfer`: buffers that the sender gives away and never touches again. */
  post(message: Out, transfer?: readonly Transferable[]): void;
  /** One listener; what came before it is delivered to it. */
  onMessage(listener: (message: In) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

/** The part of Node's `MessagePort` that is used; `node:worker_threads` satisfies it. */
export interface PortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  close(): void;
}

/** Wraps a thread's port. Both ends run the same build, so what arrives is trusted to be of the declared type. */
export function portChannel<In, Out>(port: PortLike): Channel<In, Out> {
  return {
    post: (message, transfer) => port.postMessage(message, [...(transfer ?? [])]),
    onMessage: (listener) => {
      port.on("message", (message) => listener(message as In));
    },
    onClose: (listener) => {
      port.on("close", listener);
    },
    close: () => port.close(),
  };
}

class LocalEnd<In, Out> implements Channel<In, Out> {
  readonly #timers: Timers;
  readonly #inbox: In[] = [];
  #listener: ((message: In) => void) | undefined;
  #onClose: (() => void) | undefined;
  #closed = false;
  #scheduled = false;
  peer: LocalEnd<Out, In> | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  post(message: Out): void {
    if (!this.#closed) this.peer?.arrive(message);
  }

  onMessage(listener: (message: In) => void): void {
    this.#listener = listener;
    if (this.#inbox.length > 0) this.#schedule();
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
  }

  close(): void {
    if (this.#closed) return;
    this.#end();
    this.peer?.close();
  }

  arrive(message: In): void {
    if (this.#closed) return;
    this.#inbox.push(message);
    this.#schedule();
  }

  #end(): void {
    this.#closed = true;
    this.#inbox.length = 0;
    if (this.#onClose !== undefined) this.#timers.immediate(this.#onClose);
  }

  #schedule(): void {
    if (this.#scheduled || this.#listener === undefined) return;
    this.#scheduled = true;
    this.#timers.immediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    const listener = this.#listener;
    for (const message of this.#inbox.splice(0)) if (!this.#closed) listener?.(message);
  }
}

/** Two ends in one thread. Messages arrive in the next turn; `transfer` is of no meaning, the bytes are shared. */
export function localChannelPair<AtoB, BtoA>(timers: Timers): readonly [Channel<BtoA, AtoB>, Channel<AtoB, BtoA>] {
  const a = new LocalEnd<BtoA, AtoB>(timers);
  const b = new LocalEnd<AtoB, BtoA>(timers);
  a.peer = b;
  b.peer = a;
  return [a, b];
}
