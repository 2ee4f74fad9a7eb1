/**
 * A handful of nodes in memory, which a transcript moves step by step: messages wait in one queue until they are
 * delivered, work for logs and state machines until it is processed. The state machine appends: its state is all data
 * applied so far, and it remembers a snapshot for each entry.
 */

import {
  type ConfState,
  confChangeAsV2,
  decodeConfChange,
  decodeConfChangeV2,
  describeMessage,
  describeReady,
  EMPTY_CONF_STATE,
  type Entry,
  type HardState,
  isLocalTarget,
  MemoryLogStorage,
  type Message,
  type MessageType,
  type MsgStorageAppend,
  type MsgStorageApply,
  type NodeId,
  type RaftConfig,
  RawNode,
  type Snapshot,
  toIndex,
  toNodeId,
  toTerm,
} from "@strongroom/raft";
import { InteractionOutput } from "./interaction-output.ts";

/** A log whose newest snapshot is the state machine's. */
class InteractionStorage extends MemoryLogStorage {
  readonly history: Snapshot[];

  constructor(first: Snapshot) {
    super();
    this.history = [first];
  }

  override snapshot(): Snapshot {
    return this.history.at(-1) as Snapshot;
  }
}

export interface InteractionNode {
  raw: RawNode;
  config: RaftConfig;
  storage: InteractionStorage;
  appendWork: MsgStorageAppend[];
  applyWork: MsgStorageApply[];
}

export type NodeOptions = Omit<RaftConfig, "id" | "storage" | "random" | "logger">;

/** Who gets its messages; or loses them. */
export interface Recipient {
  readonly id: number;
  readonly drop: boolean;
}

export const EMPTY_START: Snapshot = {
  metadata: { index: toIndex(0), term: toTerm(0), confState: EMPTY_CONF_STATE },
  data: new Uint8Array(0),
};

export class InteractionEnvironment {
  readonly output: InteractionOutput = new InteractionOutput();
  readonly nodes: InteractionNode[] = [];
  messages: Message[] = [];
  #draws = 0;

  node(id: number): InteractionNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  /** Adds `count` nodes, which start from the snapshot `start`, or from nothing. */
  addNodes(count: number, options: NodeOptions, start: Snapshot | undefined): void {
    for (let i = 0; i < count; i++) {
      const storage = new InteractionStorage(start ?? EMPTY_START);
      if (start !== undefined) storage.applySnapshot(start);
      const config: RaftConfig = {
        ...options,
        id: toNodeId(this.nodes.length + 1),
        storage,
        // Every draw is another, and the same in each run.
        random: { below: (bound) => this.#draws++ % bound },
        logger: this.output,
      };
      this.nodes.push({ raw: new RawNode(config), config, storage, appendWork: [], applyWork: [] });
    }
  }

  /** Kills the node and starts it from its log: what was not yet written, applied or sent out by it is gone. */
  restart(id: number): void {
    const node = this.node(id);
    node.appendWork = [];
    node.applyWork = [];
    const { confState } = node.storage.initialState();
    const applied = node.storage.firstIndex() - 1;
    // The state machine comes back as of the log's snapshot and applies the rest again.
    const kept = node.storage.history.filter(({ metadata }) => metadata.index <= applied);
    node.storage.history.splice(0, node.storage.history.length, ...(kept.length > 0 ? kept : [EMPTY_START]));
    node.raw = new RawNode({ ...node.config, applied: toIndex(applied) });
    this.output.write(`${id} restarted at applied index ${applied} with ${confState.voters.length} voters\n`);
  }

  /** Kills the node and starts it from an empty disk, as if it had never been. */
  wipe(id: number): void {
    const node = this.node(id);
    node.storage = new InteractionStorage(EMPTY_START);
    node.config = { ...node.config, storage: node.storage };
    this.restart(id);
  }

  /** Handles one Ready of the node: in sync mode wholly, else as far as putting work where it waits. */
  processReady(id: number): void {
    const node = this.node(id);
    const ready = node.raw.ready();
    this.output.write(describeReady(ready));
    const async = node.config.asyncStorageWrites === true;
    if (!async) {
      store(node, ready.hardState, ready.entries, ready.snapshot);
      apply(node, ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.type === "MsgStorageAppend") node.appendWork.push(message);
      else if (message.type === "MsgStorageApply") node.applyWork.push(message);
      else this.messages.push(message);
    }
    if (!async) node.raw.advance();
  }

  /** Does the oldest work of the node's log. */
  processAppend(id: number): void {
    const node = this.node(id);
    const work = node.appendWork.shift();
    if (work === undefined) {
      this.output.write("no append work to perform");
      return;
    }
    this.#describeWork(work);
    store(node, work.hardState, work.entries, work.snapshot);
    this.#respond(work.responses);
  }

  /** Does the oldest work of the node's state machine. */
  processApply(id: number): void {
    const node = this.node(id);
    const work = node.applyWork.shift();
    if (work === undefined) {
      this.output.write("no apply work to perform");
      return;
    }
    this.#describeWork(work);
    apply(node, work.entries);
    this.#respond(work.responses);
  }

  #describeWork(work: MsgStorageAppend | MsgStorageApply): void {
    this.output.write(`Processing:\n${describeMessage({ ...work, responses: [] })}\n`);
  }

  #respond(responses: readonly Message[]): void {
    this.output.write("Responses:\n");
    for (const response of responses) this.output.write(`${describeMessage(response)}\n`);
    this.messages.push(...responses);
  }

  /** Delivers, or drops, what waits for the recipients, in order; gives the number of messages. */
  deliver(type: MessageType | undefined, recipients: readonly Recipient[]): number {
    let count = 0;
    for (const { id, drop } of recipients) {
      const taken = this.#takeMessages(id, type, drop);
      count += taken.length;
      for (const message of taken) {
        this.output.write(`${drop ? "dropped: " : ""}${describeMessage(message)}\n`);
        if (drop) continue;
        const error = stepError(this.node(id).raw.step(message));
        if (error !== undefined) this.output.write(`${error}\n`);
      }
    }
    return count;
  }

  // What a node says to itself and to its disk cannot be lost.
  #takeMessages(to: number, type: MessageType | undefined, drop: boolean): readonly Message[] {
    const wanted = (message: Message): boolean =>
      message.to === to && !(drop && isLocal(message)) && (type === undefined || message.type === type);
    const taken = this.messages.filter(wanted);
    this.messages = this.messages.filter((message) => !wanted(message));
    return taken;
  }

  /** Lets the nodes (all, if none is named) do all that is to be done, until nothing is. */
  stabilize(ids: readonly number[]): void {
    const chosen = ids.length > 0 ? ids : this.nodes.map((_, i) => i + 1);
    for (let busy = true; busy; ) {
      busy = false;
      const section = (id: number, what: string, run: () => void): void => {
        this.output.write(`> ${id} ${what}\n`);
        this.output.indented(run);
        busy = true;
      };
      for (const id of chosen) {
        if (this.node(id).raw.hasReady()) section(id, "handling Ready", () => this.processReady(id));
      }
      for (const id of chosen) {
        if (this.messages.some((message) => message.to === id)) {
          section(id, "receiving messages", () => this.deliver(undefined, [{ id, drop: false }]));
        }
      }
      for (const id of chosen) {
        const { appendWork } = this.node(id);
        if (appendWork.length > 0) {
          section(id, "processing append thread", () => {
            while (appendWork.length > 0) this.processAppend(id);
          });
        }
      }
      for (const id of chosen) {
        const { applyWork } = this.node(id);
        if (applyWork.length > 0) {
          section(id, "processing apply thread", () => {
            while (applyWork.length > 0) this.processApply(id);
          });
        }
      }
    }
  }
}

/** How a refused message or proposal is reported in a transcript. */
export function stepError(refusal: ReturnType<RawNode["step"]>): string | undefined {
  switch (refusal) {
    case undefined:
    case "conf-change-refused":
      return undefined;
    case "peer-not-found":
      return "raft: cannot step as peer not found";
    case "local-message":
      return "raft: cannot step raft local message";
    case "no-leader":
    case "not-leader":
    case "transferring":
    case "too-much-uncommitted":
      return "raft proposal dropped";
  }
}

function isLocal({ from, to }: Message): boolean {
  return from === to || isLocalTarget(from) || isLocalTarget(to);
}

function store(
  { storage }: InteractionNode,
  hardState: HardState | undefined,
  entries: readonly Entry[],
  snapshot: Snapshot | undefined,
): void {
  if (hardState !== undefined) storage.setHardState(hardState);
  if (snapshot !== undefined) {
    if (entries.length > 0) throw new Error("cannot apply snapshot and entries at the same time");
    storage.applySnapshot(snapshot);
  }
  storage.append(entries);
}

function apply({ raw, storage }: InteractionNode, entries: readonly Entry[]): void {
  for (const entry of entries) {
    const before = storage.history.at(-1) as Snapshot;
    let update = entry.data;
    let confState: ConfState = before.metadata.confState;
    if (entry.type !== "EntryNormal") {
      const change =
        entry.type === "EntryConfChange"
          ? confChangeAsV2(decodeConfChange(entry.data))
          : decodeConfChangeV2(entry.data);
      update = change.context;
      confState = raw.applyConfChange(change);
    }
    const data = new Uint8Array(before.data.length + update.length);
    data.set(before.data);
    data.set(update, before.data.length);
    storage.history.push({ metadata: { index: entry.index, term: entry.term, confState }, data });
  }
}

/** The ids that a directive names, all nodes' if it names none. */
export function idsOrAll(environment: InteractionEnvironment, ids: readonly number[]): readonly NodeId[] {
  return (ids.length > 0 ? ids : environment.nodes.map((_, i) => i + 1)).map(toNodeId);
}
