/**
 * A machine: its disk, its tables, its clocks, and the process on it, which ends and is started again. A machine whose log
 * was damaged is never started again: what the product would do with it is checked, and then it is out.
 */
import {
  createWal,
  decodeReplicaState,
  INITIAL_GENERATION,
  REPLICA_STATE_KEY,
  recoverWal,
  type WalContents,
  type WalRecovery,
} from "@strongroom/cluster";
import type { ConfState, NodeId } from "@strongroom/raft";
import type { Random } from "@strongroom/runtime";
import { MachineClock } from "./replica-clock.ts";
import { FaultyDisk, injectedFault } from "./replica-disk.ts";
import { LogMirror } from "./replica-log-mirror.ts";
import { ReplicaProcess } from "./replica-process.ts";
import { SimulatedTable } from "./replica-table.ts";
import { type ReplicaWorld, SimulatedKeys } from "./replica-world.ts";
import { violated } from "./violation.ts";

const RESTART_MS = 3_000;
const SLOW_FACTOR = 30;
/** Draws below larger bounds only tell things apart. */
const LARGEST_DRAW = 1_000;

const TOLD: ReadonlyMap<string, string> = new Map([
  ["this leader is sealed and hands over to an open voter", "sealed leader handed over"],
  [
    "the disk of this leader does not answer; it hands over if another voter can take over",
    "leader with a silent disk",
  ],
  ["this leader's clock is far ahead of the log and not backed by most voters: set it right", "leader's clock doubted"],
  ["a node's state differs from the majority's", "other's state doubted"],
]);

export class SimulatedNode {
  readonly id: NodeId;
  readonly disk: FaultyDisk;
  readonly mirror: LogMirror;
  readonly clock: MachineClock;
  readonly keys: SimulatedKeys = new SimulatedKeys();
  process: ReplicaProcess | undefined;
  /** Why it is never started again. */
  retired: string | undefined;
  pausedUntil = 0;
  diskHangsUntil = 0;
  diskSlowUntil = 0;
  /** Of a node that is down: whether it comes back by itself. */
  mayRestart = true;
  /** Whether its operator wants it open. */
  isOpen = true;
  isLogRotten = false;
  isStateRotten = false;
  readonly #world: ReplicaWorld;
  readonly #tables = new Map<string, SimulatedTable>();
  #effectsLeft: { count: number; readonly losesPower: boolean } | undefined;
  #incarnation = 0;
  #generations = 0;
  #lives = 0;
  #restartPlanned = false;

  constructor(id: NodeId, world: ReplicaWorld, member: boolean) {
    this.id = id;
    this.#world = world;
    this.disk = new FaultyDisk(world.tally);
    this.mirror = new LogMirror(id, world.tally);
    this.clock = new MachineClock(world.time);
    const { first, swarm } = world;
    this.disk.isLying = world.lyingDisks;
    this.#tables.set(INITIAL_GENERATION, new SimulatedTable(member ? first.rows : new Map()));
    if (member) {
      const installed = { metadata: first.metadata, generation: INITIAL_GENERATION };
      createWal(this.disk, this.#identity(), { installed, segmentBytes: swarm.segmentBytes });
    }
  }

  get isRunning(): boolean {
    return this.process !== undefined;
  }

  /** Whether it can go on with what its disk holds. */
  get isSound(): boolean {
    return this.retired === undefined && !this.isLogRotten && !this.isStateRotten;
  }

  /** On what the disk holds. A start that fails on a faulty disk is tried again later. */
  start(): void {
    if (this.process !== undefined || this.retired !== undefined) return;
    const { tally, transcript } = this.#world;
    let recovery: WalRecovery;
    try {
      recovery = recoverWal(this.disk);
      if (recovery.status === "empty") {
        if (this.mirror.lastIndex > 0) violated("what was synced is kept", `the log of node ${this.id} is empty`);
        recovery = createWal(this.disk, this.#identity(), { segmentBytes: this.#world.swarm.segmentBytes });
      }
    } catch (error) {
      if (injectedFault(error) === undefined) throw error;
      tally.mark("start failed on its disk");
      this.disk.disarm();
      this.restartLater();
      return;
    }
    if (recovery.status === "damaged") {
      if (!this.isLogRotten) violated("a crash is no damage", `the log of node ${this.id}: ${recovery.reason}`);
      this.#retire("its log is damaged");
      tally.mark("damaged log quarantined");
      return;
    }
    if (recovery.status !== "ok") violated("a log is made", `node ${this.id} has none`);
    if (this.mirror.recovered(recovery, this.isLogRotten) === "forgotten") {
      this.#retire("the end of its log rotted");
      tally.mark("rot in the last group passed for a torn end");
      return;
    }
    this.isLogRotten = false;
    if (recovery.tornBytes > 0) tally.mark("torn tail cut");
    transcript?.note(`node ${this.id} starts with a log up to ${recovery.base.index + recovery.entries.length}`);
    this.#run(recovery);
  }

  /** The process is killed, and with it, perhaps, the machine's power. */
  end(losesPower: boolean, why: string): void {
    const { process } = this;
    if (process === undefined) return;
    const { network, choices, tally, transcript } = this.#world;
    transcript?.note(`node ${this.id} ends: ${why}${losesPower ? ", and loses power" : ""}`);
    process.alive = false;
    this.process = undefined;
    this.pausedUntil = 0;
    this.#effectsLeft = undefined;
    this.disk.disarm();
    network.unplug(this.id);
    if (losesPower) {
      this.disk.losePower(choices);
      tally.mark("power lost");
    }
    for (const table of this.#tables.values()) table.crash(choices);
    this.restartLater();
  }

  /** The machine is as good as new, whatever its process did before; a pause ends when it ends. */
  recover(): void {
    this.diskHangsUntil = 0;
    this.diskSlowUntil = 0;
    this.disk.isFull = false;
    this.disk.disarm();
    this.#effectsLeft = undefined;
    if (!this.isOpen) this.toggleSeal();
  }

  toggleSeal(): void {
    this.isOpen = !this.isOpen;
    for (const worker of this.process?.workers.values() ?? [])
      if (this.isOpen) worker.unseal();
      else worker.seal();
  }

  /** Where its state stands, also when nothing runs. */
  appliedState(): { readonly appliedIndex: number; readonly confState: ConfState } | undefined {
    if (this.process !== undefined) return this.process.state;
    const row = [...this.#tables.values()][0]?.getSync(REPLICA_STATE_KEY);
    return row === undefined ? undefined : decodeReplicaState(row);
  }

  restartLater(): void {
    if (this.#restartPlanned) return;
    this.#restartPlanned = true;
    this.#world.time.after(1 + this.#world.choices.below(RESTART_MS), () => {
      this.#restartPlanned = false;
      if (this.mayRestart) this.start();
    });
  }

  /** The log could not be written. */
  failed(error: Error): void {
    const fault = injectedFault(error);
    if (fault === undefined) throw error;
    this.#world.tally.mark(`ended by its disk: ${fault.kind}`);
    // After a sync that failed nobody knows what the disk has.
    this.end(
      fault.kind === "failing sync" ? this.#world.choices.chance(50) : this.#world.choices.chance(30),
      fault.kind,
    );
  }

  /** After so many more effects the process ends, between two of them. */
  endAfterEffects(count: number, losesPower: boolean): void {
    this.#effectsLeft = { count, losesPower };
  }

  survivesEffect(): boolean {
    const left = this.#effectsLeft;
    if (left === undefined || left.count-- > 0) return true;
    this.#world.tally.mark("died between two effects");
    this.end(left.losesPower, "killed amid its effects");
    return false;
  }

  /** A majority says that this node's state is wrong. */
  convicted(index: number): void {
    if (!this.isStateRotten) violated("only the guilty are convicted", `node ${this.id} at index ${index}`);
    this.#world.tally.mark("rotten state convicted");
    this.#retire("its state was convicted");
    this.end(false, "quarantined");
  }

  /** A scrub would find what rotted before the next milestone does. */
  scrub(): void {
    if (!this.isStateRotten || this.retired !== undefined) return;
    this.#retire("its state rotted");
    this.end(false, "scrubbed");
  }

  heardLog(text: string): void {
    const mark = TOLD.get(text);
    if (mark !== undefined) this.#world.tally.mark(mark);
  }

  syncMs(): number {
    const { choices, swarm, time } = this.#world;
    const ms = (1 + choices.below(swarm.maxSyncMs * 10)) / 10;
    return time.now < this.diskSlowUntil ? ms * SLOW_FACTOR : ms;
  }

  nextIncarnation(): number {
    return ++this.#incarnation;
  }

  addGeneration(index: number, table: SimulatedTable): string {
    const name = `state-${index}-${this.id}-${this.#generations++}`;
    this.#tables.set(name, table);
    return name;
  }

  removeGeneration(name: string): void {
    this.#tables.delete(name);
  }

  /** With benign choices no two nodes wait equally long before they campaign. */
  random(): Random {
    const { choices } = this.#world;
    const apart = this.id * 3 - 3;
    const life = this.#lives * 7_919 + this.id;
    return {
      below: (bound) => (bound > LARGEST_DRAW ? life % bound : (choices.below(bound) + apart) % bound),
    };
  }

  #run(wal: WalContents): void {
    const generation = wal.installed?.generation ?? INITIAL_GENERATION;
    const table = this.#tables.get(generation);
    if (table === undefined) violated("a generation that is named is there", `${generation} of node ${this.id}`);
    for (const name of this.#tables.keys()) if (name !== generation) this.#tables.delete(name);
    this.#lives++;
    const process = new ReplicaProcess({ world: this.#world, node: this, wal, generation, table });
    this.process = process;
    if (process.state.appliedIndex > Math.max(this.#world.oracle.commit, this.#world.first.metadata.index))
      violated("what is applied is committed", `node ${this.id} comes back at index ${process.state.appliedIndex}`);
    if (process.confState.votersOutgoing.length > 0) this.#world.tally.mark("started in a joint configuration");
    this.#world.network.plug(process);
    process.start();
  }

  #retire(why: string): void {
    this.retired = why;
    this.#world.transcript?.note(`node ${this.id} is out: ${why}`);
  }

  #identity(): { readonly nodeId: NodeId; readonly clusterId: Uint8Array } {
    return { nodeId: this.id, clusterId: new Uint8Array(0) };
  }
}
