/** A client behind a worker's port: it speaks the protocol of `WorkerStore`, synchronously, and tells the history. */
import {
  type CommandSigner,
  membershipMutation,
  REGISTRATION_SEQUENCE,
  type ReplicaToWorker,
  registrationMutation,
  type WorkerToReplica,
} from "@strongroom/cluster";
import type { NodeId } from "@strongroom/raft";
import { present, type Random, utf8 } from "@strongroom/runtime";
import {
  attachMac,
  type CommandDraft,
  commandMacInput,
  decodeRow,
  encodeCommand,
  KEY_KIND,
  makeKey,
  type Verdict,
} from "@strongroom/storage";
import { COUNTER, type History, type Operation } from "./replica-history.ts";

export interface WorkerParts {
  readonly history: History;
  readonly random: Random;
  readonly signer: CommandSigner;
  readonly getRow: (key: Uint8Array) => Uint8Array | undefined;
  readonly send: (messages: readonly WorkerToReplica[]) => void;
  readonly wallMs: () => number;
  /** All nodes that there are. */
  readonly members: readonly NodeId[];
}

const COUNTER_KEY = rowKey(COUNTER);
const MAX_OPEN = 200;

export function rowKey(name: string): Uint8Array {
  return makeKey(KEY_KIND.barrier, utf8(name));
}

export class SimulatedWorker {
  readonly #parts: WorkerParts;
  readonly #open = new Map<number, Operation>();
  readonly #counts = new Map<number, number>();
  readonly #reads = new Map<number, number>();
  #waitingReads: { readonly index: number; readonly acknowledgedBefore: number }[] = [];
  #attached: Extract<ReplicaToWorker, { type: "attached" }> | undefined;
  #registered = false;
  #next = 1;
  #nextRead = 1;
  #applied = 0;
  #leaderId = 0;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  /** Operations and reads without an end that this worker still waits for. */
  get openCount(): number {
    return this.#open.size + this.#reads.size + this.#waitingReads.length + (this.#registered ? 0 : 1);
  }

  hear(messages: readonly ReplicaToWorker[]): void {
    for (const message of messages) this.#hear(message);
  }

  /** One thing that a client might do. */
  act(): void {
    const { random } = this.#parts;
    if (!this.#registered || this.#open.size >= MAX_OPEN) return;
    const choice = random.below(3);
    if (random.below(60) === 0) this.#changeMembership();
    else if (choice === 0) this.#read();
    else if (choice === 1) this.#increment();
    else this.#write();
  }

  #write(): void {
    const { history, random } = this.#parts;
    const name = `k${history.operations.length}`;
    const value = new Uint8Array(random.below(400));
    this.#propose(name, { guards: [], mutations: [{ kind: "put", key: rowKey(name), term: 1, value }] });
  }

  #increment(): void {
    const bytes = this.#parts.getRow(COUNTER_KEY);
    const row = bytes === undefined ? undefined : decodeRow(bytes);
    const count = counterOf(bytes) + 1;
    const guard =
      row === undefined
        ? ({ kind: "absent", key: COUNTER_KEY } as const)
        : ({ kind: "point", key: COUNTER_KEY, revision: row.revision } as const);
    const value = utf8(String(count));
    this.#counts.set(this.#next, count);
    this.#propose(COUNTER, { guards: [guard], mutations: [{ kind: "put", key: COUNTER_KEY, term: 1, value }] });
  }

  /** Makes a node a voter or a learner, together with a row that tells whether that took effect. */
  #changeMembership(): void {
    const { history, random, members } = this.#parts;
    const nodeId = members[random.below(members.length)] as NodeId;
    // As `MembershipManager` does it: a leader hands over before its vote is taken.
    if (nodeId === this.#leaderId) return;
    const type = random.below(3) === 0 ? "ConfChangeAddLearnerNode" : "ConfChangeAddNode";
    const change = { transition: "ConfChangeTransitionAuto", changes: [{ type, nodeId }] } as const;
    const name = `k${history.operations.length}`;
    const row = { kind: "put", key: rowKey(name), term: 1, value: utf8("membership") } as const;
    const sequence = this.#next++;
    this.#open.set(sequence, history.begin(name));
    const context = this.#encode(sequence, { guards: [], mutations: [row, membershipMutation(change)] });
    this.#parts.send([{ type: "propose-membership", sequence, timeoutMs: 1_000, change: { ...change, context } }]);
  }

  #read(): void {
    const id = this.#nextRead++;
    this.#reads.set(id, this.#parts.history.acknowledgedCounter);
    this.#parts.send([{ type: "read", id }]);
  }

  #propose(name: string, draft: CommandDraft): void {
    const sequence = this.#next++;
    this.#open.set(sequence, this.#parts.history.begin(name));
    this.#send(sequence, draft, 200 + this.#parts.random.below(2_000));
  }

  #send(sequence: number, draft: CommandDraft, timeoutMs: number): void {
    const packed = this.#encode(sequence, draft);
    const timeoutsMs = [timeoutMs];
    this.#parts.send([{ type: "propose", sequences: [sequence], timeoutsMs, sizes: [packed.length], packed }]);
  }

  #encode(sequence: number, draft: CommandDraft): Uint8Array {
    const { nodeId: node, incarnation } = present(this.#attached, "a worker acts once it is attached");
    const [floor = this.#next] = this.#open.keys();
    const bytes = encodeCommand({
      version: 1,
      proposer: { node, incarnation },
      sequence,
      floor: sequence === REGISTRATION_SEQUENCE ? 0 : floor,
      proposerTimeMs: Math.floor(this.#parts.wallMs()),
      guards: draft.guards,
      mutations: draft.mutations,
      keyId: 0,
      mac: new Uint8Array(0),
    });
    attachMac(bytes, this.#parts.signer.sign(commandMacInput(bytes)));
    return bytes;
  }

  #hear(message: ReplicaToWorker): void {
    const { history } = this.#parts;
    switch (message.type) {
      case "attached":
        this.#attached = message;
        this.#send(
          REGISTRATION_SEQUENCE,
          { guards: [], mutations: [registrationMutation(message.nodeId, message.alive)] },
          1e9,
        );
        return;
      case "applied":
      case "generation":
        this.#applied = message.index;
        this.#finishReads();
        return;
      case "committed":
        for (const [i, sequence] of message.sequences.entries()) {
          const revision = { index: message.indices[i] ?? 0, position: message.positions[i] ?? 0 };
          this.#verdict(sequence, { outcome: "applied", revision });
        }
        return;
      case "verdicts":
        for (const [i, sequence] of message.sequences.entries()) {
          const verdict = message.verdicts[i];
          if (verdict !== undefined) this.#verdict(sequence, verdict);
        }
        return;
      case "not-committed":
        for (const sequence of message.sequences) {
          const operation = this.#open.get(sequence);
          this.#open.delete(sequence);
          if (operation !== undefined) history.notCommitted(operation);
        }
        return;
      case "unknown":
        for (const sequence of message.sequences) {
          const operation = this.#open.get(sequence);
          if (operation !== undefined) operation.outcome = "unknown";
        }
        return;
      case "read-index": {
        const acknowledgedBefore = this.#reads.get(message.id);
        this.#reads.delete(message.id);
        if (acknowledgedBefore !== undefined) this.#waitingReads.push({ index: message.index, acknowledgedBefore });
        this.#finishReads();
        return;
      }
      case "leader":
        this.#leaderId = message.leaderId;
        return;
      case "control-reply":
      case "call-reply":
      case "serve-call":
        return;
    }
  }

  #verdict(sequence: number, verdict: Verdict): void {
    const { history } = this.#parts;
    if (sequence === REGISTRATION_SEQUENCE) this.#registered = true;
    const operation = this.#open.get(sequence);
    if (operation === undefined) return;
    this.#open.delete(sequence);
    history.verdict(operation, verdict);
    const count = this.#counts.get(sequence) ?? 0;
    if (verdict.outcome === "applied") history.acknowledgedCounter = Math.max(history.acknowledgedCounter, count);
  }

  #finishReads(): void {
    const ready = this.#waitingReads.filter((read) => read.index <= this.#applied);
    this.#waitingReads = this.#waitingReads.filter((read) => read.index > this.#applied);
    for (const { acknowledgedBefore } of ready)
      this.#parts.history.read(counterOf(this.#parts.getRow(COUNTER_KEY)), acknowledgedBefore);
  }
}

function counterOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Number(Buffer.from(decodeRow(bytes).value).toString());
}
