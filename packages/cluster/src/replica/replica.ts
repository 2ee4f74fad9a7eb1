/**
 * One replica as a synchronous step machine around raft. Events go into an inbox; a turn takes all of them, in an order
 * that is good for liveness (the disk's answers, peers, one tick, workers), and returns what is to be done. There is no
 * clock, no waiting and no I/O in here, so that a simulator can run whole replicas; `ReplicaShell` is the real world.
 *
 * A turn is also the batch: what workers proposed in it becomes one append, what they asked to read one read index, what
 * goes to a peer one frame.
 */
import {
  type BasicStatus,
  type ConfChangeV2,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  NO_NODE,
  type NodeId,
  RawNode,
  type ReadState,
  toNodeId,
} from "@strongroom/raft";
import { assert, type LogFields, present } from "@strongroom/runtime";
import { KEY_KIND } from "@strongroom/storage";
import type { ClusterStatus } from "../port/cluster-status.ts";
import type { ReplicaToWorker, WorkerToReplica } from "../port/messages.ts";
import type { ScrubResult } from "../scrub/scrub-pass.ts";
import type { ApplyResult } from "../state/types.ts";
import { isDriverMessage, type PeerMessage } from "../transport/message.ts";
import { Control, type ControlView } from "./control.ts";
import { DiskGuard } from "./disk-guard.ts";
import type { Effect } from "./effects.ts";
import { type Instant, LogClock } from "./log-clock.ts";
import { LogTail } from "./log-tail.ts";
import { type ReplicaOptions, type ReplicaParts, raftConfig } from "./options.ts";
import { packKeys } from "./packed.ts";
import { PeerBook } from "./peer-book.ts";
import { PeerOutbox } from "./peer-outbox.ts";
import { Proposals } from "./proposals.ts";
import { ReadService } from "./read-service.ts";
import { StateAgreement } from "./state-agreement.ts";
import type { ReceivedGeneration } from "./state-machine.ts";
import { StorageDriver } from "./storage-driver.ts";
import { believedAppend, isFromPeer, type VerificationRules } from "./verification.ts";
import { VerifiedEntries } from "./verified-entries.ts";
import { WorkerBook } from "./worker-book.ts";

/** A turn that does not come to rest is a bug. */
const MAX_ROUNDS = 10_000;
const NO_BYTES = new Uint8Array(0);

export class Replica {
  readonly #options: ReplicaOptions;
  readonly #parts: ReplicaParts;
  readonly #raft: RawNode;
  readonly #storage: StorageDriver;
  readonly #proposals: Proposals;
  readonly #control: Control;
  readonly #agreement: StateAgreement;
  readonly #reads: ReadService;
  readonly #clock: LogClock;
  readonly #peers: PeerBook;
  readonly #disk: DiskGuard;
  readonly #workers = new WorkerBook();
  readonly #rules: VerificationRules;
  readonly #verified = new VerifiedEntries();
  readonly #inbox: (() => void)[] = [];
  readonly #outbox = new PeerOutbox();
  #effects: Effect[] = [];
  #now: Instant;
  #seen: BasicStatus;
  #ticks = 0;
  #tickDue = false;
  #statusDue = true;

  constructor(options: ReplicaOptions, parts: ReplicaParts, now: Instant) {
    const { timings, id } = options;
    this.#options = options;
    this.#parts = parts;
    this.#now = now;
    const { appliedIndex, appliedTerm, confState, logTimeMs } = parts.state;
    const written = { index: appliedIndex, term: appliedTerm, confState };
    const tail = new LogTail(parts.log, options.tailLimits, written);
    this.#raft = new RawNode(raftConfig(options, parts, tail));
    this.#storage = new StorageDriver(options, {
      raft: this.#raft,
      tail,
      state: parts.state,
      generation: parts.generation,
      written,
      gate: parts.gate,
      verified: this.#verified,
      emit: (effect) => this.#effects.push(effect),
      deliver: (responses) => this.#deliver(responses),
      onWritten: (result) => this.#batchWritten(result),
      onSwitched: (received) => this.#switched(received),
    });
    // A node's reads are told apart across its lives by 20 random bits above a counter of 32.
    const firstContext = (1 + parts.random.below(2 ** 20 - 1)) * 2 ** 32;
    this.#reads = new ReadService({ firstContext, retryMs: timings.readRetryMs });
    this.#clock = new LogClock(logTimeMs, now);
    this.#peers = new PeerBook({ self: id, seeds: options.seeds, removed: parts.removed });
    this.#readMembers();
    this.#rules = {
      authenticator: parts.gate,
      unsignedAllowed: (command) => this.#storage.state.unsignedAllowed(command),
    };
    this.#disk = new DiskGuard({
      id,
      voters: () => this.#storage.state.confState.voters,
      isPeerLow: (peer) => this.#peers.statusOf(toNodeId(peer))?.diskLow === true,
    });
    this.#seen = this.#raft.basicStatus();
    this.#proposals = new Proposals(timings, {
      id,
      raft: this.#raft,
      clock: this.#clock,
      rules: this.#rules,
      workers: this.#workers,
      post: (to, message) => this.#outbox.post(to, message),
      refusesGrowth: () => this.#disk.refusesGrowth,
      alarm: (text, fields) => this.#log("error", text, fields),
    });
    this.#control = new Control({
      options,
      raft: this.#raft,
      peers: this.#peers,
      gate: parts.gate,
      disk: this.#disk,
      storage: this.#storage,
      agreement: () => this.#agreement,
      emit: (effect) => this.#effects.push(effect),
    });
    this.#agreement = new StateAgreement(
      { patienceTicks: timings.electionTicks },
      {
        id,
        voters: () => this.#storage.state.confState.voters,
        refuseWrites: () => this.#proposals.refuseAll(),
        handOver: () => this.#control.handOver(),
        emit: (effect) => this.#effects.push(effect),
        alarm: (text, fields) => this.#log("error", text, fields),
      },
    );
    this.#agreement.passed(parts.state.milestones);
  }

  // Events. Each is remembered for the next turn; the order among those of one turn is that of their arrival, except
  // that the tick comes after peers' messages: a heartbeat that has arrived must count before time does.

  attachWorker(worker: number, incarnation: number): void {
    this.#inbox.push(() => this.#attach(worker, incarnation));
  }

  detachWorker(worker: number): void {
    this.#inbox.push(() => {
      this.#workers.remove(worker);
      this.#proposals.tracker.removeWorker(worker);
      this.#reads.removeWorker(worker);
      this.#control.workerGone(worker);
    });
  }

  fromWorker(worker: number, messages: readonly WorkerToReplica[]): void {
    this.#inbox.push(() => {
      if (this.#workers.has(worker)) for (const message of messages) this.#fromWorker(worker, message);
    });
  }

  receive(from: NodeId, senderWallMs: number, messages: readonly PeerMessage[]): void {
    this.#inbox.push(() => {
      if (this.#peers.isRemoved(from)) return;
      this.#clock.sample(from, senderWallMs, this.#now);
      this.#peers.heard(from, this.#now.monotonicMs);
      for (const message of messages) this.#fromPeer(from, senderWallMs, message);
    });
  }

  peerUp(id: NodeId): void {
    this.#inbox.push(() => {
      this.#peers.linkUp(id);
      this.#statusDue = true;
    });
  }

  peerDown(id: NodeId): void {
    this.#inbox.push(() => {
      this.#peers.linkDown(id);
      this.#raft.reportUnreachable(id);
    });
  }

  /** Something that was sent to `id` was dropped on the way out. */
  peerUnreachable(id: NodeId): void {
    this.#inbox.push(() => this.#raft.reportUnreachable(id));
  }

  synced(token: number): void {
    this.#inbox.push(() => this.#storage.synced(token));
  }

  written(token: number): void {
    this.#inbox.push(() => this.#storage.batchWritten(token));
  }

  flushed(token: number): void {
    this.#inbox.push(() => this.#storage.flushed(token));
  }

  snapshotReceived(received: ReceivedGeneration): void {
    this.#inbox.push(() => this.#storage.snapshotReceived(received));
  }

  /** The room on this node's disk was looked at. */
  diskLooked(isLow: boolean): void {
    this.#inbox.push(() => {
      this.#statusDue ||= isLow !== this.#disk.isLow;
      this.#disk.looked(isLow);
    });
  }

  /** This node's rows were read back from its disk. */
  scrubbed(result: ScrubResult): void {
    this.#inbox.push(() => {
      this.#agreement.scrubbed(result);
      this.#statusDue = true;
    });
  }

  snapshotSent(to: NodeId, ok: boolean): void {
    this.#inbox.push(() => this.#raft.reportSnapshot(to, ok));
  }

  /** Time has passed: one tick, however late it is. A stall is not made up for. */
  tick(): void {
    this.#tickDue = true;
  }

  /** Takes all that has come and returns what is to be done. Throws only what must end the process. */
  turn(now: Instant): readonly Effect[] {
    this.#now = now;
    this.#effects = [];
    // What an event does may not add to this turn's inbox.
    for (const event of this.#inbox.splice(0)) event();
    if (this.#tickDue) this.#tick();
    this.#work();
    if (this.#statusDue) this.#sendStatus();
    this.#maintain();
    return this.#drain();
  }

  status(): ClusterStatus {
    return this.#control.status(this.#view());
  }

  /** A leader asks its most advanced follower to take over, as before it stops. False if it leads nobody. */
  handOver(): boolean {
    return this.#control.handOver();
  }

  // Peers

  #fromPeer(from: NodeId, senderWallMs: number, message: PeerMessage): void {
    if (!isDriverMessage(message)) {
      if (isFromPeer(from, message)) this.#step(from, message);
      return;
    }
    switch (message.type) {
      case "propose":
      case "propose-membership":
        this.#proposals.fromPeer(from, senderWallMs, message, this.#now);
        return;
      case "proposal-dropped":
        this.#proposals.dropped(message);
        return;
      case "node-status":
        this.#peers.status(from, message);
        this.#agreement.heard(from, { index: message.digestIndex, digest: message.digest });
        return;
    }
  }

  #step(from: NodeId, message: Message): void {
    const checks = message.type === "MsgApp" && this.#parts.gate.isOpen;
    const believed = checks ? believedAppend(message, this.#rules, this.#verified) : message;
    if (believed.type !== "forged") return void this.#raft.step(believed);
    const text = "an append holds a command that no node of this cluster signed; its sender was disconnected";
    this.#log("error", text, { from, index: believed.index });
    this.#effects.push({ type: "disconnect", peer: from });
  }

  #tick(): void {
    this.#tickDue = false;
    this.#ticks++;
    const { timings } = this.#options;
    this.#raft.tick();
    this.#outbox.tick();
    this.#proposals.tick(this.#now.monotonicMs);
    this.#reads.retryOld(this.#now.monotonicMs);
    this.#agreement.tick(this.#seen.state === "StateLeader");
    this.#control.watchDisk();
    if (this.#ticks % timings.statusTicks === 0) this.#statusDue = true;
    if (this.#ticks % timings.handoverTicks === 0) this.#control.handOverIfUnfit(this.#now.monotonicMs);
  }

  // Workers

  #attach(worker: number, incarnation: number): void {
    const alive = [...this.#proposals.tracker.incarnations(), incarnation];
    this.#proposals.tracker.addWorker(worker, incarnation);
    const { generation, written } = this.#storage;
    const index = written.index;
    const attached = { type: "attached", incarnation, alive, nodeId: this.#options.id, generation, index } as const;
    const applied = { type: "applied", index, logTimeMs: this.#clock.nowMs(this.#now), keys: NO_BYTES } as const;
    this.#workers.add(worker, incarnation, [attached, this.#leaderMessage(), applied]);
  }

  #fromWorker(worker: number, message: WorkerToReplica): void {
    const incarnation = present(this.#workers.incarnationOf(worker), "the worker is attached");
    switch (message.type) {
      case "propose":
      case "propose-membership":
        this.#proposals.fromWorker(incarnation, message, this.#now.monotonicMs);
        return;
      case "read":
        this.#reads.request({ worker, id: message.id });
        return;
      case "control": {
        const reply = this.#control.answer(worker, message.request, this.#view());
        this.#workers.post(worker, { type: "control-reply", id: message.id, reply });
        this.#statusDue ||= message.request.type === "authenticator";
        return;
      }
      case "generation-opened":
      case "call":
      case "serve":
      case "served":
        // The shell's affair: files and the control plane.
        return;
    }
  }

  #view(): ControlView {
    return {
      state: this.#storage.state,
      writtenIndex: this.#storage.written.index,
      logTimeMs: this.#clock.nowMs(this.#now),
      nowMs: this.#now.monotonicMs,
    };
  }

  // Reads

  #askReads(): void {
    if (this.#seen.lead === 0) return;
    for (;;) {
      const context = this.#reads.next(this.#now.monotonicMs);
      if (context === undefined) return;
      this.#raft.readIndex(context);
    }
  }

  #answerRead(state: ReadState): void {
    for (const { worker, id } of this.#reads.resolve(state.context))
      this.#workers.post(worker, { type: "read-index", id, index: state.index });
  }

  // Raft's work

  /** Runs everything until nothing more can be done without the outside: an election won may free what waited for it. */
  #work(): void {
    for (let rounds = 0; ; rounds++) {
      assert(rounds < MAX_ROUNDS, "a turn comes to rest");
      this.#noticeLeader();
      const { lead, term } = this.#seen;
      const reachable = lead === this.#options.id || this.#peers.isUp(lead);
      this.#proposals.send(reachable ? lead : NO_NODE, term, this.#now.monotonicMs);
      this.#proposals.append(this.#storage.state, this.#now);
      this.#askReads();
      if (!this.#settle()) break;
    }
  }

  /** One round of raft, log and state machine; whether anything moved. */
  #settle(): boolean {
    let moved = false;
    while (this.#raft.hasReady()) {
      moved = true;
      const ready = this.#raft.ready();
      for (const state of ready.readStates) this.#answerRead(state);
      for (const message of ready.messages) this.#dispatch(message);
    }
    return this.#storage.advance() || moved;
  }

  #dispatch(message: Message): void {
    if (message.to === LOCAL_APPEND_THREAD) {
      assert(message.type === "MsgStorageAppend", "the log is told to append");
      this.#storage.append(message);
    } else if (message.to === LOCAL_APPLY_THREAD) {
      assert(message.type === "MsgStorageApply", "the state machine is told to apply");
      this.#storage.apply(message);
    } else if (message.type === "MsgSnap") {
      // Rows that are not what was applied are nobody's to have.
      if (this.#agreement.isDoubted) this.snapshotSent(message.to, false);
      else this.#effects.push({ type: "send-snapshot", to: message.to, term: message.term });
    } else if (message.from === this.#options.id || message.type === "MsgTransferLeader") {
      // A former leader does not pass on what others asked of it to read: they ask again, and peers speak for themselves.
      this.#outbox.post(message.to, message);
    }
  }

  #deliver(responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === this.#options.id) this.#raft.step(response);
      else this.#outbox.post(response.to, response);
    }
  }

  /** The table holds a batch: its workers may see it, so they hear which keys changed before they hear of verdicts. */
  #batchWritten(result: ApplyResult): void {
    this.#clock.applied(result.logTimeMs, this.#now);
    for (const { change, accepted } of result.membership) if (accepted) this.#noteRemovals(change);
    this.#agreement.passed(result.milestones);
    this.#statusDue ||= result.milestones.length > 0;
    const concernsNodes = (key: Uint8Array) => key[0] === KEY_KIND.node || key[0] === KEY_KIND.removedNode;
    if (result.membership.length > 0 || result.changedKeys.some(concernsNodes)) this.#readMembers();
    this.#workers.broadcast({
      type: "applied",
      index: result.appliedIndex,
      logTimeMs: this.#clock.nowMs(this.#now),
      keys: packKeys(result.changedKeys),
    });
    this.#proposals.applied(result.verdicts);
  }

  #noteRemovals(change: ConfChangeV2): void {
    for (const { type, nodeId } of change.changes) {
      if (type !== "ConfChangeRemoveNode") continue;
      this.#peers.remove(nodeId);
      if (nodeId === this.#options.id)
        this.#log("warn", "this node was removed from the cluster and can be stopped", {});
    }
  }

  #readMembers(): void {
    const { state } = this.#storage;
    this.#peers.refresh(state.confState, (key) => state.get(key));
  }

  #switched({ state, generation, removed, metadata }: ReceivedGeneration): void {
    this.#clock.applied(state.logTimeMs, this.#now);
    for (const id of removed) this.#peers.remove(id);
    this.#readMembers();
    const { index } = metadata;
    this.#workers.broadcast({ type: "generation", generation, index, logTimeMs: this.#clock.nowMs(this.#now) });
    this.#proposals.lookUp(state);
    this.#log("info", "a snapshot took the place of the state", { index, generation });
  }

  // Upkeep

  #noticeLeader(): void {
    const before = this.#seen;
    const now = this.#raft.basicStatus();
    this.#seen = now;
    if (now.lead === before.lead && now.term === before.term && now.state === before.state) return;
    this.#reads.retryAll();
    if (now.lead === before.lead && now.term === before.term) return;
    this.#workers.broadcast(this.#leaderMessage());
    if (now.lead !== before.lead && now.lead !== 0)
      this.#log("info", "there is a leader", { leader: now.lead, term: now.term, self: now.lead === now.id });
  }

  #leaderMessage(): ReplicaToWorker {
    return { type: "leader", leaderId: this.#seen.lead, term: this.#seen.term };
  }

  #sendStatus(): void {
    this.#statusDue = false;
    const status = this.#control.nodeStatus();
    for (const id of this.#peers.up()) this.#outbox.post(id, status);
  }

  #maintain(): void {
    this.#storage.maintain();
    const announcement = this.#peers.announcement(this.#storage.state.confState);
    if (announcement !== undefined) this.#effects.push(announcement);
  }

  #log(level: "info" | "warn" | "error", text: string, fields: LogFields): void {
    this.#effects.push({ type: "log", level, text, fields });
  }

  /** Messages first: a leader's entries travel while its own disk writes them. */
  #drain(): readonly Effect[] {
    this.#workers.drain(this.#effects);
    return [...this.#outbox.drain(), ...this.#effects];
  }
}
