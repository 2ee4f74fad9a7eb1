/** The log as the replica holds it: the writer's logic joined to whoever carries out its batches. */
import type { Index } from "@strongroom/raft";
import { asError, assert, StrongroomError } from "@strongroom/runtime";
import type { WalContents, WalEvents, WalGroup, WalHandle } from "./types.ts";
import { type WalBatch, WalWriter, type WalWriterOptions } from "./writer.ts";

/** The log could not be written or synced. The kernel may have dropped what it could not write, so nobody tries again. */
export class WalFailedError extends StrongroomError {
  readonly code = "wal_failed";

  constructor(cause: unknown) {
    super(
      `The write-ahead log could not be written (${asError(cause).message}). This node stops, since what it writes from here on ` +
        "could be lost. Look for a full or failing disk, then start it again: it keeps what was acknowledged.",
      { cause },
    );
  }
}

export interface WalExecutorEvents {
  /** The oldest batch that was not yet reported is done; in the same turn as its `execute` or later. */
  onDone(): void;
  /** Nothing more was or will be done. */
  onFailed(error: unknown): void;
}

/** Carries out batches in the order of the calls. */
export interface WalExecutor {
  execute(batch: WalBatch): void;
  /** Called once, after the last batch. */
  close(): Promise<void>;
}

export interface WalHostOptions extends WalWriterOptions {
  /**
   * Runs `turn` once all that belongs to the present turn was appended: what is appended until then is one group. Usually
   * `queueMicrotask`; a call at once makes each append a group of its own as long as the disk keeps up.
   */
  readonly schedule: (turn: () => void) => void;
}

export class HostedWal implements WalHandle {
  readonly #writer: WalWriter;
  readonly #executor: WalExecutor;
  readonly #events: WalEvents;
  readonly #schedule: (turn: () => void) => void;
  #scheduled = false;
  #pumping = false;
  #failed = false;
  #closed: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;
  /** Tokens of batches that are done and that nobody has heard of; empty unless one is being told right now. */
  readonly #synced: number[] = [];
  #telling = false;

  constructor(
    contents: WalContents,
    options: WalHostOptions,
    components: {
      readonly startExecutor: (events: WalExecutorEvents) => WalExecutor;
      readonly events: WalEvents;
    },
  ) {
    this.#writer = new WalWriter(contents, options);
    this.#schedule = options.schedule;
    this.#events = components.events;
    this.#executor = components.startExecutor({
      onDone: () => this.#done(),
      onFailed: (error) => this.#fail(error),
    });
  }

  append(group: WalGroup): void {
    assert(this.#closed === undefined, "a closed log is not written to");
    this.#writer.append(group);
    this.#wake();
  }

  cut(below: Index): void {
    if (this.#closed !== undefined) return;
    this.#writer.cut(below);
    this.#wake();
  }

  close(): Promise<void> {
    this.#closed ??= this.#idle().then(() => this.#executor.close());
    return this.#closed;
  }

  #wake(): void {
    if (this.#scheduled || this.#failed) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    // What an executor does at once comes back here from inside `execute`; the loop outside it goes on.
    if (this.#pumping) return;
    this.#pumping = true;
    for (let batch = this.#next(); batch !== undefined; batch = this.#next()) this.#executor.execute(batch);
    this.#pumping = false;
    if (this.#writer.idle) this.#onIdle?.();
  }

  #next(): WalBatch | undefined {
    return this.#failed ? undefined : this.#writer.nextBatch();
  }

  #done(): void {
    if (this.#failed) return;
    this.#synced.push(...this.#writer.batchDone());
    this.#tell();
    // All that came meanwhile goes at once: it has waited for this sync.
    this.#pump();
  }

  /** Whoever hears of a token may append, and so complete further batches; their tokens wait for this batch's. */
  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    for (let token = this.#synced.shift(); token !== undefined; token = this.#synced.shift()) {
      this.#events.onSynced(token);
    }
    this.#telling = false;
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#events.onFatal(new WalFailedError(error));
    this.#onIdle?.();
  }

  #idle(): Promise<void> {
    if (this.#failed || this.#writer.idle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }
}
