/**
 * Calls between nodes, for workers: a worker's call goes out by the transport, and another node's call comes to the worker
 * that serves its method. The replica itself takes no part.
 */
import type { NodeId } from "@strongroom/raft";
import { asError, StrongroomError } from "@strongroom/runtime";
import type { CallOutcome, ReplicaToWorker, WorkerToReplica } from "../port/messages.ts";
import { type Caller, PeerCallError, type PeerTransport } from "../transport/transport.ts";

/** What another node gets when no worker here can answer. */
class ServedCallError extends StrongroomError {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type Post = (worker: number, message: ReplicaToWorker) => void;

interface Served {
  readonly worker: number;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

export class ControlPlane {
  readonly #self: NodeId;
  readonly #transport: PeerTransport;
  readonly #post: Post;
  /** Workers that serve a method, the latest last. */
  readonly #servers = new Map<string, number[]>();
  readonly #pending = new Map<number, Served>();
  #nextId = 1;

  constructor(self: NodeId, transport: PeerTransport, post: Post) {
    this.#self = self;
    this.#transport = transport;
    this.#post = post;
  }

  call(worker: number, message: Extract<WorkerToReplica, { type: "call" }>): void {
    const { id, to, method, payload, timeoutMs } = message;
    const target = typeof to === "number" ? (to as NodeId) : to;
    // A worker may ask its own node: another worker of it answers, and no connection is needed.
    const answered =
      target === this.#self
        ? this.#serveCall(method, payload, { nodeId: this.#self, remoteAddress: "" })
        : this.#transport.call(target, method, payload, { timeoutMs });
    answered.then(
      (answer) =>
        this.#post(worker, { type: "call-reply", id, outcome: { ok: true, payload: new Uint8Array(answer) } }),
      (error: unknown) => this.#post(worker, { type: "call-reply", id, outcome: failure(error) }),
    );
  }

  serve(worker: number, method: string): void {
    const workers = this.#servers.get(method);
    if (workers === undefined) {
      this.#servers.set(method, [worker]);
      this.#transport.serve(method, (payload, caller) => this.#serveCall(method, payload, caller));
    } else {
      workers.push(worker);
    }
  }

  served(id: number, outcome: CallOutcome): void {
    const served = this.#pending.get(id);
    this.#pending.delete(id);
    if (outcome.ok) served?.resolve(outcome.payload);
    else served?.reject(new ServedCallError(outcome.code, outcome.message));
  }

  /** The worker is gone; what it had not answered fails. */
  detach(worker: number): void {
    for (const [method, workers] of this.#servers)
      this.#servers.set(
        method,
        workers.filter((other) => other !== worker),
      );
    for (const [id, served] of this.#pending) {
      if (served.worker !== worker) continue;
      this.#pending.delete(id);
      served.reject(new ServedCallError("unavailable", "the worker that served the call has ended; try again"));
    }
  }

  #serveCall(method: string, payload: Uint8Array, caller: Caller): Promise<Uint8Array> {
    const worker = this.#servers.get(method)?.at(-1);
    if (worker === undefined) {
      return Promise.reject(
        new ServedCallError("unserved", `nobody serves ${method} on this node at the moment; try again`),
      );
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { worker, resolve, reject });
      this.#post(worker, {
        type: "serve-call",
        id,
        method,
        payload,
        callerNodeId: caller.nodeId,
        remoteAddress: caller.remoteAddress,
      });
    });
  }
}

function failure(thrown: unknown): CallOutcome {
  if (thrown instanceof ServedCallError) return { ok: false, code: thrown.code, message: thrown.message };
  if (thrown instanceof PeerCallError)
    return { ok: false, code: thrown.remoteCode ?? thrown.code, message: thrown.message };
  return { ok: false, code: "unavailable", message: asError(thrown).message };
}
