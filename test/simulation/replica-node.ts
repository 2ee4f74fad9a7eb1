/**
 * A whole replica in the simulator: the step machine with a real WAL on a disk that forgets what was not synced, a table
 * that loses what was not flushed, and a client. Everything that takes time takes some of the simulation's.
 */
import {
  AuthenticatorGate,
  type CommandAuthenticator,
  type CommandSigner,
  createWal,
  DEFAULT_TIMINGS,
  type Effect,
  type AuthenticatorGate as Gate,
  INITIAL_GENERATION,
  logStart,
  type MemoryNetwork,
  MemoryWalDisk,
  openInlineWal,
  type PeerTransport,
  Replica,
  recoverWal,
  StateMachine,
  type WalHandle,
} from "@strongroom/cluster";
import type { ConfState, NodeId, SnapshotMetadata } from "@strongroom/raft";
import { assert } from "@strongroom/runtime";
import type { SeededRandom } from "@strongroom/runtime/testing";
import { fail, type History } from "./replica-history.ts";
import { SimulatedTable } from "./replica-table.ts";
import type { SimulatedTime } from "./replica-time.ts";
import { SimulatedWorker } from "./replica-worker.ts";

export interface SimulatedParts {
  readonly time: SimulatedTime;
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly history: History;
  readonly keys: CommandSigner & CommandAuthenticator;
  /** Of another node that runs. */
  readonly peer: (id: NodeId) => SimulatedNode | undefined;
}

export interface SimulatedOptions {
  readonly id: NodeId;
  readonly peers: readonly NodeId[];
  /** The first state, alike on all nodes: as if they had been restored from one snapshot. */
  readonly first: { readonly metadata: SnapshotMetadata; readonly rows: ReadonlyMap<string, Uint8Array> };
}

const TICK_MS = 25;
const WORKER = 1;

/** One life of the process: what belongs to an earlier one does nothing any more. */
interface Life {
  readonly replica: Replica;
  readonly wal: WalHandle;
  readonly transport: PeerTransport;
  readonly worker: SimulatedWorker;
  table: SimulatedTable;
  state: StateMachine;
  alive: boolean;
  scheduled: boolean;
  /** When the last of the things that keep their order is due. */
  writesDueMs: number;
  postsDueMs: number;
}

export class SimulatedNode {
  readonly id: NodeId;
  readonly #options: SimulatedOptions;
  readonly #parts: SimulatedParts;
  readonly #disk = new MemoryWalDisk();
  readonly #tables = new Map<string, SimulatedTable>();
  #incarnation = 0;
  #generations = 0;
  #standby: { readonly generation: string; readonly table: SimulatedTable; readonly state: StateMachine } | undefined;
  #life: Life | undefined;
  snapshotsInstalled = 0;

  constructor(options: SimulatedOptions, parts: SimulatedParts) {
    this.id = options.id;
    this.#options = options;
    this.#parts = parts;
    this.#tables.set(INITIAL_GENERATION, new SimulatedTable(options.first.rows));
    createWal(
      this.#disk,
      { nodeId: options.id, clusterId: new Uint8Array(0) },
      { installed: { metadata: options.first.metadata, generation: INITIAL_GENERATION }, segmentBytes: 64 * 1024 },
    );
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  get worker(): SimulatedWorker | undefined {
    return this.#life?.worker;
  }

  get replica(): Replica | undefined {
    return this.#life?.replica;
  }

  get table(): SimulatedTable | undefined {
    return this.#life?.table;
  }

  start(): void {
    assert(this.#life === undefined, "a node runs once");
    const { time, random, network, history, keys } = this.#parts;
    const { id, peers } = this.#options;
    const wal = recoverWal(this.#disk);
    if (wal.status !== "ok") fail(`the log of node ${id} is ${wal.status}`);
    const generation = wal.installed?.generation ?? INITIAL_GENERATION;
    const table = this.#tables.get(generation) ?? fail(`generation ${generation} of node ${id} is gone`);
    for (const name of this.#tables.keys()) if (name !== generation) this.#tables.delete(name);
    this.#standby = undefined;
    const gate: Gate = new AuthenticatorGate(keys);
    gate.open();
    const state = StateMachine.open(table, { authenticator: gate });
    const transport = network.connect(id);
    const replica = new Replica(
      {
        id,
        clusterId: () => "simulated",
        clusterAddress: `memory:${id}`,
        timings: DEFAULT_TIMINGS,
        tailLimits: { maxBytes: 48 * 1024, maxEntries: 60 },
        flushEveryBytes: 16 * 1024,
        seeds: peers.map((peer) => ({ id: peer, address: `memory:${peer}` })),
        supportedVersion: 1,
      },
      { log: logStart(wal, state), state, generation, removed: [], gate, random },
      { monotonicMs: time.monotonicMs(), wallMs: time.wallMs() },
    );
    const life: Life = {
      replica,
      transport,
      table,
      state,
      wal: openInlineWal(
        wal,
        { segmentBytes: 64 * 1024, schedule: (turn) => this.#later(life, 0.2 + random.below(30) / 10, turn) },
        {
          disk: this.#disk,
          events: {
            onSynced: (token) => this.#tell(life, () => replica.synced(token)),
            onFatal: (error) => {
              throw error;
            },
          },
        },
      ),
      worker: new SimulatedWorker({
        history,
        random,
        signer: keys,
        getRow: (key) => life.table.getSync(key),
        send: (messages) => this.#later(life, 0.05, () => this.#tell(life, () => replica.fromWorker(WORKER, messages))),
        wallMs: () => time.wallMs(),
        members: [id, ...peers],
      }),
      alive: true,
      scheduled: false,
      writesDueMs: 0,
      postsDueMs: 0,
    };
    this.#life = life;
    transport.listen({
      onMessages: (from, wallMs, messages) => this.#tell(life, () => replica.receive(from, wallMs, messages)),
      onPeerUp: (peer) => this.#tell(life, () => replica.peerUp(peer)),
      onPeerDown: (peer) => this.#tell(life, () => replica.peerDown(peer)),
      onSnapshotStream: () => fail("snapshots take another way here"),
    });
    this.#tell(life, () => replica.attachWorker(WORKER, ++this.#incarnation));
    this.#tick(life);
  }

  /** The machine loses power. */
  kill(): void {
    const life = this.#life;
    if (life === undefined) return;
    life.alive = false;
    this.#life = undefined;
    void life.transport.close();
    this.#disk.crash(this.#parts.random);
    for (const table of this.#tables.values()) table.crash(this.#parts.random);
  }

  /** A peer's state arrives whole. False if nobody takes it. */
  takeSnapshot(from: NodeId, term: number, rows: ReadonlyMap<string, Uint8Array>): boolean {
    const life = this.#life;
    if (life === undefined || this.#standby !== undefined) return false;
    const table = new SimulatedTable(rows);
    const gate = new AuthenticatorGate(this.#parts.keys);
    gate.open();
    const state = StateMachine.open(table, { authenticator: gate });
    const generation = `state-${state.appliedIndex}-${this.id}-${this.#generations++}`;
    this.#tables.set(generation, table);
    this.#standby = { generation, table, state };
    const { appliedIndex: index, appliedTerm, confState } = state;
    const metadata = { index, term: appliedTerm, confState };
    const received = { from, term: term as typeof appliedTerm, metadata, generation, state, removed: [] };
    this.#tell(life, () => life.replica.snapshotReceived(received));
    return true;
  }

  #tick(life: Life): void {
    this.#later(life, TICK_MS + this.#parts.random.below(3), () => {
      this.#tell(life, () => life.replica.tick());
      this.#tick(life);
    });
  }

  #later(life: Life, delayMs: number, callback: () => void): void {
    this.#parts.time.after(delayMs, () => {
      if (life.alive) callback();
    });
  }

  #tell(life: Life, tell: () => void): void {
    if (!life.alive) return;
    tell();
    if (life.scheduled) return;
    life.scheduled = true;
    this.#later(life, 0, () => this.#turn(life));
  }

  #turn(life: Life): void {
    const { time } = this.#parts;
    life.scheduled = false;
    const effects = life.replica.turn({ monotonicMs: time.monotonicMs(), wallMs: time.wallMs() });
    for (const effect of effects) this.#perform(life, effect);
  }

  #perform(life: Life, effect: Effect): void {
    const { random, history, time } = this.#parts;
    const { replica } = life;
    switch (effect.type) {
      case "send":
        if (!life.transport.send(effect.to, effect.messages))
          this.#tell(life, () => replica.peerUnreachable(effect.to));
        return;
      case "append":
        life.wal.append(effect.group);
        return;
      case "cut":
        life.wal.cut(effect.below);
        return;
      case "write": {
        // The digest is that of the newest batch: this one, as long as no later one has been started.
        const { appliedIndex } = life.state;
        history.state(this.id, appliedIndex, life.state.digest());
        const { table } = life;
        life.writesDueMs = Math.max(life.writesDueMs, time.monotonicMs() + random.below(20) / 10);
        this.#later(life, life.writesDueMs - time.monotonicMs(), () => {
          table.write(effect.ops);
          this.#tell(life, () => replica.written(effect.token));
        });
        return;
      }
      case "flush": {
        const finish = life.table.flush();
        this.#later(life, random.below(50), () => {
          finish();
          this.#tell(life, () => replica.flushed(effect.token));
        });
        return;
      }
      case "post":
        life.postsDueMs = Math.max(life.postsDueMs, time.monotonicMs() + 0.05);
        this.#later(life, life.postsDueMs - time.monotonicMs(), () => life.worker.hear(effect.messages));
        return;
      case "send-snapshot":
        this.#sendSnapshot(life, effect.to, effect.term);
        return;
      case "switch-generation": {
        const standby = this.#standby;
        if (standby?.generation !== effect.generation) fail("another generation was switched in");
        this.#standby = undefined;
        this.snapshotsInstalled++;
        life.table = standby.table;
        life.state = standby.state;
        history.state(this.id, standby.state.appliedIndex, standby.state.digest());
        return;
      }
      case "discard-generation":
        this.#standby = undefined;
        this.#tables.delete(effect.generation);
        return;
      case "set-peers":
        life.transport.setPeers(effect.peers);
        life.transport.setRemoved(effect.removed);
        return;
      case "disconnect":
        fail("a true append was refused");
        return;
      case "quarantine":
        fail(`node ${this.id} was convicted at index ${effect.index}`);
        return;
      case "log":
        return;
    }
  }

  #sendSnapshot(life: Life, to: NodeId, term: number): void {
    const rows = life.table.rows();
    this.#later(life, 5 + this.#parts.random.below(200), () => {
      const { network, random } = this.#parts;
      const reachable = network.reach(this.id, to) !== undefined && random.below(10) > 0;
      const ok = reachable && this.#parts.peer(to)?.takeSnapshot(this.id, term, rows) === true;
      this.#tell(life, () => life.replica.snapshotSent(to, ok));
    });
  }
}

/** All of `voters` vote. */
export function votersOnly(voters: readonly NodeId[]): ConfState {
  return { voters: [...voters], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}
