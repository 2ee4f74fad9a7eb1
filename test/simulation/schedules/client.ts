/** A worker's port in the hands of a schedule: it proposes what it is told and remembers what it is answered. */
import {
  encodeNodeRecord,
  membershipMutation,
  nodeKey,
  REGISTRATION_SEQUENCE,
  type ReplicaToWorker,
  registrationMutation,
  removedNodeKey,
  type WorkerToReplica,
} from "@strongroom/cluster";
import { type ConfChangeType, toNodeId } from "@strongroom/raft";
import { present, utf8 } from "@strongroom/runtime";
import {
  attachMac,
  type CommandDraft,
  commandMacInput,
  encodeCommand,
  type Mutation,
  type Verdict,
} from "@strongroom/storage";
import type { ReplicaProcess } from "../replica-process.ts";
import { rowKey, type SimulatedWorker } from "../replica-worker.ts";
import type { Stage } from "./stage.ts";

/** What became of one proposal. */
export interface Ticket {
  readonly sequence: number;
  outcome: "open" | Verdict["outcome"] | "unknown" | "given-up" | `not-committed: ${string}`;
  /** Of the verdict's revision. */
  index: number;
  /** Verdicts that were told: one, if all is well. */
  verdicts: number;
}

const DELAY_MS = 0.05;
let lastWorker = 1_000;

export class Client {
  readonly #stage: Stage;
  readonly #process: ReplicaProcess;
  readonly #worker: number;
  readonly #opens: boolean;
  readonly #tickets = new Map<number, Ticket>();
  #attached: Extract<ReplicaToWorker, { type: "attached" }> | undefined;
  #next = 1;
  #nextId = 1;
  isRegistered = false;

  constructor(stage: Stage, process: ReplicaProcess, opens: boolean) {
    this.#stage = stage;
    this.#process = process;
    this.#opens = opens;
    this.#worker = lastWorker++;
    const node = stage.node(process.id);
    process.workers.set(this.#worker, this as unknown as SimulatedWorker);
    const incarnation = node.nextIncarnation();
    process.tell(() => process.replica.attachWorker(this.#worker, incarnation));
    stage.until(() => this.#attached !== undefined, "the worker is attached");
    if (!opens) return;
    this.open();
  }

  /** The simulation's word for whether something is open here. */
  get openCount(): number {
    return 0;
  }

  open(): void {
    const provenIndex = Number.MAX_SAFE_INTEGER;
    this.#control({ type: "authenticator", state: "open", keyringIndex: provenIndex, provenIndex });
  }

  seal(): void {
    this.#control({ type: "authenticator", state: "sealed" });
  }

  transfer(to: number): void {
    this.#control({ type: "transfer-leadership", to });
  }

  /** Waits until the state machine knows this worker. */
  register(): this {
    const { nodeId, alive } = present(this.#attached, "the worker is attached");
    const draft = { guards: [], mutations: [registrationMutation(nodeId, alive)] };
    this.#send(REGISTRATION_SEQUENCE, this.encode(REGISTRATION_SEQUENCE, draft), 1e9);
    this.#stage.until(() => this.isRegistered, "the worker is registered");
    return this;
  }

  put(name: string, text: string, guards: CommandDraft["guards"] = [], timeoutMs = 20_000): Ticket {
    const mutation: Mutation = { kind: "put", key: rowKey(name), term: 1, value: utf8(text) };
    return this.propose({ guards, mutations: [mutation] }, timeoutMs);
  }

  remove(name: string): Ticket {
    return this.propose({ guards: [], mutations: [{ kind: "delete", key: rowKey(name) }] });
  }

  propose(draft: CommandDraft, timeoutMs = 20_000): Ticket {
    const ticket = this.#ticket();
    this.#send(ticket.sequence, this.encode(ticket.sequence, draft), timeoutMs);
    return ticket;
  }

  /** As `MembershipManager` makes it: with the rows that go with it. */
  change(type: ConfChangeType, id: number): Ticket {
    const ticket = this.#ticket();
    const change = { transition: "ConfChangeTransitionAuto", changes: [{ type, nodeId: toNodeId(id) }] } as const;
    const record = { name: `n${id}`, clusterAddress: `memory:${id}`, apiAddress: "", grpcAddress: "" };
    const identityPublicKey = Uint8Array.of(id);
    const rows: Mutation[] =
      type === "ConfChangeRemoveNode"
        ? [
            { kind: "put", key: removedNodeKey(id), term: 0, value: new Uint8Array(0) },
            { kind: "delete", key: nodeKey(id) },
          ]
        : [{ kind: "put", key: nodeKey(id), term: 0, value: encodeNodeRecord({ ...record, identityPublicKey }) }];
    const draft = { guards: [], mutations: [...rows, membershipMutation(change)] };
    const context = this.encode(ticket.sequence, draft).slice();
    const timeoutMs = 20_000;
    this.#post({ type: "propose-membership", sequence: ticket.sequence, timeoutMs, change: { ...change, context } });
    return ticket;
  }

  /** Until it has ended in one way or another. */
  wait(ticket: Ticket): Ticket {
    this.#stage.until(() => ticket.outcome !== "open", `proposal ${ticket.sequence} ends`);
    return ticket;
  }

  /** The command as it would be sent, signed. */
  encode(sequence: number, draft: CommandDraft): Uint8Array {
    const { nodeId: node, incarnation } = present(this.#attached, "the worker is attached");
    const { clock, keys } = this.#stage.node(this.#process.id);
    const [floor = sequence] = [...this.#tickets.values()]
      .filter(({ outcome }) => outcome === "open")
      .map((ticket) => ticket.sequence);
    const bytes = encodeCommand({
      version: 1,
      proposer: { node, incarnation },
      sequence,
      floor: sequence === REGISTRATION_SEQUENCE ? 0 : Math.min(floor, sequence),
      proposerTimeMs: Math.floor(clock.wallMs()),
      guards: draft.guards,
      mutations: draft.mutations,
      keyId: 0,
      mac: new Uint8Array(0),
    });
    attachMac(bytes, keys.sign(commandMacInput(bytes)));
    return bytes;
  }

  hear(messages: readonly ReplicaToWorker[]): void {
    for (const message of messages) this.#hear(message);
  }

  #hear(message: ReplicaToWorker): void {
    switch (message.type) {
      case "attached":
        this.#attached = message;
        return;
      case "committed":
        for (const [i, sequence] of message.sequences.entries())
          this.#verdict(sequence, "applied", message.indices[i] ?? 0);
        return;
      case "verdicts":
        for (const [i, sequence] of message.sequences.entries())
          this.#verdict(sequence, message.verdicts[i]?.outcome ?? "rejected", 0);
        return;
      case "not-committed":
        for (const sequence of message.sequences) this.#end(sequence, `not-committed: ${message.reason}`);
        return;
      case "unknown":
        for (const sequence of message.sequences) this.#end(sequence, "unknown");
        return;
      case "given-up":
        for (const sequence of message.sequences) this.#end(sequence, "given-up");
        return;
      case "generation":
        // Its keys are those that it has.
        if (this.#opens) this.open();
        return;
      case "applied":
      case "read-index":
      case "leader":
      case "control-reply":
      case "call-reply":
      case "serve-call":
        return;
    }
  }

  #verdict(sequence: number, outcome: Verdict["outcome"], index: number): void {
    if (sequence === REGISTRATION_SEQUENCE) {
      this.isRegistered ||= outcome === "applied";
      return;
    }
    const ticket = present(this.#tickets.get(sequence), "verdicts are told of what was proposed");
    ticket.verdicts++;
    ticket.index = index;
    ticket.outcome = outcome;
  }

  #end(sequence: number, outcome: Ticket["outcome"]): void {
    const ticket = this.#tickets.get(sequence);
    if (ticket !== undefined) ticket.outcome = outcome;
  }

  #ticket(): Ticket {
    const ticket: Ticket = { sequence: this.#next++, outcome: "open", index: 0, verdicts: 0 };
    this.#tickets.set(ticket.sequence, ticket);
    return ticket;
  }

  #control(request: Extract<WorkerToReplica, { type: "control" }>["request"]): void {
    this.#post({ type: "control", id: this.#nextId++, request });
  }

  #send(sequence: number, packed: Uint8Array, timeoutMs: number): void {
    const sizes = [packed.length];
    this.#post({ type: "propose", sequences: [sequence], timeoutsMs: [timeoutMs], sizes, packed: packed.slice() });
  }

  #post(message: WorkerToReplica): void {
    const process = this.#process;
    process.later(DELAY_MS, () => process.tell(() => process.replica.fromWorker(this.#worker, [message])));
  }
}
