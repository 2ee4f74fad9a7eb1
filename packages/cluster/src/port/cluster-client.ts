/**
 * What a worker may ask of its node's replica beside storage: the cluster's status, a transfer of leadership, the keys'
 * state, and calls between nodes over the control plane.
 */
import { asError, type Clock, fromUtf8, present, StrongroomError, type Timers, utf8 } from "@strongroom/runtime";
import type { Milestone } from "../state/types.ts";
import type { ClusterStatus, StateDigest } from "./cluster-status.ts";
import type { CallOutcome, CallTarget, ControlReply, ControlRequest, ReplicaToWorker } from "./messages.ts";
import type { WorkerPort } from "./worker-port.ts";

/** A request to the replica or to another node failed; `code` is the failing side's, or `unavailable`. */
export class ClusterRequestError extends StrongroomError {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface ServedCaller {
  /** The member that called; absent for a caller without a certificate. */
  readonly nodeId?: number;
  /** Without the port; empty for a worker of this very node. */
  readonly remoteAddress: string;
}

export type ServedMethod = (payload: Uint8Array, caller: ServedCaller) => Promise<Uint8Array>;

export interface ClusterClientParts {
  readonly port: WorkerPort;
  readonly clock: Clock;
  readonly timers: Timers;
}

interface Asked<Reply> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** The replica answers in a turn; this long means that it hangs. */
const CONTROL_TIMEOUT_MS = 10_000;
/** Added to a call's own deadline, which the transport keeps. */
const CALL_GRACE_MS = 1_000;
const TRANSFER_POLL_MS = 5;
const STATUS_METHOD = "status";
const STATUS_TIMEOUT_MS = 5_000;

export class ClusterClient {
  readonly #parts: ClusterClientParts;
  readonly #controls = new Map<number, Asked<ControlReply>>();
  readonly #calls = new Map<number, Asked<CallOutcome>>();
  readonly #served = new Map<string, ServedMethod>();
  #nextId = 1;

  constructor(parts: ClusterClientParts) {
    this.#parts = parts;
    parts.port.onMessage((message) => this.#hear(message));
    parts.port.onClose(() => this.#gone());
  }

  async status(): Promise<ClusterStatus> {
    const reply = await this.#control({ type: "status" });
    if (reply.status === undefined) throw new ClusterRequestError("unavailable", "the replica sent no status");
    return reply.status;
  }

  /** As the leader knows it, who alone knows how far each member has come; this node's own when it knows of no leader. */
  async leaderStatus(): Promise<ClusterStatus> {
    const own = await this.status();
    if (own.leaderId === 0 || own.leaderId === own.nodeId) return own;
    const answer = await this.call(own.leaderId, STATUS_METHOD, new Uint8Array(0), { timeoutMs: STATUS_TIMEOUT_MS });
    return JSON.parse(fromUtf8(answer)) as ClusterStatus;
  }

  /** Answers other members' `leaderStatus`. */
  serveStatus(): void {
    this.serve(STATUS_METHOD, async (_payload, caller) => {
      if (caller.nodeId === undefined) throw new ClusterRequestError("permission_denied", "only a member may ask");
      return utf8(JSON.stringify(await this.status()));
    });
  }

  /** Of this node's own state. */
  async digest(): Promise<StateDigest> {
    const reply = await this.#control({ type: "digest" });
    if (reply.digest === undefined) throw new ClusterRequestError("unavailable", "the replica sent no digest");
    return reply.digest;
  }

  /** Asks the leader to hand over to `to`, 0 for the most advanced voter, and waits until another node leads. */
  async transferLeadership(to: number, options: { readonly timeoutMs: number }): Promise<void> {
    const before = await this.status();
    if (to !== 0 && before.leaderId === to) return;
    const deadlineMs = this.#parts.clock.monotonicMs() + options.timeoutMs;
    await this.#control({ type: "transfer-leadership", to });
    for (;;) {
      const { leaderId } = await this.status();
      if (leaderId !== 0 && leaderId !== before.leaderId) return;
      if (this.#parts.clock.monotonicMs() >= deadlineMs)
        throw new ClusterRequestError(
          "unavailable",
          "leadership did not move in time; the chosen node may be too far behind",
        );
      await new Promise<void>((resolve) => this.#parts.timers.after(TRANSFER_POLL_MS, resolve));
    }
  }

  /**
   * A sealed node applies up to `upTo`, or no further than it has, and then stands still, until its keys are published or
   * `endProof`. Returns the index, which the table may reach a moment later.
   */
  async holdForProof(upTo: number): Promise<number> {
    const { index } = await this.#control({ type: "authenticator", state: "proving", upTo });
    return present(index, "the replica says where it stands still");
  }

  async endProof(): Promise<void> {
    await this.#control({ type: "authenticator", state: "unproven" });
  }

  /**
   * The MAC keys of the keyring whose row has revision index `keyringIndex` are published, and the state at `provenIndex` is
   * proven: from now on this node checks what it stores. Throws with code `stale_keyring` if the state holds a newer one, which
   * is to be opened instead, and with `unproven` if a sealed node's state is beyond `provenIndex`.
   */
  async keysPublished(
    keyringIndex: number,
    proof: { readonly provenIndex: number; readonly origin?: Uint8Array | undefined } = { provenIndex: 0 },
  ): Promise<void> {
    const { provenIndex, origin } = proof;
    const proven = { provenIndex, ...(origin === undefined ? {} : { origin }) };
    await this.#control({ type: "authenticator", state: "open", keyringIndex, ...proven });
  }

  /** The newest milestone of this node that most voters have come to alike. */
  async agreedMilestone(): Promise<Milestone | undefined> {
    return (await this.#control({ type: "milestone" })).milestone;
  }

  /** Ends this node, for good: its state is not what it should be. */
  async quarantine(reason: string): Promise<void> {
    await this.#control({ type: "quarantine", reason });
  }

  /** Ends verification. When this resolves, the replica reads no key any more and they may be wiped. */
  async keysWithdrawn(): Promise<void> {
    await this.#control({ type: "authenticator", state: "sealed" });
  }

  /** Calls `method` of another node. Throws `ClusterRequestError` with the code of what refused or failed. */
  async call(
    to: CallTarget,
    method: string,
    payload: Uint8Array,
    options: { readonly timeoutMs: number },
  ): Promise<Uint8Array> {
    const { timeoutMs } = options;
    const outcome = await this.#ask(this.#calls, timeoutMs + CALL_GRACE_MS, (id) =>
      // A copy: a view would take the whole buffer that it looks into along to the other thread.
      this.#parts.port.post({ type: "call", id, to, method, payload: new Uint8Array(payload), timeoutMs }),
    );
    if (outcome.ok) return outcome.payload;
    throw new ClusterRequestError(outcome.code, outcome.message);
  }

  /** Answers other nodes' calls of `method`. Of several workers that serve one, the latest is asked. */
  serve(method: string, handler: ServedMethod): void {
    this.#served.set(method, handler);
    this.#parts.port.post({ type: "serve", method });
  }

  async #control(request: ControlRequest): Promise<Extract<ControlReply, { ok: true }>> {
    const reply = await this.#ask(this.#controls, CONTROL_TIMEOUT_MS, (id) =>
      this.#parts.port.post({ type: "control", id, request }),
    );
    if (reply.ok) return reply;
    throw new ClusterRequestError(reply.code, reply.message);
  }

  #ask<Reply>(asked: Map<number, Asked<Reply>>, timeoutMs: number, post: (id: number) => void): Promise<Reply> {
    if (this.#parts.port.isClosed) return Promise.reject(replicaGone());
    const id = this.#nextId++;
    return new Promise<Reply>((resolve, reject) => {
      const cancel = this.#parts.timers.after(timeoutMs, () => {
        asked.delete(id);
        reject(new ClusterRequestError("unavailable", "there was no answer in time"));
      });
      asked.set(id, {
        resolve: (reply) => {
          cancel();
          resolve(reply);
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      });
      post(id);
    });
  }

  #hear(message: ReplicaToWorker): void {
    if (message.type === "control-reply") settle(this.#controls, message.id, message.reply);
    else if (message.type === "call-reply") settle(this.#calls, message.id, message.outcome);
    else if (message.type === "serve-call") void this.#serveCall(message);
  }

  async #serveCall(message: Extract<ReplicaToWorker, { type: "serve-call" }>): Promise<void> {
    const handler = this.#served.get(message.method);
    const outcome = handler === undefined ? unserved(message.method) : await outcomeOf(handler, message);
    this.#parts.port.post({ type: "served", id: message.id, outcome });
  }

  #gone(): void {
    for (const asked of [this.#controls, this.#calls]) {
      for (const { reject } of asked.values()) reject(replicaGone());
      asked.clear();
    }
  }
}

function settle<Reply>(asked: Map<number, Asked<Reply>>, id: number, reply: Reply): void {
  asked.get(id)?.resolve(reply);
  asked.delete(id);
}

async function outcomeOf(
  handler: ServedMethod,
  message: Extract<ReplicaToWorker, { type: "serve-call" }>,
): Promise<CallOutcome> {
  const { callerNodeId, remoteAddress } = message;
  const caller = { remoteAddress, ...(callerNodeId === undefined ? {} : { nodeId: callerNodeId }) };
  try {
    return { ok: true, payload: new Uint8Array(await handler(message.payload, caller)) };
  } catch (thrown) {
    // What is no error of ours may hold anything: the other node learns that it failed, not why.
    if (thrown instanceof StrongroomError) return { ok: false, code: thrown.code, message: thrown.message };
    return { ok: false, code: "internal", message: `the node could not answer: ${asError(thrown).name}` };
  }
}

function unserved(method: string): CallOutcome {
  return { ok: false, code: "unserved", message: `this node does not serve ${method}` };
}

function replicaGone(): ClusterRequestError {
  return new ClusterRequestError("unavailable", "the replica has ended; the server is stopping");
}
