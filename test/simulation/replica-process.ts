/**
 * One life of a replica's process: the step machine, its log, its table, its ports, and its way to perform effects, each
 * of which takes some of the simulation's time. What belongs to an earlier life does nothing any more.
 */
import {
  AuthenticatorGate,
  DEFAULT_TIMINGS,
  type Effect,
  executeOperations,
  HostedWal,
  logStart,
  type PeerMessage,
  Replica,
  StateMachine,
  type WalBatch,
  type WalContents,
  type WalExecutorEvents,
  type WalHandle,
} from "@strongroom/cluster";
import type { ConfState, NodeId } from "@strongroom/raft";
import { describePeerMessage } from "./replica-describe.ts";
import { injectedFault } from "./replica-disk.ts";
import type { Plug } from "./replica-network.ts";
import type { SimulatedNode } from "./replica-node.ts";
import { SnapshotPort, type Standby } from "./replica-snapshots.ts";
import type { SimulatedTable } from "./replica-table.ts";
import { SimulatedWorker } from "./replica-worker.ts";
import type { ReplicaWorld } from "./replica-world.ts";
import { violated } from "./violation.ts";

const TICK_MS = 25;
const POST_MS = 0.05;

export interface ProcessParts {
  readonly world: ReplicaWorld;
  readonly node: SimulatedNode;
  readonly wal: WalContents;
  readonly generation: string;
  readonly table: SimulatedTable;
}

export class ReplicaProcess implements Plug {
  readonly id: NodeId;
  readonly replica: Replica;
  readonly gate: AuthenticatorGate;
  readonly workers: Map<number, SimulatedWorker> = new Map();
  peers: ReadonlySet<NodeId> = new Set();
  removed: ReadonlySet<NodeId> = new Set();
  alive = true;
  table: SimulatedTable;
  state: StateMachine;
  readonly #world: ReplicaWorld;
  readonly #node: SimulatedNode;
  readonly #wal: WalHandle;
  readonly #snapshots: SnapshotPort;
  #turnPlanned = false;
  #lastWorker = 0;
  /** When the last of the things that keep their order is due. */
  #diskFreeAt = 0;
  #writesDueAt = 0;
  #postsDueAt = 0;

  constructor({ world, node, wal, generation, table }: ProcessParts) {
    this.#world = world;
    this.#node = node;
    this.id = node.id;
    this.table = table;
    this.gate = new AuthenticatorGate(node.keys);
    this.state = StateMachine.open(table, { authenticator: this.gate });
    const { swarm, nodes } = world;
    const others = [...nodes.keys()].filter((id) => id !== node.id);
    this.replica = new Replica(
      {
        id: node.id,
        clusterId: () => "simulated",
        clusterAddress: `memory:${node.id}`,
        timings: DEFAULT_TIMINGS,
        tailLimits: { maxBytes: swarm.tailBytes, maxEntries: swarm.tailEntries },
        flushEveryBytes: swarm.flushEveryBytes,
        seeds: others.map((id) => ({ id, address: `memory:${id}` })),
        supportedVersion: 1,
      },
      {
        log: logStart(wal, this.state),
        state: this.state,
        generation,
        removed: table.removedNodes(),
        gate: this.gate,
        random: node.random(),
      },
      node.clock.instant(),
    );
    this.#wal = new HostedWal(
      wal,
      {
        segmentBytes: swarm.segmentBytes,
        preparationBytes: swarm.segmentBytes,
        schedule: (turn) => this.later(0, turn),
      },
      {
        startExecutor: (events) => ({ execute: (batch) => this.#execute(batch, events), close: async () => {} }),
        events: {
          onSynced: (token) => {
            node.mirror.synced(token);
            this.tell(() => this.replica.synced(token));
          },
          onFatal: (error) => node.failed(error),
        },
      },
    );
    this.#snapshots = new SnapshotPort({ world, node, process: this });
  }

  start(): void {
    for (let i = 0; i < this.#world.swarm.workers; i++) this.attachWorker();
    this.#tick();
  }

  /** The configuration in force. */
  get confState(): ConfState {
    return this.state.confState;
  }

  wallMs(): number {
    return this.#node.clock.wallMs();
  }

  attachWorker(): void {
    const id = ++this.#lastWorker;
    const worker = new SimulatedWorker({
      world: this.#world,
      node: this.#node,
      process: this,
      send: (messages) =>
        this.later(POST_MS, () => {
          if (this.workers.has(id)) this.tell(() => this.replica.fromWorker(id, messages));
        }),
    });
    this.workers.set(id, worker);
    const incarnation = this.#node.nextIncarnation();
    this.tell(() => this.replica.attachWorker(id, incarnation));
  }

  /** The oldest worker ends, with all that it waited for, and another one comes. */
  restartWorker(): boolean {
    const [id] = this.workers.keys();
    if (id === undefined) return false;
    this.workers.delete(id);
    this.tell(() => this.replica.detachWorker(id));
    this.attachWorker();
    return true;
  }

  receive(from: NodeId, senderWallMs: number, messages: readonly PeerMessage[]): void {
    this.soon(() => {
      if (this.#world.transcript !== undefined)
        for (const message of messages)
          this.#world.transcript.note(`node ${this.id} hears ${describePeerMessage(from, this.id, message)}`);
      this.tell(() => this.replica.receive(from, senderWallMs, messages));
    });
  }

  linkChanged(to: NodeId, isUp: boolean): void {
    this.soon(() => this.tell(() => (isUp ? this.replica.peerUp(to) : this.replica.peerDown(to))));
  }

  /** A peer's state arrives whole. False if nobody takes it. */
  takeSnapshot(from: NodeId, term: number, rows: ReadonlyMap<string, Uint8Array>): boolean {
    return this.#snapshots.take(from, term, rows);
  }

  /** Tells the replica something, and lets a turn follow. */
  tell(tell: () => void): void {
    if (!this.alive) return;
    tell();
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    const { swarm, choices } = this.#world;
    this.later(swarm.maxTurnMs === 0 ? 0 : choices.below(swarm.maxTurnMs * 10) / 10, () => this.#turn());
  }

  /** In this life, when the process is not stopped. */
  later(delayMs: number, run: () => void): void {
    this.#world.time.after(delayMs, () => this.soon(run));
  }

  /** At `time`, or when the process goes on: in the order of the calls, if that is the order of the times. */
  at(time: number, run: () => void): void {
    this.#world.time.at(time, () => this.soon(run));
  }

  /** Now, or when the process goes on after a pause. */
  soon(run: () => void): void {
    if (!this.alive) return;
    const { time } = this.#world;
    const { pausedUntil } = this.#node;
    if (time.now >= pausedUntil) run();
    else time.at(pausedUntil, () => this.soon(run));
  }

  #tick(): void {
    this.later((TICK_MS + this.#world.choices.below(30) / 10) / this.#node.clock.rate, () => {
      this.tell(() => this.replica.tick());
      this.#tick();
    });
  }

  #turn(): void {
    this.#turnPlanned = false;
    const effects = this.replica.turn(this.#node.clock.instant());
    for (const effect of effects) {
      if (!this.#node.survivesEffect()) return;
      this.#perform(effect);
    }
  }

  #perform(effect: Effect): void {
    const world = this.#world;
    const { oracle, network, choices } = world;
    switch (effect.type) {
      case "send":
        for (const message of effect.messages) oracle.sent(this.id, effect.to, message);
        if (!network.send(this, effect.to, effect.messages)) this.tell(() => this.replica.peerUnreachable(effect.to));
        return;
      case "append":
        oracle.appended(this.id, effect.group);
        this.#node.mirror.append(effect.group);
        this.#wal.append(effect.group);
        return;
      case "cut":
        this.#node.mirror.cut(effect.below);
        this.#wal.cut(effect.below);
        return;
      case "write":
        this.#write(effect);
        return;
      case "write-local":
        this.table.write([effect.op]);
        return;
      case "flush": {
        const finish = this.table.flush();
        this.later(choices.below(world.swarm.maxFlushMs), () => {
          finish();
          this.tell(() => this.replica.flushed(effect.token));
        });
        return;
      }
      case "post":
        this.#postsDueAt = Math.max(this.#postsDueAt, world.time.now + POST_MS);
        this.at(this.#postsDueAt, () => this.workers.get(effect.worker)?.hear(effect.messages));
        return;
      case "send-snapshot":
        this.#snapshots.send(effect.to, effect.term);
        return;
      case "switch-generation":
        this.#switch(this.#snapshots.switchTo(effect.generation));
        return;
      case "discard-generation":
        this.#snapshots.discard(effect.generation);
        return;
      case "set-peers":
        this.peers = new Set(effect.peers.map(({ id }) => id));
        this.removed = new Set(effect.removed);
        network.refresh(this.id);
        return;
      case "disconnect":
        violated("true appends are taken", `node ${this.id} refuses an append of ${effect.peer}`);
        return;
      case "quarantine":
        this.#node.convicted(effect.index);
        return;
      case "log":
        world.transcript?.note(`node ${this.id} says: ${effect.text} ${JSON.stringify(effect.fields)}`);
        this.#node.heardLog(effect.text);
        return;
    }
  }

  #write(effect: Extract<Effect, { type: "write" }>): void {
    const { time, choices, swarm, oracle } = this.#world;
    if (!this.#node.isStateRotten) oracle.applied(this.id, this.state, effect.ops);
    const { table } = this;
    this.#writesDueAt = Math.max(this.#writesDueAt, time.now + choices.below(swarm.maxWriteMs * 10) / 10);
    this.at(this.#writesDueAt, () => {
      table.write(effect.ops);
      this.tell(() => this.replica.written(effect.token));
    });
  }

  #switch({ table, state }: Standby): void {
    this.#world.tally.mark("snapshot installed");
    this.table = table;
    this.state = state;
    this.#node.isStateRotten = false;
    this.#world.oracle.state(this.id, state);
  }

  #execute(batch: WalBatch, events: WalExecutorEvents): void {
    const { time } = this.#world;
    this.#diskFreeAt = Math.max(this.#diskFreeAt, time.now, this.#node.diskHangsUntil) + this.#node.syncMs();
    this.at(this.#diskFreeAt, () => {
      try {
        executeOperations(this.#node.disk, batch.operations);
      } catch (error) {
        events.onFailed(error);
        return;
      }
      events.onDone();
      this.#node.mirror.batchSynced();
      try {
        if (this.alive) executeOperations(this.#node.disk, batch.afterwards);
      } catch (error) {
        if (injectedFault(error) === undefined) throw error;
        events.onFailed(error);
      }
    });
  }
}
