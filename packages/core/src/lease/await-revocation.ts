/**
 * Waits for the leader to undo what leases stood for, on whatever node the request came to: the rows of those leases tell. That
 * they are over is committed before, so a wait that ends early loses nothing.
 */
import { LogicalError } from "@strongroom/logical";
import { StrongroomError } from "@strongroom/runtime";
import {
  KEY_KIND,
  type ReplicatedStore,
  runTransaction,
  type Transaction,
  type WaitOptions,
} from "@strongroom/storage";

/** `done`, `pending`, or what the last attempt failed with. */
export type Revocation = { readonly state: "done" | "pending" } | { readonly state: "failed"; readonly error: string };

/** The leases are over; what they stood for was not undone by the request's deadline, and is being undone. */
class RevocationPendingError extends StrongroomError {
  readonly code = "revocation_pending";

  constructor() {
    super(
      "the lease is over and its revocation is under way, but was not done in time; sys/leases/lookup tells what became of it",
    );
  }
}

/** To be told before the deadline that it was missed. */
const MARGIN_MS = 500;

/**
 * Looks at each change of leases until `look` says that it is done. Throws `LogicalError` when an attempt failed, and
 * `RevocationPendingError` shortly before the deadline.
 */
export async function awaitRevocation(
  store: ReplicatedStore,
  wait: WaitOptions,
  look: (tx: Transaction) => Promise<Revocation>,
): Promise<void> {
  const changes = new Changes(store, wait.deadlineMs - MARGIN_MS, wait.signal);
  try {
    for (;;) {
      const seen = changes.next();
      const { result } = await runTransaction(store, look, { mode: "read", ...wait });
      if (result.state === "done") return;
      if (result.state === "failed") {
        throw new LogicalError("invalid_request", `failed to revoke: ${result.error}; it is tried again`);
      }
      if ((await seen) === "deadline") throw new RevocationPendingError();
      wait.signal?.throwIfAborted();
    }
  } finally {
    changes.close();
  }
}

/** Tells of changes of leases, of the deadline, and of a client that is gone. */
class Changes {
  readonly #closers: (() => void)[];
  #wake: ((what: "change" | "deadline") => void) | undefined;
  #late = false;

  constructor(store: ReplicatedStore, deadlineMs: number, signal: AbortSignal | undefined) {
    const stop = (): void => this.#wake?.("change");
    signal?.addEventListener("abort", stop);
    const afterMs = Math.max(0, deadlineMs - store.clock.monotonicMs());
    this.#closers = [
      () => signal?.removeEventListener("abort", stop),
      store.onInvalidation((event) => {
        if (event.type === "all" || event.keys.some((key) => key[0] === KEY_KIND.index)) this.#wake?.("change");
      }),
      store.timers.after(afterMs, () => {
        this.#late = true;
        this.#wake?.("deadline");
      }),
    ];
  }

  /** The next one after this call. */
  next(): Promise<"change" | "deadline"> {
    return new Promise((resolve) => {
      if (this.#late) resolve("deadline");
      else this.#wake = resolve;
    });
  }

  close(): void {
    for (const close of this.#closers) close();
  }
}
