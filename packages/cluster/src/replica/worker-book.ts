/**
 * The workers that are attached, and what is to be posted to each when the turn ends: one array a worker and turn. Waking a
 * thread costs more than all that it is told. So one that asked for nothing lately hears of others' changes with the next
 * message to it, or with the next tick, or as soon as it asks; the order of what it hears stays.
 */
import type { NodeId } from "@strongroom/raft";
import { assert } from "@strongroom/runtime";
import type { ReplicaToWorker, WorkerToReplica } from "../port/messages.ts";
import type { ApplyResult } from "../state/types.ts";
import type { Effect } from "./effects.ts";
import { packKeys } from "./packed.ts";
import { BUSY_TICKS } from "./peer-outbox.ts";

interface Attached {
  readonly incarnation: number;
  outbox: ReplicaToWorker[];
  /** There are some only while the outbox is empty. */
  late: ReplicaToWorker[];
  /** Ticks until it counts as idle. */
  busyTicks: number;
}

export class WorkerBook {
  readonly #nodeId: NodeId;
  readonly #workers = new Map<number, Attached>();

  constructor(nodeId: NodeId) {
    this.#nodeId = nodeId;
  }

  /** `greeting` is what it hears first. */
  add(worker: number, incarnation: number, greeting: readonly ReplicaToWorker[]): void {
    assert(!this.#workers.has(worker), "a worker attaches once");
    this.#workers.set(worker, { incarnation, outbox: [...greeting], late: [], busyTicks: 0 });
  }

  remove(worker: number): void {
    this.#workers.delete(worker);
  }

  /** Notes what a worker asks. Whether it is still attached. */
  heard(worker: number, messages: readonly WorkerToReplica[]): boolean {
    const attached = this.#workers.get(worker);
    if (attached === undefined) return false;
    if (messages.some(({ type }) => type === "read" || type === "propose" || type === "propose-membership")) {
      attached.busyTicks = BUSY_TICKS;
      hurry(attached);
    }
    return true;
  }

  incarnationOf(worker: number): number | undefined {
    return this.#workers.get(worker)?.incarnation;
  }

  ids(): Iterable<number> {
    return this.#workers.keys();
  }

  /** To a worker that may have gone. */
  post(worker: number, message: ReplicaToWorker): void {
    const attached = this.#workers.get(worker);
    if (attached !== undefined) push(attached, message);
  }

  broadcast(message: ReplicaToWorker): void {
    for (const attached of this.#workers.values()) push(attached, message);
  }

  /**
   * The table holds this. Where workers of this node wait for a verdict, all of them hear of it at once: a commit is answered
   * when every worker of its node knows what it changed. So they do of keys and members, for which others wait.
   */
  applied(result: ApplyResult, logTimeMs: number): void {
    const { verdicts, keyringChanged, membership, appliedIndex: index } = result;
    const message = { type: "applied", index, logTimeMs, keys: packKeys(result.changedKeys) } as const;
    const isOwn = verdicts.some(({ proposer }) => proposer.node === this.#nodeId);
    const canWait = !isOwn && !keyringChanged && membership.length === 0;
    for (const attached of this.#workers.values()) {
      const isIdle = attached.busyTicks === 0 && attached.outbox.length === 0;
      if (canWait && isIdle) attached.late.push(message);
      else push(attached, message);
    }
  }

  tick(): void {
    for (const attached of this.#workers.values()) {
      attached.busyTicks = Math.max(0, attached.busyTicks - 1);
      hurry(attached);
    }
  }

  drain(effects: Effect[]): void {
    for (const [worker, attached] of this.#workers) {
      if (attached.outbox.length === 0) continue;
      effects.push({ type: "post", worker, messages: attached.outbox });
      attached.outbox = [];
    }
  }
}

function push(attached: Attached, message: ReplicaToWorker): void {
  hurry(attached);
  attached.outbox.push(message);
}

function hurry(attached: Attached): void {
  if (attached.late.length === 0) return;
  attached.outbox.push(...attached.late);
  attached.late = [];
}
