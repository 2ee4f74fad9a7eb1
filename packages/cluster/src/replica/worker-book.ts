/** The workers that are attached, and what is to be posted to each when the turn ends: one array a worker and turn. */
import { assert } from "@strongroom/runtime";
import type { ReplicaToWorker } from "../port/messages.ts";
import type { Effect } from "./effects.ts";

interface Attached {
  readonly incarnation: number;
  outbox: ReplicaToWorker[];
}

export class WorkerBook {
  readonly #workers = new Map<number, Attached>();

  /** `greeting` is what it hears first. */
  add(worker: number, incarnation: number, greeting: readonly ReplicaToWorker[]): void {
    assert(!this.#workers.has(worker), "a worker attaches once");
    this.#workers.set(worker, { incarnation, outbox: [...greeting] });
  }

  remove(worker: number): void {
    this.#workers.delete(worker);
  }

  has(worker: number): boolean {
    return this.#workers.has(worker);
  }

  incarnationOf(worker: number): number | undefined {
    return this.#workers.get(worker)?.incarnation;
  }

  ids(): Iterable<number> {
    return this.#workers.keys();
  }

  /** To a worker that may have gone. */
  post(worker: number, message: ReplicaToWorker): void {
    this.#workers.get(worker)?.outbox.push(message);
  }

  broadcast(message: ReplicaToWorker): void {
    for (const { outbox } of this.#workers.values()) outbox.push(message);
  }

  drain(effects: Effect[]): void {
    for (const [worker, attached] of this.#workers) {
      if (attached.outbox.length === 0) continue;
      effects.push({ type: "post", worker, messages: attached.outbox });
      attached.outbox = [];
    }
  }
}
