/**
 * The log on a thread of its own, whose synchronous writes and syncs hold up nobody else (the pool that asynchronous file
 * calls share with key derivation would). The replica's side encodes and hands over whole buffers; the thread only writes.
 *
 * It has nothing else to do, so for a while after each batch it sleeps on a shared counter instead of in its event loop:
 * that the next batch wakes it so, and that the batch is fetched instead of delivered, halves what the way there costs.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { asError } from "@strongroom/runtime";
import { HostedWal, type WalExecutor, type WalExecutorEvents, type WalHostOptions } from "./hosted-wal.ts";
import { executeOperations, type WalOperation } from "./operations.ts";
import type { WalContents, WalEvents, WalHandle } from "./types.ts";
import type { WalDisk } from "./wal-disk.ts";
import type { WalBatch } from "./writer.ts";

/** As much of a `MessagePort` as both sides need. */
export interface WalPort {
  postMessage(message: WalThreadRequest | WalThreadReply, transfer: ArrayBuffer[]): void;
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  close(): void;
}

export type WalThreadRequest =
  | {
      readonly type: "batch";
      readonly operations: readonly WalOperation[];
      readonly afterwards: readonly WalOperation[];
    }
  /** First of all: element 0 is raised after each request, and whoever waits for it is woken. */
  | { readonly type: "counter"; readonly counter: Int32Array }
  | { readonly type: "close" };

/** One for each batch and for `close`, in order; after `failed` only `closed`. */
export type WalThreadReply =
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "closed" };

export interface WalThreadOptions {
  /** How long to sleep on the counter before going back to the event loop; 0, as where both sides share a thread: not at all. */
  readonly idleMs: number;
}

/** For a thread that has nothing else to do: short enough that whoever ends it need not wait. */
export const WAL_THREAD_IDLE_MS = 50;

/** The thread's side. Call it once; it serves until the other side closes the log or something fails. */
export function runWalThread(port: WalPort, disk: WalDisk, { idleMs }: WalThreadOptions = { idleMs: 0 }): void {
  let failed = false;
  let counter: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  let closed = false;
  const serve = (request: WalThreadRequest): void => {
    if (request.type === "counter") {
      counter = request.counter;
      return;
    }
    if (request.type === "close") {
      closed = true;
      disk.close();
      port.postMessage({ type: "closed" }, []);
      port.close();
      return;
    }
    // What follows a failure in the queue was encoded as if that had succeeded.
    if (failed) return;
    try {
      executeOperations(disk, request.operations);
      port.postMessage({ type: "done" }, []);
      executeOperations(disk, request.afterwards);
    } catch (error) {
      failed = true;
      port.postMessage({ type: "failed", message: asError(error).message }, []);
    }
  };
  port.on("message", (message) => {
    serve(message as WalThreadRequest);
    if (idleMs === 0) return;
    for (let seen = Atomics.load(counter, 0); !closed; seen = Atomics.load(counter, 0)) {
      for (let next = fetch(port); next !== undefined && !closed; next = fetch(port)) serve(next);
      // A request that came since `seen` was read does not let it sleep; one that is missed is delivered by the event loop.
      if (Atomics.wait(counter, 0, seen, idleMs) === "timed-out") return;
    }
  });
}

function fetch(port: WalPort): WalThreadRequest | undefined {
  return receiveMessageOnPort(port as MessagePort)?.message as WalThreadRequest | undefined;
}

/** The replica's side of `runWalThread`. */
export function openThreadWal(
  contents: WalContents,
  options: WalHostOptions,
  components: { readonly port: WalPort; readonly events: WalEvents },
): WalHandle {
  const { port, events } = components;
  return new HostedWal(contents, options, { events, startExecutor: (own) => new ThreadExecutor(port, own) });
}

class ThreadExecutor implements WalExecutor {
  readonly #port: WalPort;
  readonly #counter = new Int32Array(new SharedArrayBuffer(4));
  #ended = false;
  #onClosed: (() => void) | undefined;

  constructor(port: WalPort, events: WalExecutorEvents) {
    this.#port = port;
    this.#post({ type: "counter", counter: this.#counter });
    port.on("message", (message) => this.#onReply(message as WalThreadReply, events));
    port.on("close", () => {
      this.#ended = true;
      if (this.#onClosed === undefined) events.onFailed(new Error("its thread has ended"));
      else this.#onClosed();
    });
  }

  execute({ operations, afterwards }: WalBatch): void {
    this.#post({ type: "batch", operations, afterwards }, buffersOf(operations));
  }

  close(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      this.#post({ type: "close" });
    });
  }

  #post(request: WalThreadRequest, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(request, transfer);
    Atomics.add(this.#counter, 0, 1);
    Atomics.notify(this.#counter, 0);
  }

  #onReply(reply: WalThreadReply, events: WalExecutorEvents): void {
    switch (reply.type) {
      case "done":
        events.onDone();
        break;
      case "failed":
        events.onFailed(new Error(reply.message));
        break;
      case "closed":
        this.#onClosed?.();
        break;
    }
  }
}

/** The buffers of the writes, each of which has one of its own, so that they move to the thread instead of being copied. */
function buffersOf(operations: readonly WalOperation[]): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const operation of operations) {
    if (operation.type === "write" && operation.bytes.buffer instanceof ArrayBuffer) {
      buffers.push(operation.bytes.buffer);
    }
  }
  return buffers;
}
