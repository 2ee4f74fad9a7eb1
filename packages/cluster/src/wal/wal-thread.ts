/**
 * The log on a thread of its own, whose synchronous writes and syncs hold up nobody else (the pool that asynchronous file
 * calls share with key derivation would). The replica's side encodes and hands over whole buffers; the thread only writes.
 */
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
  | { readonly type: "close" };

/** One for each request, in order; `failed` is the last. */
export type WalThreadReply =
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "closed" };

/** The thread's side. Call it once; it serves until the other side closes the log or something fails. */
export function runWalThread(port: WalPort, disk: WalDisk): void {
  let failed = false;
  port.on("message", (message) => {
    const request = message as WalThreadRequest;
    if (request.type === "close") {
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
  });
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
  #ended = false;
  #onClosed: (() => void) | undefined;

  constructor(port: WalPort, events: WalExecutorEvents) {
    this.#port = port;
    port.on("message", (message) => this.#onReply(message as WalThreadReply, events));
    port.on("close", () => {
      this.#ended = true;
      if (this.#onClosed === undefined) events.onFailed(new Error("its thread has ended"));
      else this.#onClosed();
    });
  }

  execute({ operations, afterwards }: WalBatch): void {
    this.#port.postMessage({ type: "batch", operations, afterwards }, buffersOf(operations));
  }

  close(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      this.#port.postMessage({ type: "close" }, []);
    });
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
