/**
 * A worker with a client behind its port: it speaks the protocol of `WorkerStore`, synchronously, opens its node when the
 * operator wants that, and tells the history what it asked and was told.
 */
import {
  CHECKPOINT_KEY,
  decodeAppliedIndex,
  encodeCheckpoint,
  REGISTRATION_SEQUENCE,
  REPLICA_STATE_KEY,
  type ReplicaToWorker,
  registrationMutation,
  type WorkerToReplica,
} from "@strongroom/cluster";
import { type ConfChangeV2, toNodeId } from "@strongroom/raft";
import { present, utf8 } from "@strongroom/runtime";
import {
  attachMac,
  type CommandDraft,
  commandMacInput,
  decodeRow,
  encodeCommand,
  type Guard,
  KEY_KIND,
  KEYRING_KEY,
  makeKey,
  type Verdict,
} from "@strongroom/storage";
import type { Operation, OperationKind, Read } from "./replica-history.ts";
import { drawMembershipChange } from "./replica-membership.ts";
import type { SimulatedNode } from "./replica-node.ts";
import type { ReplicaProcess } from "./replica-process.ts";
import type { ReplicaWorld } from "./replica-world.ts";

export interface WorkerParts {
  readonly world: ReplicaWorld;
  readonly node: SimulatedNode;
  readonly process: ReplicaProcess;
  readonly send: (messages: readonly WorkerToReplica[]) => void;
}

/** The one row that all clients increment. */
export const COUNTER = "counter";
const REGISTERS = ["r0", "r1", "r2"];
const MAX_OPEN = 200;
const RETRY_MS = 30;

export function rowKey(name: string): Uint8Array {
  return makeKey(KEY_KIND.barrier, utf8(name));
}

const COUNTER_KEY = rowKey(COUNTER);

export class SimulatedWorker {
  readonly #parts: WorkerParts;
  readonly #open = new Map<number, Operation>();
  /** Their clients hear no more, as far as they know; the floor has passed them. */
  readonly #overdue = new Map<number, Operation>();
  readonly #reads = new Map<number, Read>();
  #waitingReads: { readonly index: number; readonly read: Read }[] = [];
  #attached: Extract<ReplicaToWorker, { type: "attached" }> | undefined;
  #registration: "none" | "asked" | "done" = "none";
  #isOpen = false;
  #isProbeDue = false;
  #next = 1;
  #nextId = 1;
  #applied = 0;
  #leaderId = 0;
  /** Of the newest keyring whose keys were published. */
  #keyringIndex = 0;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  /** Operations and reads without an end that this worker still waits for. */
  get openCount(): number {
    const due = this.#isProbeDue || (this.#isOpen && this.#registration !== "done") ? 1 : 0;
    const givenUp = [...this.#overdue.values()].filter(({ outcome }) => outcome === "open").length;
    return this.#open.size + givenUp + this.#reads.size + this.#waitingReads.length + due;
  }

  hear(messages: readonly ReplicaToWorker[]): void {
    for (const message of messages) this.#hear(message);
  }

  /** One thing that a client might do. */
  act(): void {
    const { choices, swarm } = this.#parts.world;
    if (!this.#isOpen || this.#registration !== "done" || this.#open.size >= MAX_OPEN) return;
    if (this.#writeCheckpoint()) return;
    if (choices.chance(swarm.membershipPercent)) this.#changeMembership();
    else if (choices.chance(swarm.keyringPercent)) this.#changeKeyring();
    else this.#pickAct()();
  }

  #pickAct(): () => void {
    switch (this.#parts.world.choices.below(5)) {
      case 0:
        return () => this.#writeUnique(1);
      case 1:
        return () => this.#increment();
      case 2:
        return () => this.#writeRegister();
      case 3:
        return () => this.#writeUnique(1 + this.#parts.world.choices.below(5));
      default:
        return () => this.#read();
    }
  }

  /** Writes once more, as soon as it can. */
  probe(): void {
    if (!this.#isOpen || this.#registration !== "done") {
      this.#isProbeDue = true;
      return;
    }
    this.#isProbeDue = false;
    this.#writeUnique(1);
  }

  /** Publishes the keys of the newest keyring that the table has, as a worker does that was unsealed. */
  unseal(): void {
    const { node, process } = this.#parts;
    const row = process.table.getSync(KEYRING_KEY);
    const keyring = row === undefined ? undefined : decodeRow(row);
    if (keyring !== undefined) node.keys.learn(Number.parseInt(textOf(keyring.value), 10));
    // What a sealed node applied is proven by other means than these, and taken for proven here.
    const provenIndex = Number.MAX_SAFE_INTEGER;
    const keyringIndex = keyring?.revision.index ?? 0;
    const request = { type: "authenticator", state: "open", keyringIndex, provenIndex } as const;
    this.#parts.send([{ type: "control", id: this.#nextId++, request }]);
  }

  seal(): void {
    this.#isOpen = false;
    const request = { type: "authenticator", state: "sealed" } as const;
    this.#parts.send([{ type: "control", id: this.#nextId++, request }]);
  }

  /** Asks for a linearizable look at the state. */
  #read(): void {
    const id = this.#nextId++;
    this.#reads.set(id, this.#parts.world.history.beginRead());
    this.#parts.send([{ type: "read", id }]);
  }

  #writeUnique(count: number): void {
    const { choices, swarm } = this.#parts.world;
    const proposals = Array.from({ length: count }, () => {
      const name = this.#fresh("k");
      const operation = this.#begin("unique", name, name);
      const value = new Uint8Array(choices.below(swarm.maxValueBytes));
      return {
        operation,
        draft: { guards: [], mutations: [{ kind: "put", key: rowKey(name), term: 1, value }] } as CommandDraft,
      };
    });
    this.#propose(proposals);
  }

  #writeRegister(): void {
    const { choices } = this.#parts.world;
    const name = choices.pick(REGISTERS);
    this.#put("register", name, rowKey(name), this.#fresh("v"), []);
  }

  #increment(): void {
    const row = this.#parts.process.table.getSync(COUNTER_KEY);
    const value = `${counterOf(row) + 1}/${this.#fresh("")}`;
    this.#put("increment", COUNTER, COUNTER_KEY, value, [unchanged(COUNTER_KEY, row)]);
  }

  #changeKeyring(): void {
    const row = this.#parts.process.table.getSync(KEYRING_KEY);
    const keyId = row === undefined ? 1 : Number.parseInt(textOf(decodeRow(row).value), 10);
    this.#put("keyring", "keyring", KEYRING_KEY, `${keyId + 1}/${this.#fresh("")}`, [unchanged(KEYRING_KEY, row)]);
  }

  /** As the leader's elected worker does it after each milestone: what lies below, the logs may forget. */
  #writeCheckpoint(): boolean {
    const { process, node, world } = this.#parts;
    const { milestones, checkpointIndex } = process.state;
    const newest = milestones.at(-1);
    if (newest === undefined || newest.index <= checkpointIndex || node.isStateRotten) return false;
    const { keyId, mac } = node.keys.sign(newest.chain);
    const value = encodeCheckpoint({ ...newest, keyId, mac });
    const operation = this.#begin("checkpoint", "checkpoint", this.#fresh("checkpoint"));
    this.#propose([
      { operation, draft: { guards: [], mutations: [{ kind: "put", key: CHECKPOINT_KEY, term: 0, value }] } },
    ]);
    world.tally.mark("checkpoint proposed");
    return true;
  }

  #put(kind: OperationKind, name: string, key: Uint8Array, value: string, guards: readonly Guard[]): void {
    const operation = this.#begin(kind, name, value);
    const draft: CommandDraft = { guards, mutations: [{ kind: "put", key, term: 1, value: utf8(value) }] };
    this.#propose([{ operation, draft }]);
  }

  /** As `MembershipManager` does it, but with less care. */
  #changeMembership(): void {
    const { world, process } = this.#parts;
    const drawn = drawMembershipChange(world, process, toNodeId(Math.max(1, this.#leaderId)));
    if (drawn === undefined) return;
    const name = this.#fresh("k");
    const { change, guards, mutations } = drawn;
    const row = { kind: "put", key: rowKey(name), term: 1, value: utf8(name) } as const;
    const sequence = this.#next++;
    this.#open.set(sequence, this.#begin("membership", name, name));
    const context = this.#encode(sequence, { guards, mutations: [row, ...mutations] });
    const whole: ConfChangeV2 = { ...change, context };
    this.#parts.send([{ type: "propose-membership", sequence, timeoutMs: 1_000, change: whole }]);
  }

  #begin(kind: OperationKind, key: string, value: string): Operation {
    return this.#parts.world.history.begin(kind, key, value);
  }

  #fresh(prefix: string): string {
    return `${prefix}${this.#parts.world.history.operations.length}`;
  }

  #propose(proposals: readonly { readonly operation: Operation; readonly draft: CommandDraft }[]): void {
    const { choices } = this.#parts.world;
    const sequences = proposals.map(({ operation }) => {
      this.#open.set(this.#next, operation);
      return this.#next++;
    });
    const packed = proposals.map(({ draft }, i) => this.#encode(sequences[i] as number, draft));
    const timeoutsMs = proposals.map(() => 200 + choices.below(2_000));
    this.#send(sequences, timeoutsMs, packed);
  }

  #send(sequences: readonly number[], timeoutsMs: readonly number[], commands: readonly Uint8Array[]): void {
    const sizes = commands.map((command) => command.length);
    this.#parts.send([{ type: "propose", sequences, timeoutsMs, sizes, packed: Buffer.concat(commands) }]);
  }

  #encode(sequence: number, draft: CommandDraft): Uint8Array {
    const { nodeId: node, incarnation } = present(this.#attached, "a worker acts once it is attached");
    const [floor = this.#next] = this.#open.keys();
    const bytes = encodeCommand({
      version: 1,
      proposer: { node, incarnation },
      sequence,
      floor: sequence === REGISTRATION_SEQUENCE ? 0 : floor,
      proposerTimeMs: Math.floor(this.#parts.node.clock.wallMs()),
      guards: draft.guards,
      mutations: draft.mutations,
      keyId: 0,
      mac: new Uint8Array(0),
    });
    attachMac(bytes, this.#parts.node.keys.sign(commandMacInput(bytes)));
    return bytes;
  }

  #hear(message: ReplicaToWorker): void {
    switch (message.type) {
      case "attached":
        this.#attached = message;
        if (this.#parts.node.isOpen) this.unseal();
        return;
      case "applied":
        this.#applied = message.index;
        if (message.keys.length > 0 && this.#parts.node.isOpen && this.#isBehindKeyring()) this.unseal();
        this.#finishReads();
        return;
      case "generation":
        this.#applied = message.index;
        if (this.#parts.node.isOpen) this.unseal();
        this.#finishReads();
        return;
      case "control-reply":
        this.#opened(message.reply.ok);
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
        for (const sequence of message.sequences) this.#notCommitted(sequence);
        return;
      case "unknown":
        for (const sequence of message.sequences) this.#passFloor(sequence, "unknown");
        return;
      case "given-up":
        for (const sequence of message.sequences) this.#passFloor(sequence, "given-up");
        return;
      case "read-index": {
        const read = this.#reads.get(message.id);
        this.#reads.delete(message.id);
        if (read !== undefined) this.#waitingReads.push({ index: message.index, read });
        this.#finishReads();
        return;
      }
      case "leader":
        this.#leaderId = message.leaderId;
        return;
      case "call-reply":
      case "serve-call":
        return;
    }
  }

  #isBehindKeyring(): boolean {
    const row = this.#parts.process.table.getSync(KEYRING_KEY);
    return row !== undefined && decodeRow(row).revision.index > this.#keyringIndex;
  }

  #opened(ok: boolean): void {
    const { node, process } = this.#parts;
    if (!node.isOpen) return;
    if (!ok) {
      this.#parts.world.tally.mark("keyring changed while it was opened");
      process.later(RETRY_MS, () => {
        if (node.isOpen) this.unseal();
      });
      return;
    }
    const row = process.table.getSync(KEYRING_KEY);
    this.#keyringIndex = row === undefined ? 0 : decodeRow(row).revision.index;
    this.#isOpen = true;
    if (this.#registration === "none") this.#register();
    else if (this.#isProbeDue) this.probe();
  }

  #register(): void {
    const { nodeId, alive } = present(this.#attached, "a worker registers once it is attached");
    this.#registration = "asked";
    const draft: CommandDraft = { guards: [], mutations: [registrationMutation(nodeId, alive)] };
    this.#send([REGISTRATION_SEQUENCE], [1e9], [this.#encode(REGISTRATION_SEQUENCE, draft)]);
  }

  #notCommitted(sequence: number): void {
    // Such as a node hears whose clock is off: it asks again.
    if (sequence === REGISTRATION_SEQUENCE) {
      this.#registration = "none";
      this.#parts.process.later(RETRY_MS, () => {
        if (this.#registration === "none" && this.#isOpen) this.#register();
      });
    }
    const operation = this.#take(sequence);
    if (operation !== undefined) this.#parts.world.history.notCommitted(operation);
  }

  #passFloor(sequence: number, why: "unknown" | "given-up"): void {
    const { history, tally } = this.#parts.world;
    const operation = this.#take(sequence);
    if (operation === undefined) return;
    this.#overdue.set(sequence, operation);
    if (why === "unknown") {
      history.unknown(operation);
      return;
    }
    tally.mark("proposal given up");
    // Its client waits, so a command with a higher floor follows at once.
    this.probe();
  }

  #take(sequence: number): Operation | undefined {
    const operation = this.#open.get(sequence) ?? this.#overdue.get(sequence);
    this.#open.delete(sequence);
    this.#overdue.delete(sequence);
    return operation;
  }

  #verdict(sequence: number, verdict: Verdict): void {
    if (sequence === REGISTRATION_SEQUENCE) {
      this.#registration = "done";
      if (this.#isProbeDue) this.probe();
    }
    const operation = this.#take(sequence);
    if (operation !== undefined) this.#parts.world.history.verdict(operation, verdict);
  }

  #finishReads(): void {
    if (this.#waitingReads.length === 0) return;
    const ready = this.#waitingReads.filter((read) => read.index <= this.#applied);
    this.#waitingReads = this.#waitingReads.filter((read) => read.index > this.#applied);
    for (const { read } of ready) this.#look(read);
  }

  #look(read: Read): void {
    const { process, node, world } = this.#parts;
    const { table } = process;
    const state = present(table.getSync(REPLICA_STATE_KEY), "a state that was applied to knows its index");
    if (this.#leaderId !== node.id) world.tally.mark("read at a follower");
    world.history.endRead(read, decodeAppliedIndex(state), counterOf(table.getSync(COUNTER_KEY)));
    if (node.isStateRotten) return;
    const seen = new Map<string, string | undefined>();
    for (const name of [COUNTER, ...REGISTERS]) {
      const row = table.getSync(rowKey(name));
      const decoded = row === undefined ? undefined : decodeRow(row);
      const value = decoded === undefined ? undefined : textOf(decoded.value);
      seen.set(name, value);
      if (decoded !== undefined && value !== undefined) world.history.saw(name, value, decoded.revision);
    }
    world.history.observer?.readEnded(read, seen);
  }
}

function unchanged(key: Uint8Array, row: Uint8Array | undefined): Guard {
  return row === undefined ? { kind: "absent", key } : { kind: "point", key, revision: decodeRow(row).revision };
}

function counterOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Number.parseInt(textOf(decodeRow(bytes).value), 10);
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1");
}
