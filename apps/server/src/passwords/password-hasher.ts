/**
 * Hashes passwords on a thread of its own, which is started by the first one that comes. The queue is bounded: a flood of
 * logins is refused, and what else the node has to do goes on.
 */
import { Worker } from "node:worker_threads";
import { LogicalError, type PasswordHasher } from "@strongroom/logical";
import type { PasswordJob, PasswordResult } from "./password-messages.ts";

export interface PasswordThreadOptions {
  /** Jobs that wait or run; more are refused. */
  readonly maxJobs: number;
}

export const DEFAULT_PASSWORD_THREAD: PasswordThreadOptions = { maxJobs: 64 };

interface Waiting {
  readonly resolve: (value: string | boolean) => void;
  readonly reject: (error: Error) => void;
}

export class PasswordThread implements PasswordHasher {
  readonly #options: PasswordThreadOptions;
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | undefined;
  #nextId = 1;
  #closed = false;

  constructor(options: PasswordThreadOptions) {
    this.#options = options;
  }

  async hash(password: Uint8Array): Promise<string> {
    return String(await this.#run(password, undefined));
  }

  async verify(password: Uint8Array, hash: string): Promise<boolean> {
    return (await this.#run(password, hash)) === true;
  }

  /** Ends the thread; what waits for it fails. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#fail();
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  #run(password: Uint8Array, hash: string | undefined): Promise<string | boolean> {
    if (this.#closed) return Promise.reject(overloaded("this node is shutting down"));
    if (this.#waiting.size >= this.#options.maxJobs) return Promise.reject(overloaded("too many logins at once"));
    const shared = new SharedArrayBuffer(password.length);
    new Uint8Array(shared).set(password);
    const id = this.#nextId++;
    const job: PasswordJob = { id, password: shared, ...(hash === undefined ? {} : { hash }) };
    return new Promise<string | boolean>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#running().postMessage(job);
    }).finally(() => new Uint8Array(shared).fill(0));
  }

  #running(): Worker {
    if (this.#thread !== undefined) return this.#thread;
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const thread = new Worker(new URL(`../threads/password-thread.${extension}`, import.meta.url), {
      name: "passwords",
    });
    this.#thread = thread;
    // A node that has nothing else to do may end.
    thread.unref();
    thread.on("message", ({ id, value }: PasswordResult) => {
      this.#waiting.get(id)?.resolve(value);
      this.#waiting.delete(id);
    });
    thread.on("error", () => this.#ended(thread));
    thread.on("exit", () => this.#ended(thread));
    return thread;
  }

  /** The next job starts another one. */
  #ended(thread: Worker): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    this.#fail();
  }

  #fail(): void {
    for (const { reject } of this.#waiting.values()) reject(overloaded("the thread for passwords has ended"));
    this.#waiting.clear();
  }
}

function overloaded(why: string): LogicalError {
  return new LogicalError("overloaded", `${why}; try again in a moment`);
}
