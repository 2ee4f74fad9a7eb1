/**
 * One node of a bare group: the core, a disk that forgets what was not yet written when its node is killed, a state machine
 * that holds nothing but where it is, and the driver between them, in async storage mode.
 */
import {
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
  RawNode,
  type Snapshot,
  toIndex,
} from "@strongroom/raft";
import type { RaftGroup } from "./raft-group.ts";
import { TICK } from "./raft-swarm.ts";

/** A log whose snapshot is the state machine's present state, as of the moment when it is asked for. */
export class SimulatedDisk extends MemoryLogStorage {
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

export class RaftMember {
  readonly id: NodeId;
  readonly disk: SimulatedDisk = new SimulatedDisk();
  raw: RawNode | undefined;
  pausedUntil = 0;
  /** The state machine; it comes back from the snapshot. */
  applied: Index;
  confState: ConfState;
  readonly #group: RaftGroup;
  #life = 0;
  #appends: MsgStorageAppend[] = [];
  #applies: MsgStorageApply[] = [];
  #writing = false;
  #applying = false;

  /** `first` is where a member's log begins; other nodes begin with nothing. */
  constructor(id: NodeId, group: RaftGroup, first: Snapshot | undefined) {
    this.id = id;
    this.#group = group;
    if (first !== undefined) this.disk.applySnapshot(first);
    this.applied = first?.metadata.index ?? toIndex(0);
    this.confState = first?.metadata.confState ?? EMPTY_CONF_STATE;
    this.disk.stateMachine = this;
  }

  get isPaused(): boolean {
    return this.#group.time.now < this.pausedUntil;
  }

  start(): void {
    const { index: base, confState } = this.disk.stored().metadata;
    this.#life++;
    this.#appends = [];
    this.#applies = [];
    this.#writing = false;
    this.#applying = false;
    this.applied = base;
    this.confState = confState;
    const { oracle, swarm, choices, transcript } = this.#group;
    oracle.restarted(this.id);
    transcript?.note(`node ${this.id} starts with a log up to ${this.disk.lastIndex()}`);
    // With benign choices no two nodes wait equally long before they campaign.
    const apart = this.id * 2 - 2;
    const random = { below: (bound: number): number => (choices.below(bound) + apart) % bound };
    this.raw = new RawNode({ ...swarm.settings, random, id: this.id, storage: this.disk, applied: base });
    this.turn();
  }

  // The process dies. Of the writes that its disk was doing, the first few may have been done.
  kill(): void {
    if (this.raw === undefined) return;
    const { choices, tally, transcript } = this.#group;
    const lost = this.#writing ? choices.below(this.#appends.length + 1) : this.#appends.length;
    if (lost > 0) tally.mark("writes lost");
    const done = this.#appends.length - lost;
    if (this.#writing && done > 0) tally.mark("unacknowledged writes kept");
    for (const work of this.#appends.slice(0, done)) this.#store(work);
    transcript?.note(`node ${this.id} is killed; ${lost} writes are lost`);
    this.raw = undefined;
    this.#life++;
  }

  /** Runs `run` on the node in its present life, after its pause if it is paused. */
  later(delay: number, run: (raw: RawNode) => void): void {
    const life = this.#life;
    const { time } = this.#group;
    const attempt = (): void => {
      if (this.#life !== life || this.raw === undefined) return;
      if (this.isPaused) {
        time.at(this.pausedUntil, attempt);
        return;
      }
      run(this.raw);
      this.turn();
    };
    time.after(delay, attempt);
  }

  tickLater(): void {
    this.#group.time.after(TICK + this.#group.choices.below(11), () => {
      // A paused process does not make up for its ticks.
      if (this.raw !== undefined && !this.isPaused) {
        this.raw.tick();
        this.turn();
      }
      this.tickLater();
    });
  }

  /** All that the node wants done, as its driver would do it. */
  turn(): void {
    const { raw } = this;
    if (raw === undefined) return;
    const { oracle, network, clients } = this.#group;
    oracle.observe(this.id, raw);
    while (raw.hasReady()) {
      const ready = raw.ready();
      for (const state of ready.readStates) clients.answered(this.id, state);
      for (const message of ready.messages) {
        if (message.type === "MsgStorageAppend") this.#appends.push(message);
        else if (message.type === "MsgStorageApply") this.#applies.push(message);
        else network.send(this, message);
      }
    }
    this.#writeLater();
    this.#applyLater();
  }

  #writeLater(): void {
    if (this.#writing || this.#appends.length === 0) return;
    this.#writing = true;
    // All that is queued when a write starts is written by it; what comes meanwhile by the next.
    const count = this.#appends.length;
    this.later(this.#group.delay(this.#group.swarm.faults.maxWrite), (raw) => {
      const done = this.#appends.splice(0, count);
      for (const work of done) this.#store(work);
      this.#writing = false;
      for (const work of done) this.#respond(raw, work.responses);
    });
  }

  #store({ entries, hardState, snapshot }: MsgStorageAppend): void {
    const { oracle, tally } = this.#group;
    const { disk } = this;
    if (hardState !== undefined) disk.setHardState(hardState);
    if (snapshot !== undefined) {
      disk.applySnapshot(snapshot);
      tally.mark("snapshot installed");
      this.applied = snapshot.metadata.index;
      this.confState = snapshot.metadata.confState;
    }
    const [first] = entries;
    if (first === undefined) return;
    oracle.entriesStored(this.id, entries, (index) =>
      index < disk.firstIndex() - 1 || index > disk.lastIndex() ? undefined : disk.term(index),
    );
    if (first.index <= disk.lastIndex()) tally.mark("log truncated");
    disk.append(entries);
  }

  #applyLater(): void {
    if (this.#applying || this.#applies.length === 0) return;
    this.#applying = true;
    this.later(this.#group.delay(TICK), (raw) => {
      const work = this.#applies.shift() as MsgStorageApply;
      this.#applying = false;
      for (const entry of work.entries) this.#apply(raw, entry);
      this.#respond(raw, work.responses);
    });
  }

  #apply(raw: RawNode, entry: Entry): void {
    // A snapshot that was installed meanwhile has it.
    if (entry.index <= this.applied) return;
    const { oracle, tally } = this.#group;
    oracle.applied(this.id, entry, this.applied);
    if (entry.type === "EntryConfChangeV2") {
      const led = raw.basicStatus().state === "StateLeader";
      this.confState = raw.applyConfChange(decodeConfChangeV2(entry.data));
      oracle.configured(this.id, entry.index, this.confState);
      tally.mark(this.confState.votersOutgoing.length > 0 ? "joint entered" : "membership changed");
      const { voters, votersOutgoing } = this.confState;
      if (led && !voters.includes(this.id) && !votersOutgoing.includes(this.id)) tally.mark("leader lost its vote");
    }
    this.applied = entry.index;
  }

  #respond(raw: RawNode, responses: readonly Message[]): void {
    const { oracle, network } = this.#group;
    for (const response of responses) {
      if (response.to !== this.id) {
        network.send(this, response);
        continue;
      }
      oracle.sent(response);
      raw.step(response);
    }
  }
}
