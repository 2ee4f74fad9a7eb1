/**
 * Whole nodes within one process, for tests: real replicas, WALs, state machines and stores, on disks in memory that forget
 * what was not synced, and on a network in memory that can be cut.
 */
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { type NodeId, toNodeId } from "@strongroom/raft";
import { type Clock, type Logger, MetricsRegistry, type Random, silentLogger, type Timers } from "@strongroom/runtime";
import { nodeClock, nodeRandom, nodeTimers } from "@strongroom/runtime/node";
import { LevelTable, type Table } from "@strongroom/storage";
import type { Authenticity, CommandAuthenticator, CommandSigner } from "../authenticator.ts";
import { type DiskSpace, endlessSpace } from "../disk/disk-space.ts";
import { DEFAULT_DISK } from "../disk/disk-watch.ts";
import { MembershipManager } from "../membership/manager.ts";
import { localChannelPair, portChannel } from "../port/channel.ts";
import { ClusterClient } from "../port/cluster-client.ts";
import { type ReplicaChannel, type WorkerChannel, WorkerPort } from "../port/worker-port.ts";
import { WorkerStore } from "../port/worker-store.ts";
import { type ProvenState, StateProver } from "../proof/state-prover.ts";
import { serveTestimonies } from "../proof/state-testimony.ts";
import { FileIncarnations, type IncarnationSource, MemoryIncarnations } from "../replica/incarnations.ts";
import type { LogTailLimits } from "../replica/log-tail.ts";
import { DEFAULT_FLUSH_EVERY_BYTES, DEFAULT_TAIL_LIMITS, DEFAULT_TIMINGS } from "../replica/options.ts";
import { bootstrapTable } from "../replica/recovered.ts";
import { ReplicaShell } from "../replica/shell.ts";
import type { ReplicaShellOptions } from "../replica/shell-options.ts";
import { DEFAULT_SCRUB, type ScrubberOptions } from "../scrub/scrubber.ts";
import { type GenerationStore, INITIAL_GENERATION } from "../state/generation-store.ts";
import { Generations } from "../state/generations.ts";
import { MemoryGenerations } from "../state/memory-generations.ts";
import { MemoryNetwork } from "../transport/memory-peer-transport.ts";
import { SUPPORTED_VERSION } from "../version/cluster-version.ts";
import { VersionKeeper } from "../version/version-keeper.ts";
import { openInlineWal } from "../wal/inline-wal.ts";
import { MemoryWalDisk } from "../wal/memory-wal-disk.ts";
import { NodeWalDisk } from "../wal/node-wal-disk.ts";
import { createWal, recoverWal } from "../wal/recovery.ts";
import type { WalDisk } from "../wal/wal-disk.ts";

/** One key that every open node knows. */
export class TestKeys implements CommandSigner, CommandAuthenticator {
  readonly keyId = 1;

  sign(message: Uint8Array): { readonly keyId: number; readonly mac: Uint8Array } {
    return { keyId: this.keyId, mac: Uint8Array.from(createHmac("sha256", "test").update(message).digest()) };
  }

  verify(keyId: number, message: Uint8Array, mac: Uint8Array): Authenticity {
    if (keyId !== this.keyId) return "unknown-key";
    return Buffer.from(this.sign(message).mac).equals(mac) ? "ok" : "bad";
  }
}

/** Opens a node without looking into what it holds. */
const ALL_PROVEN = { provenIndex: Number.MAX_SAFE_INTEGER };

export interface TestWorld {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

export interface TestNodeOptions {
  readonly flushEveryBytes?: number;
  /** As software has it that is older, or newer, than this. */
  readonly supportedVersion?: number;
  readonly scrub?: ScrubberOptions;
  readonly diskSpace?: DiskSpace;
  readonly tailLimits?: LogTailLimits;
  readonly sealed?: boolean;
  /** How far this node's wall clock is off. */
  readonly wallOffsetMs?: number;
}

/** What survives a node's process. */
interface Machine {
  readonly disk: WalDisk;
  readonly generations: GenerationStore;
  readonly incarnations: IncarnationSource;
  readonly openTable: (generation: string) => Promise<Table>;
}

export class TestNode {
  readonly id: NodeId;
  readonly shell: ReplicaShell;
  readonly store: WorkerStore;
  readonly client: ClusterClient;
  readonly manager: MembershipManager;
  /** Of its replica. */
  readonly metrics: MetricsRegistry;
  readonly prover: StateProver;
  readonly fatal: Error[];

  constructor(parts: {
    readonly openLog: () => WalDisk;
    readonly keys: CommandSigner;
    readonly id: NodeId;
    readonly shell: ReplicaShell;
    readonly store: WorkerStore;
    readonly client: ClusterClient;
    readonly metrics: MetricsRegistry;
    readonly fatal: Error[];
  }) {
    this.id = parts.id;
    this.shell = parts.shell;
    this.store = parts.store;
    this.client = parts.client;
    this.metrics = parts.metrics;
    this.fatal = parts.fatal;
    const { store, client, openLog } = parts;
    this.manager = new MembershipManager({ store, client, clock: nodeClock, timers: nodeTimers });
    this.prover = new StateProver({ store, client, openLog, logger: silentLogger });
    // As the keys' gate has it: a sealed node signs nothing.
    const isOpen = () => this.shell.status().members.find(({ nodeId }) => nodeId === this.id)?.sealed === false;
    serveTestimonies({
      store,
      client,
      signer: { sign: (message) => (isOpen() ? parts.keys.sign(message) : undefined) },
    });
  }
}

export class TestCluster {
  readonly world: TestWorld;
  readonly network: MemoryNetwork;
  readonly keys: TestKeys = new TestKeys();
  /** Sooner than a server has them. */
  milestoneEvery = 64;
  readonly #machines = new Map<number, Machine>();
  readonly #nodes = new Map<number, TestNode>();

  readonly #directory: string | undefined;
  readonly #messagePorts: boolean;

  /** With a directory, nodes keep WAL and LevelDB on the real disk below it; with message ports, workers talk as from other threads. */
  constructor(world: Partial<TestWorld> & { readonly directory?: string; readonly messagePorts?: boolean } = {}) {
    this.#directory = world.directory;
    this.#messagePorts = world.messagePorts === true;
    this.world = { clock: nodeClock, timers: nodeTimers, random: nodeRandom, logger: silentLogger, ...world };
    this.network = new MemoryNetwork({}, this.world);
  }

  node(id: number): TestNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`node ${id} does not run`);
    return node;
  }

  get nodes(): readonly TestNode[] {
    return [...this.#nodes.values()];
  }

  /** Starts node `id`, on what its disk holds; `bootstrap` makes it the first of the cluster if that is nothing. */
  async start(id: number, options: TestNodeOptions & { readonly bootstrap?: boolean } = {}): Promise<TestNode> {
    const { timers, random, logger } = this.world;
    const clock: Clock = {
      monotonicMs: () => this.world.clock.monotonicMs(),
      wallMs: () => this.world.clock.wallMs() + (options.wallOffsetMs ?? 0),
    };
    const nodeId = toNodeId(id);
    const machine = await this.#machine(id);
    const identity = { nodeId, clusterId: new Uint8Array(0) };
    let wal = recoverWal(machine.disk);
    if (wal.status === "empty") {
      const first = await machine.generations.open(INITIAL_GENERATION);
      const installed = options.bootstrap === true ? { installed: await bootstrapTable(first, nodeId) } : {};
      wal = createWal(machine.disk, identity, { ...installed, segmentBytes: 256 * 1024 });
      await first.close();
    }
    if (wal.status !== "ok") throw new Error(wal.status);
    const fatal: Error[] = [];
    const metrics = new MetricsRegistry();
    const shell = await ReplicaShell.open(this.#options(nodeId, options), {
      clock,
      timers,
      random,
      logger,
      metrics,
      wal,
      openWal: (contents, events) =>
        openInlineWal(contents, { schedule: (turn) => timers.immediate(turn) }, { disk: machine.disk, events }),
      generations: machine.generations,
      transport: this.network.connect(nodeId),
      authenticator: this.keys,
      snapshotAuthenticator: this.keys,
      snapshotSigner: this.keys,
      incarnations: machine.incarnations,
      diskSpace: options.diskSpace ?? endlessSpace,
      onFatal: (error) => fatal.push(error),
    });
    const worker = await this.attach(shell, machine, fatal);
    const node = new TestNode({
      id: nodeId,
      shell,
      metrics,
      fatal,
      openLog: () => machine.disk,
      keys: this.keys,
      ...worker,
    });
    if (options.sealed !== true) await node.client.keysPublished(Number.MAX_SAFE_INTEGER, ALL_PROVEN);
    this.#nodes.set(id, node);
    return node;
  }

  /** Another worker of a running node. */
  async worker(id: number): Promise<{ readonly store: WorkerStore; readonly client: ClusterClient }> {
    const { shell, fatal } = this.node(id);
    return this.attach(shell, await this.#machine(id), fatal);
  }

  /** The first of a cluster of `count` nodes that are voters. */
  async startVoters(count: number, options: TestNodeOptions = {}): Promise<void> {
    await this.start(1, { ...options, bootstrap: true });
    await this.leader();
    for (let id = 2; id <= count; id++) {
      await this.start(id, options);
      await this.join(id);
      await this.promote(id);
    }
  }

  /** Adds node `id` as a learner. */
  async join(id: number): Promise<void> {
    const record = {
      name: `node-${id}`,
      clusterAddress: `memory:${id}`,
      apiAddress: "",
      grpcAddress: "",
      identityPublicKey: Uint8Array.of(id),
    };
    const leader = await this.leader();
    await leader.manager.addLearner(id, record, { guards: [], mutations: [] }, this.within(5_000));
  }

  async promote(id: number): Promise<void> {
    const leader = await this.leader();
    await this.until(async () => {
      const status = await leader.client.status();
      const member = status.members.find(({ nodeId }) => nodeId === id);
      return (member?.match ?? 0) >= status.commitIndex;
    });
    await leader.manager.promote(id, this.within(5_000));
  }

  /** What a node's log wrote, as whoever examines it reads it. */
  async log(id: number): Promise<WalDisk> {
    return (await this.#machine(id)).disk;
  }

  /** What raises the cluster's version, at the node that leads; it acts when it is told to. */
  async keepVersion(): Promise<VersionKeeper> {
    const { store, client } = await this.leader();
    const { timers, logger } = this.world;
    return new VersionKeeper({ intervalMs: 1e9 }, { store, client, isOpen: () => true, timers, logger });
  }

  /** The state that a node has open, for whoever damages it. */
  async table(id: number): Promise<Table> {
    const { generations, disk } = await this.#machine(id);
    return generations.open(recoveredGeneration(disk));
  }

  /** Opens a node that was started sealed, as a server does: by proof. */
  async open(id: number): Promise<ProvenState> {
    const { client, prover } = this.node(id);
    const held = await prover.hold();
    try {
      const proven = await prover.prove(held, this.keys);
      await client.keysPublished(Number.MAX_SAFE_INTEGER, proven);
      return proven;
    } finally {
      held.close();
      await client.endProof().catch(() => {});
    }
  }

  /** Ends the node's process. `powerLoss`: what its disk had not synced may be gone. */
  async stop(id: number, options: { readonly powerLoss?: boolean } = {}): Promise<void> {
    const node = this.node(id);
    this.#nodes.delete(id);
    await node.shell.close();
    await node.store.close();
    const { disk } = await this.#machine(id);
    if (options.powerLoss === true && disk instanceof MemoryWalDisk) disk.crash(this.world.random);
  }

  /** The running node that leads, once there is one that others do not contradict. */
  async leader(): Promise<TestNode> {
    let found: TestNode | undefined;
    await this.until(async () => {
      const leading = this.nodes.filter((node) => node.shell.status().state === "leader");
      found = leading.sort((a, b) => b.shell.status().term - a.shell.status().term)[0];
      return found !== undefined;
    });
    return found as TestNode;
  }

  async until(holds: () => Promise<boolean> | boolean, timeoutMs = 10_000): Promise<void> {
    const { clock, timers } = this.world;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    while (!(await holds())) {
      for (const { fatal } of this.nodes) if (fatal[0] !== undefined) throw fatal[0];
      if (clock.monotonicMs() > deadlineMs) throw new Error("it did not come to hold");
      await new Promise<void>((resolve) => timers.after(5, resolve));
    }
  }

  within(timeoutMs: number): { readonly deadlineMs: number } {
    return { deadlineMs: this.world.clock.monotonicMs() + timeoutMs };
  }

  async close(): Promise<void> {
    for (const { id } of this.nodes) await this.stop(id);
  }

  async attach(
    shell: ReplicaShell,
    machine: Machine,
    fatal: Error[],
  ): Promise<{ readonly store: WorkerStore; readonly client: ClusterClient }> {
    const { clock, timers, logger } = this.world;
    const [workerEnd, replicaEnd] = this.#channelPair();
    await shell.attach(replicaEnd);
    const port = new WorkerPort(workerEnd, { timers });
    const client = new ClusterClient({ port, clock, timers });
    const store = await WorkerStore.open({
      port,
      signer: this.keys,
      clock,
      timers,
      logger,
      openTable: machine.openTable,
      onFatal: (error) => fatal.push(error),
    });
    return { store, client };
  }

  #channelPair(): readonly [WorkerChannel, ReplicaChannel] {
    if (!this.#messagePorts) return localChannelPair(this.world.timers);
    const { port1, port2 } = new MessageChannel();
    return [portChannel(port1), portChannel(port2)];
  }

  async #machine(id: number): Promise<Machine> {
    const known = this.#machines.get(id);
    if (known !== undefined) return known;
    const machine = this.#directory === undefined ? memoryMachine() : await diskMachine(join(this.#directory, `${id}`));
    this.#machines.set(id, machine);
    return machine;
  }

  #options(id: NodeId, options: TestNodeOptions): ReplicaShellOptions {
    return {
      id,
      clusterId: () => "test",
      clusterAddress: `memory:${id}`,
      timings: { ...DEFAULT_TIMINGS, resendMs: 200, readRetryMs: 100 },
      tailLimits: options.tailLimits ?? DEFAULT_TAIL_LIMITS,
      flushEveryBytes: options.flushEveryBytes ?? DEFAULT_FLUSH_EVERY_BYTES,
      seeds: [],
      supportedVersion: options.supportedVersion ?? SUPPORTED_VERSION,
      tickMs: 5,
      scrub: options.scrub ?? DEFAULT_SCRUB,
      milestoneEvery: this.milestoneEvery,
      disk: { ...DEFAULT_DISK, intervalMs: 20 },
    };
  }
}

function memoryMachine(): Machine {
  const generations = new MemoryGenerations();
  const openTable = (generation: string) => generations.open(generation);
  return { disk: new MemoryWalDisk(), generations, incarnations: new MemoryIncarnations(), openTable };
}

async function diskMachine(directory: string): Promise<Machine> {
  const generations = await Generations.open(directory);
  return {
    disk: new NodeWalDisk(join(directory, "wal")),
    generations,
    incarnations: FileIncarnations.open(directory),
    openTable: (generation) => LevelTable.open(generations.path(generation), { multithreading: true }),
  };
}

function recoveredGeneration(disk: WalDisk): string {
  const wal = recoverWal(disk);
  return (wal.status === "ok" ? wal.installed?.generation : undefined) ?? INITIAL_GENERATION;
}
