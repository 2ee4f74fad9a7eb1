/**
 * A whole Raft group in one thread, under one seed: nodes in async storage mode, a network that loses, doubles, delays
 * and cuts, disks that are slow and forget what was not yet written when their node is killed. Each run draws its own
 * options and faults, small or large, so that none hides another; at the end the faults stop and the group must recover.
 */

import {
  type ConfChangeSingle,
  type ConfChangeType,
  type ConfState,
  decodeConfChangeV2,
  EMPTY_CONF_STATE,
  type Entry,
  type Index,
  MemoryLogStorage,
  type Message,
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
import { SeededRandom } from "@strongroom/runtime/testing";
import { LawBroken, RaftOracle } from "./raft-oracle.ts";
import { RaftScheduler } from "./raft-scheduler.ts";

export interface RaftSimulationOptions {
  readonly seed: number;
  /** How long faults rage, in ticks. */
  readonly ticks: number;
}

export interface RaftSimulationResult {
  readonly events: number;
  readonly committed: number;
  readonly marks: ReadonlyMap<string, number>;
}

const TICK = 100;
const START_INDEX = toIndex(2);
const SNAPSHOT_TIMEOUT = 20 * TICK;
const RECOVERY_TICKS = 4000;
const STRAGGLE_TICKS = 60;

/** What is in force in this run, in percent of the chances that there are. */
interface Faults {
  readonly loss: number;
  readonly duplicate: number;
  readonly maxDelay: number;
  /** Of messages that take much longer than others, and find another world. */
  readonly straggle: number;
  readonly maxWrite: number;
  readonly kill: number;
  readonly pause: number;
  readonly partition: number;
  readonly heal: number;
  readonly membership: number;
  readonly transfer: number;
  readonly compact: number;
}

/** A log whose snapshot is the state machine's present state, as of the moment when it is asked for. */
class SimulatedDisk extends MemoryLogStorage {
  stateMachine: { readonly applied: Index; readonly confState: ConfState } | undefined;

  /** The snapshot from which a restart goes on. */
  stored(): Snapshot {
    return super.snapshot();
  }

  override snapshot(): Snapshot {
    const { applied, confState } = this.stateMachine ?? { applied: toIndex(0), confState: EMPTY_CONF_STATE };
    const stored = super.snapshot();
    if (applied <= stored.metadata.index) return stored;
    return this.createSnapshot(applied, confState, new Uint8Array(0));
  }
}

interface SimulatedNode {
  readonly id: NodeId;
  readonly disk: SimulatedDisk;
  raw: RawNode | undefined;
  life: number;
  pausedUntil: number;
  appends: MsgStorageAppend[];
  applies: MsgStorageApply[];
  writing: boolean;
  applying: boolean;
  /** The state machine: it holds nothing but where it is, and comes back from the snapshot. */
  applied: Index;
  confState: ConfState;
}

/** Runs one seed. Throws `LawBroken`, or what the core throws, on the first broken law. */
export function runRaftSimulation(options: RaftSimulationOptions): RaftSimulationResult {
  return new RaftSimulation(options).run();
}

class RaftSimulation {
  readonly #options: RaftSimulationOptions;
  readonly #random: SeededRandom;
  readonly #scheduler = new RaftScheduler();
  readonly #nodes = new Map<NodeId, SimulatedNode>();
  readonly #oracle: RaftOracle;
  readonly #settings: Omit<RaftConfig, "id" | "storage">;
  readonly #faults: Faults;
  readonly #cut = new Set<string>();
  readonly #reads = new Map<number, number>();
  #faulty = true;
  #written = 0;
  #asked = 0;

  constructor(options: RaftSimulationOptions) {
    this.#options = options;
    const random = new SeededRandom(options.seed);
    this.#random = random;
    const some = (percent: number, bound: number): number => (random.chance(percent) ? 1 + random.below(bound) : 0);
    this.#faults = {
      loss: some(60, 20),
      duplicate: some(50, 20),
      maxDelay: TICK * (1 + random.below(random.chance(30) ? 20 : 3)),
      straggle: some(50, 5),
      maxWrite: TICK * (1 + random.below(random.chance(30) ? 15 : 2)),
      kill: some(70, 4),
      pause: some(40, 3),
      partition: some(50, 4),
      // A cut that outlasts an election leaves two leaders, of whom one does not know.
      heal: random.chance(50) ? 1 : 5,
      membership: some(50, 15),
      transfer: some(40, 5),
      compact: some(60, 30),
    };
    const tiny = random.chance(50);
    const maxSizePerMessage = tiny ? 1 + random.below(100) : 1 << 20;
    this.#settings = {
      random: new SeededRandom(options.seed + 1),
      electionTicks: 5 + random.below(10),
      heartbeatTicks: 1 + random.below(2),
      asyncStorageWrites: true,
      preVote: random.chance(70),
      checkQuorum: random.chance(70),
      // Without it a removed leader leads on and refuses all proposals, for ever.
      stepDownOnRemoval: true,
      // Without it a leader that applies its own removal can leave behind a group in which nobody can win (etcd #12359); and
      // which leader will apply a change is not known when it is proposed.
      commitByVote: random.chance(50) || this.#faults.membership > 0,
      disableProposalForwarding: random.chance(50),
      maxSizePerMessage,
      maxCommittedSizePerReady: tiny ? 1 + random.below(100) : 1 << 20,
      maxUncommittedEntriesSize: random.chance(30) ? 64 : 1 << 20,
      maxInflightMessages: 1 + random.below(tiny ? 3 : 64),
      maxInflightBytes: maxSizePerMessage * (1 + random.below(8)),
    };
    const count = random.chance(70) ? 3 + random.below(5) : 1 + random.below(7);
    const ids = Array.from({ length: count }, (_, i) => toNodeId(i + 1));
    // Some are left over to be added. Mostly all vote, since little can go wrong among one or two.
    const voters = ids.slice(0, random.chance(60) ? count : 1 + random.below(count));
    for (const id of ids) this.#nodes.set(id, this.#create(id, voters));
    this.#oracle = new RaftOracle(new Map([...this.#nodes].map(([id, { disk }]) => [id, disk])));
  }

  #create(id: NodeId, voters: readonly NodeId[]): SimulatedNode {
    const disk = new SimulatedDisk();
    const confState: ConfState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    const member = voters.includes(id);
    if (member) {
      disk.applySnapshot({ metadata: { index: START_INDEX, term: toTerm(1), confState }, data: new Uint8Array(0) });
    }
    const node: SimulatedNode = {
      id,
      disk,
      raw: undefined,
      life: 0,
      pausedUntil: 0,
      appends: [],
      applies: [],
      writing: false,
      applying: false,
      applied: member ? START_INDEX : toIndex(0),
      confState: member ? confState : EMPTY_CONF_STATE,
    };
    disk.stateMachine = node;
    return node;
  }

  run(): RaftSimulationResult {
    for (const node of this.#nodes.values()) {
      this.#start(node);
      this.#tickLater(node);
    }
    this.#workLater();
    this.#faultLater();
    this.#scheduler.runUntil(this.#options.ticks * TICK);
    this.#recover();
    return { events: this.#scheduler.events, committed: this.#oracle.maxCommit, marks: this.#oracle.marks };
  }

  // With all faults over, somebody leads, a write commits, and all members come to have it.
  #recover(): void {
    this.#faulty = false;
    this.#cut.clear();
    for (const node of this.#nodes.values()) {
      node.pausedUntil = 0;
      if (node.raw === undefined) this.#start(node);
    }
    const before = this.#oracle.maxCommit;
    const end = this.#scheduler.now + RECOVERY_TICKS * TICK;
    while (this.#scheduler.now < end) {
      this.#scheduler.runUntil(this.#scheduler.now + 10 * TICK);
      const leader = this.#leader();
      if (leader === undefined) continue;
      const { voters, votersOutgoing, learners } = leader.confState;
      const members = [...voters, ...votersOutgoing, ...learners].map((id) => this.#nodes.get(id) as SimulatedNode);
      if (members.every(({ applied }) => applied > before && applied > leader.applied - 20)) return;
    }
    const states = [...this.#nodes.values()].map(
      ({ id, raw, applied }) => `${id}: ${JSON.stringify(raw?.basicStatus())} applied ${applied}`,
    );
    throw new LawBroken(
      `liveness: no write reached all members within ${RECOVERY_TICKS} ticks without faults\n${states.join("\n")}`,
    );
  }

  #leader(): SimulatedNode | undefined {
    let best: SimulatedNode | undefined;
    for (const node of this.#nodes.values()) {
      if (node.raw?.basicStatus().state !== "StateLeader") continue;
      if (best === undefined || node.raw.basicStatus().term > (best.raw?.basicStatus().term ?? 0)) best = node;
    }
    return best;
  }

  #start(node: SimulatedNode): void {
    const { index: base, confState } = node.disk.stored().metadata;
    node.life++;
    node.appends = [];
    node.applies = [];
    node.writing = false;
    node.applying = false;
    node.applied = base;
    node.confState = confState;
    this.#oracle.restarted(node.id);
    node.raw = new RawNode({ ...this.#settings, id: node.id, storage: node.disk, applied: base });
    this.#turn(node);
  }

  // The process dies. Of the writes that its disk was doing, the first few may have been done.
  #kill(node: SimulatedNode): void {
    if (node.raw === undefined) return;
    this.#oracle.mark("node killed");
    const done = node.writing ? this.#random.below(node.appends.length + 1) : 0;
    if (node.appends.length > done) this.#oracle.mark("writes lost");
    for (const work of node.appends.slice(0, done)) this.#store(node, work);
    node.raw = undefined;
    node.life++;
  }

  // Runs `run` on the node in its present life, after its pause if it is paused.
  #later(node: SimulatedNode, delay: number, run: (raw: RawNode) => void): void {
    const { life } = node;
    const attempt = (): void => {
      if (node.life !== life || node.raw === undefined) return;
      if (this.#scheduler.now < node.pausedUntil) {
        this.#scheduler.after(node.pausedUntil - this.#scheduler.now, attempt);
        return;
      }
      run(node.raw);
      this.#turn(node);
    };
    this.#scheduler.after(delay, attempt);
  }

  #tickLater(node: SimulatedNode): void {
    this.#scheduler.after(TICK - 5 + this.#random.below(11), () => {
      // A paused process does not make up for its ticks.
      if (node.raw !== undefined && this.#scheduler.now >= node.pausedUntil) {
        node.raw.tick();
        this.#turn(node);
      }
      this.#tickLater(node);
    });
  }

  // All that the node wants done, as its driver would do it.
  #turn(node: SimulatedNode): void {
    const { raw } = node;
    if (raw === undefined) return;
    this.#oracle.observe(node.id, raw);
    while (raw.hasReady()) {
      const ready = raw.ready();
      for (const { index, context } of ready.readStates) {
        const committedThen = this.#reads.get(context);
        // Doubled messages answer twice.
        if (committedThen === undefined) continue;
        this.#reads.delete(context);
        this.#oracle.read(node.id, index, committedThen);
      }
      for (const message of ready.messages) {
        if (message.type === "MsgStorageAppend") node.appends.push(message);
        else if (message.type === "MsgStorageApply") node.applies.push(message);
        else this.#send(node, message);
      }
    }
    this.#writeLater(node);
    this.#applyLater(node);
  }

  #writeLater(node: SimulatedNode): void {
    if (node.writing || node.appends.length === 0) return;
    node.writing = true;
    // All that is queued when a write starts is written by it; what comes meanwhile by the next.
    const group = node.appends.length;
    this.#later(node, this.#delay(this.#faults.maxWrite), (raw) => {
      const done = node.appends.splice(0, group);
      for (const work of done) this.#store(node, work);
      node.writing = false;
      for (const work of done) this.#respond(node, raw, work.responses);
    });
  }

  #store(node: SimulatedNode, { entries, hardState, snapshot }: MsgStorageAppend): void {
    if (hardState !== undefined) node.disk.setHardState(hardState);
    if (snapshot !== undefined) {
      node.disk.applySnapshot(snapshot);
      this.#oracle.mark("snapshot installed");
      node.applied = snapshot.metadata.index;
      node.confState = snapshot.metadata.confState;
    }
    const { disk } = node;
    this.#oracle.entriesStored(node.id, entries, (index) =>
      index < disk.firstIndex() - 1 || index > disk.lastIndex() ? undefined : disk.term(index),
    );
    const [first] = entries;
    if (first !== undefined && first.index <= disk.lastIndex()) this.#oracle.mark("log truncated");
    disk.append(entries);
  }

  #applyLater(node: SimulatedNode): void {
    if (node.applying || node.applies.length === 0) return;
    node.applying = true;
    this.#later(node, this.#delay(TICK), (raw) => {
      const work = node.applies.shift() as MsgStorageApply;
      node.applying = false;
      for (const entry of work.entries) this.#apply(node, raw, entry);
      this.#respond(node, raw, work.responses);
    });
  }

  #apply(node: SimulatedNode, raw: RawNode, entry: Entry): void {
    // A snapshot that was installed meanwhile has it.
    if (entry.index <= node.applied) return;
    this.#oracle.applied(node.id, entry, node.applied);
    if (entry.type === "EntryConfChangeV2") {
      const change = decodeConfChangeV2(entry.data);
      node.confState = raw.applyConfChange(change);
      this.#oracle.configured(node.id, entry.index, node.confState);
      this.#oracle.mark(node.confState.votersOutgoing.length > 0 ? "joint entered" : "membership changed");
    }
    node.applied = entry.index;
  }

  #respond(node: SimulatedNode, raw: RawNode, responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to !== node.id) {
        this.#send(node, response);
        continue;
      }
      this.#oracle.sent(response);
      raw.step(response);
    }
  }

  #send(from: SimulatedNode, message: Message): void {
    const to = this.#nodes.get(message.to);
    if (to === undefined) throw new LawBroken(`node ${from.id} writes to ${message.to}, who does not exist`);
    this.#oracle.sent(message);
    const isSnapshot = message.type === "MsgSnap";
    if (this.#lost(from.id, to.id)) {
      if (isSnapshot) this.#later(from, SNAPSHOT_TIMEOUT, (raw) => raw.reportSnapshot(to.id, false));
      else if (this.#random.chance(20)) this.#later(from, this.#delay(TICK), (raw) => raw.reportUnreachable(to.id));
      return;
    }
    const copies = this.#faulty && this.#random.chance(this.#faults.duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      this.#scheduler.after(this.#transit(), () => {
        if (to.raw === undefined) return;
        this.#later(to, 1, (raw) => {
          raw.step(message);
          if (isSnapshot && i === 0)
            this.#later(from, this.#delay(TICK), (sender) => sender.reportSnapshot(to.id, true));
        });
      });
    }
    // Whether it arrives is not known; a report that nothing was heard must free the sender all the same.
    if (isSnapshot)
      this.#later(from, SNAPSHOT_TIMEOUT + this.#faults.maxDelay, (raw) => raw.reportSnapshot(to.id, false));
  }

  #lost(from: NodeId, to: NodeId): boolean {
    if (!this.#faulty) return false;
    return this.#cut.has(`${from}>${to}`) || this.#random.chance(this.#faults.loss);
  }

  #transit(): number {
    const { maxDelay, straggle } = this.#faults;
    return this.#delay(this.#faulty && this.#random.chance(straggle) ? STRAGGLE_TICKS * TICK : maxDelay);
  }

  #delay(max: number): number {
    return 1 + this.#random.below(this.#faulty ? max : TICK / 2);
  }

  // Clients: writes and reads at any node, and now and then a request that only operators make.
  #workLater(): void {
    this.#scheduler.after(1 + this.#random.below(TICK), () => {
      const node = this.#anyNode();
      const committed = this.#oracle.maxCommit;
      // A paused process finds what was asked of it meanwhile, in order with all else that came.
      this.#later(node, 1, (raw) => this.#request(node, raw, committed));
      this.#workLater();
    });
  }

  // `committed`: what was known as committed anywhere when the client asked.
  #request(node: SimulatedNode, raw: RawNode, committed: number): void {
    const draw = this.#random.below(100);
    // While the group recovers, few enough that those with the smallest limits catch up.
    if (draw < (this.#faulty ? 50 : 3)) {
      const data = Array.from({ length: 1 + this.#random.below(3) }, () => this.#payload());
      const { term } = raw.basicStatus();
      const result = raw.propose(data);
      if (result.ok && result.lastIndex > 0 && raw.termAt(result.lastIndex) !== term)
        throw new LawBroken("a proposal is not where it was said to be");
    } else if (draw < 90) {
      const context = ++this.#asked;
      this.#reads.set(context, committed);
      raw.readIndex(context);
    } else if (this.#faulty && this.#random.chance(this.#faults.membership)) {
      this.#changeMembership(raw);
    } else if (this.#faulty && this.#random.chance(this.#faults.transfer)) {
      raw.transferLeadership(this.#anyNode().id);
    } else if (this.#random.chance(this.#faults.compact)) {
      this.#compact(node);
    }
  }

  #payload(): Uint8Array {
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, ++this.#written);
    return data;
  }

  // Anything that leaves a voter, the leader's own removal too.
  #changeMembership(raw: RawNode): void {
    if (raw.basicStatus().state !== "StateLeader") return;
    const types: readonly ConfChangeType[] = ["ConfChangeAddNode", "ConfChangeAddLearnerNode", "ConfChangeRemoveNode"];
    const changes: ConfChangeSingle[] = Array.from({ length: this.#random.below(4) }, () => ({
      type: types[this.#random.below(types.length)] as ConfChangeType,
      nodeId: this.#anyNode().id,
    }));
    const { voters } = raw.confState();
    const left = new Set<NodeId>(voters);
    for (const { type, nodeId } of changes) {
      if (type === "ConfChangeAddNode") left.add(nodeId);
      else left.delete(nodeId);
    }
    if (left.size === 0) return;
    raw.proposeConfChange({
      transition: this.#random.chance(70) ? "ConfChangeTransitionAuto" : "ConfChangeTransitionJointImplicit",
      changes,
      context: new Uint8Array(0),
    });
  }

  #compact(node: SimulatedNode): void {
    const { disk } = node;
    // The log is cut at or below the snapshot from which a restart would go on, often well below.
    const upTo = toIndex(Math.max(0, disk.snapshot().metadata.index - this.#random.below(10)));
    if (upTo < disk.firstIndex()) return;
    disk.compact(upTo);
    this.#oracle.mark("log compacted");
  }

  #faultLater(): void {
    this.#scheduler.after(1 + this.#random.below(2 * TICK), () => {
      if (!this.#faulty) return;
      const node = this.#anyNode();
      const { kill, pause, partition, heal } = this.#faults;
      if (node.raw === undefined) {
        if (this.#random.chance(20)) this.#start(node);
      } else if (this.#random.chance(kill)) {
        this.#kill(node);
      } else if (this.#random.chance(pause)) {
        this.#oracle.mark("node paused");
        const paused = this.#random.chance(50) ? (this.#leader() ?? node) : node;
        paused.pausedUntil = this.#scheduler.now + this.#random.below(40 * TICK);
      }
      if (this.#random.chance(partition)) this.#partition();
      else if (this.#random.chance(heal)) this.#cut.clear();
      this.#faultLater();
    });
  }

  // Some links go down, many of them in one direction only.
  #partition(): void {
    this.#oracle.mark("links cut");
    const oneWay = this.#random.chance(50);
    const share = this.#random.chance(50) ? 40 : 20;
    const side = new Set([...this.#nodes.keys()].filter(() => this.#random.chance(share)));
    // A leader with a minority is one who is deposed and does not know.
    const leader = this.#leader();
    if (leader !== undefined && this.#random.chance(50)) side.add(leader.id);
    for (const from of this.#nodes.keys()) {
      for (const to of this.#nodes.keys()) {
        if (side.has(from) && !side.has(to)) {
          this.#cut.add(`${from}>${to}`);
          if (!oneWay) this.#cut.add(`${to}>${from}`);
        }
      }
    }
  }

  #anyNode(): SimulatedNode {
    return this.#nodes.get(toNodeId(1 + this.#random.below(this.#nodes.size))) as SimulatedNode;
  }
}
