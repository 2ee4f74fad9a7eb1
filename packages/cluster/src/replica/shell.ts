/**
 * The replica in the real world: it joins the step machine with the WAL, the table, the network, the clock and the
 * workers' channels. Everything that comes is an event for the next turn, and a turn runs when all input that has arrived
 * was read (`timers.immediate`), the tick too: a heartbeat that waits in a socket must be heard before time counts against
 * its sender. Any failure that could leave the replica wrong ends it, through `onFatal`, for good.
 */
import type { Readable } from "node:stream";
import type { NodeId, Term } from "@strongroom/raft";
import { asError, assert, type Cancel, utf8 } from "@strongroom/runtime";
import type { Table } from "@strongroom/storage";
import type { CommandAuthenticator } from "../authenticator.ts";
import { DiskKeeper } from "../disk/disk-keeper.ts";
import type { ClusterStatus } from "../port/cluster-status.ts";
import type { ReplicaToWorker, WorkerToReplica } from "../port/messages.ts";
import type { ReplicaChannel } from "../port/worker-port.ts";
import { Scrubber } from "../scrub/scrubber.ts";
import { SnapshotSink } from "../snapshot/sink.ts";
import { SnapshotSource } from "../snapshot/source.ts";
import type { ReceivedSnapshot } from "../snapshot/types.ts";
import { INITIAL_GENERATION } from "../state/generation-store.ts";
import { StateMachine, type StateMachineOptions } from "../state/state-machine.ts";
import { NewerClusterError } from "../version/cluster-version.ts";
import type { WalHandle } from "../wal/types.ts";
import { AuthenticatorGate } from "./authenticator-gate.ts";
import { ControlPlane } from "./control-plane.ts";
import type { Effect } from "./effects.ts";
import type { Instant } from "./log-clock.ts";
import { QuarantineError } from "./quarantine.ts";
import { logStart, readRemoved } from "./recovered.ts";
import { Replica } from "./replica.ts";
import { ReplicaMetrics } from "./replica-metrics.ts";
import type { ReplicaShellOptions, ReplicaShellParts } from "./shell-options.ts";
import { receiveSnapshot, sendSnapshot } from "./snapshot-transfer.ts";

interface Worker {
  readonly channel: ReplicaChannel;
  /** The generation that it has open. */
  generation: string;
}

/** A generation that was received and waits to be switched in or discarded. */
interface Standby {
  readonly generation: string;
  readonly table: Table;
}

const STALL_TICKS = 4;
const HAND_OVER_POLL_MS = 10;

export class ReplicaShell {
  readonly #options: ReplicaShellOptions;
  readonly #parts: ReplicaShellParts;
  readonly #replica: Replica;
  readonly #metrics: ReplicaMetrics;
  readonly #gate: AuthenticatorGate;
  readonly #wal: WalHandle;
  readonly #scrubber: Scrubber;
  readonly #disk: DiskKeeper;
  readonly #control: ControlPlane;
  readonly #workers = new Map<number, Worker>();
  #generation: string;
  #table: Table;
  #standby: Standby | undefined;
  /** The generation before this one, until nobody has it open and it is removed. */
  #retired: Table | undefined;
  #retiring = false;
  #receiving = false;
  #nextWorker = 1;
  #scheduled = false;
  #stopTicks: Cancel = () => {};
  #lastTickMs: number;
  /** What uses the table and is under way, so that closing can wait for it. */
  #underWay = 0;
  #onQuiet: (() => void) | undefined;
  #ended = false;

  private constructor(
    options: ReplicaShellOptions,
    parts: ReplicaShellParts,
    open: { readonly table: Table; readonly generation: string; readonly removed: readonly NodeId[] },
  ) {
    this.#options = options;
    this.#parts = parts;
    this.#table = open.table;
    this.#generation = open.generation;
    this.#gate = new AuthenticatorGate(parts.authenticator);
    const now = this.#now();
    this.#lastTickMs = now.monotonicMs;
    const state = StateMachine.open(open.table, this.#stateOptions());
    const log = logStart(parts.wal, state);
    const { random } = parts;
    const { generation, removed } = open;
    this.#replica = new Replica(options, { log, state, generation, removed, gate: this.#gate, random }, now);
    this.#metrics = new ReplicaMetrics(parts.metrics);
    this.#wal = parts.openWal(parts.wal, {
      onSynced: (token) => {
        this.#metrics.synced(token, parts.clock.monotonicMs());
        this.#event(() => this.#replica.synced(token));
      },
      onFatal: (error) => this.#fatal(error),
    });
    const { clock, timers, logger } = parts;
    this.#disk = new DiskKeeper(options.disk, {
      space: parts.diskSpace,
      timers,
      logger,
      onLook: (found) => {
        this.#metrics.diskLooked(found);
        this.#event(() => this.#replica.diskLooked(found.isLow));
      },
    });
    this.#scrubber = new Scrubber(options.scrub, {
      clock,
      timers,
      table: () => this.#table,
      onResult: (result) => {
        this.#metrics.scrubbed(result);
        this.#event(() => this.#replica.scrubbed(result));
      },
      onPutOff: (error) => logger.warn("the rows on the disk could not be looked at; it is tried again", { error }),
      onError: (error) => this.#fatal(error),
    });
    this.#control = new ControlPlane(options.id, parts.transport, (worker, message) => this.#post(worker, [message]));
  }

  /** Opens the state that the log names, and joins in. */
  static async open(options: ReplicaShellOptions, parts: ReplicaShellParts): Promise<ReplicaShell> {
    const generation = parts.wal.installed?.generation ?? INITIAL_GENERATION;
    await parts.generations.retainOnly(generation);
    const table = await parts.generations.open(generation);
    const shell = new ReplicaShell(options, parts, { table, generation, removed: await readRemoved(table) });
    shell.#start();
    return shell;
  }

  /** A worker has come. It hears `attached` first of all. */
  async attach(channel: ReplicaChannel): Promise<void> {
    const incarnation = await this.#parts.incarnations.next();
    if (this.#ended) return channel.close();
    const worker = this.#nextWorker++;
    this.#workers.set(worker, { channel, generation: this.#generation });
    this.#event(() => this.#replica.attachWorker(worker, incarnation));
    channel.onMessage((messages) => this.#fromWorker(worker, messages));
    channel.onClose(() => this.#detach(worker));
  }

  status(): ClusterStatus {
    return this.#replica.status();
  }

  /** Before a planned stop: hands leadership over if this node leads, and waits for it, not longer than `timeoutMs`. */
  async handOver(timeoutMs: number): Promise<void> {
    if (this.status().state !== "leader" || !this.#replica.handOver()) return;
    this.#event(() => {});
    const deadlineMs = this.#parts.clock.monotonicMs() + timeoutMs;
    while (this.status().state === "leader" && this.#parts.clock.monotonicMs() < deadlineMs)
      await new Promise<void>((resolve) => this.#parts.timers.after(HAND_OVER_POLL_MS, resolve));
  }

  /** Ends everything; what was appended is durable when it resolves. Idempotent. */
  async close(): Promise<void> {
    const wasRunning = !this.#ended;
    this.#end();
    if (!wasRunning) return;
    await this.#parts.transport.close();
    await this.#wal.close();
    await this.#scrubber.stop();
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
    await this.#table.close();
    await this.#standby?.table.close();
    await this.#retired?.close();
  }

  #start(): void {
    const { transport, timers } = this.#parts;
    transport.listen({
      onMessages: (from, senderWallMs, messages) => {
        this.#metrics.received(from, messages, this.#parts.clock.monotonicMs());
        this.#event(() => this.#replica.receive(from, senderWallMs, messages));
      },
      onPeerUp: (id) => this.#event(() => this.#replica.peerUp(id)),
      onPeerDown: (id) => {
        this.#metrics.peerDown(id);
        this.#event(() => this.#replica.peerDown(id));
      },
      onSnapshotStream: (from, stream) => void this.#receiveSnapshot(from, stream),
    });
    this.#stopTicks = timers.every(this.#options.tickMs, () => this.#tick());
    this.#scrubber.start();
    this.#disk.start();
    this.#event(() => {});
  }

  #stateOptions(): StateMachineOptions {
    const { supportedVersion, milestoneEvery } = this.#options;
    const every = milestoneEvery === undefined ? {} : { milestoneEvery };
    return { authenticator: this.#gate, supportedVersion, ...every };
  }

  #now(): Instant {
    const { clock } = this.#parts;
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  #tick(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const gapMs = Math.round(nowMs - this.#lastTickMs);
    this.#lastTickMs = nowMs;
    this.#metrics.look(this.#replica.status());
    if (gapMs > STALL_TICKS * this.#options.tickMs) this.#stalled(gapMs);
    this.#event(() => this.#replica.tick());
  }

  #stalled(gapMs: number): void {
    this.#metrics.stalled(gapMs);
    const text = "the replica's thread stood still; if this is frequent, the machine is overloaded";
    this.#parts.logger.warn(text, { gapMs });
  }

  /** Tells the replica something, and lets a turn follow. */
  #event(tell: () => void): void {
    if (this.#ended) return;
    tell();
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.timers.immediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#ended) return;
    try {
      for (const effect of this.#replica.turn(this.#now())) this.#perform(effect);
    } catch (thrown) {
      this.#fatal(asError(thrown));
    }
  }

  #perform(effect: Effect): void {
    const { transport, logger, clock } = this.#parts;
    this.#metrics.performing(effect, clock.monotonicMs());
    switch (effect.type) {
      case "send":
        if (!transport.send(effect.to, effect.messages)) this.#event(() => this.#replica.peerUnreachable(effect.to));
        return;
      case "append":
        this.#wal.append(effect.group);
        return;
      case "cut":
        this.#wal.cut(effect.below);
        return;
      case "write":
        this.#work(this.#table.write(effect.ops), () => this.#replica.written(effect.token));
        return;
      case "write-local":
        this.#work(this.#table.write([effect.op]), () => {});
        return;
      case "flush":
        this.#work(this.#table.flush(), () => this.#replica.flushed(effect.token));
        return;
      case "post":
        this.#post(effect.worker, effect.messages);
        return;
      case "send-snapshot":
        void this.#sendSnapshot(effect.to, effect.term);
        return;
      case "switch-generation":
        this.#switchGeneration(effect.generation);
        return;
      case "discard-generation":
        void this.#discardStandby(effect.generation);
        return;
      case "set-peers":
        transport.setPeers(effect.peers);
        transport.setRemoved(effect.removed);
        return;
      case "disconnect":
        transport.disconnect(effect.peer);
        return;
      case "quarantine":
        this.#fatal(new QuarantineError(effect.index, effect.reason));
        return;
      case "log":
        logger[effect.level](effect.text, effect.fields);
        return;
    }
  }

  #work(promise: Promise<void>, done: () => void): void {
    this.#underWay++;
    promise.then(
      () => {
        this.#event(done);
        this.#workDone();
      },
      (error: unknown) => {
        this.#fatal(asError(error));
        this.#workDone();
      },
    );
  }

  #workDone(): void {
    this.#underWay--;
    if (this.#underWay === 0) this.#onQuiet?.();
  }

  // Workers

  #post(worker: number, messages: readonly ReplicaToWorker[]): void {
    this.#workers.get(worker)?.channel.post(messages);
  }

  #fromWorker(worker: number, messages: readonly WorkerToReplica[]): void {
    for (const message of messages) {
      if (message.type === "call") this.#control.call(worker, message);
      else if (message.type === "serve") this.#control.serve(worker, message.method);
      else if (message.type === "served") this.#control.served(message.id, message.outcome);
      else if (message.type === "generation-opened") this.#generationOpened(worker, message.generation);
    }
    this.#event(() => this.#replica.fromWorker(worker, messages));
  }

  #detach(worker: number): void {
    if (!this.#workers.delete(worker)) return;
    this.#control.detach(worker);
    this.#event(() => this.#replica.detachWorker(worker));
    void this.#retireOld();
  }

  // Snapshots and generations

  async #sendSnapshot(to: NodeId, term: number): Promise<void> {
    const stream = this.#parts.transport.openSnapshotStream(to);
    let ok = false;
    this.#underWay++;
    try {
      await sendSnapshot(this.#snapshotSource().stream(), term, stream);
      ok = true;
    } catch (error) {
      this.#parts.logger.warn("a snapshot could not be sent; it will be tried again", { to, error: asError(error) });
    }
    this.#event(() => this.#replica.snapshotSent(to, ok));
    this.#workDone();
  }

  async #receiveSnapshot(from: NodeId, stream: Readable): Promise<void> {
    // One at a time: a second sender is a newer leader, which tries again.
    if (this.#receiving || this.#standby !== undefined || this.#retired !== undefined || this.#ended) {
      stream.destroy();
      return;
    }
    this.#receiving = true;
    this.#underWay++;
    try {
      const { term, content } = await receiveSnapshot(stream);
      await this.#takeSnapshot(from, term, await this.#buildGeneration(content));
    } catch (error) {
      stream.destroy();
      // Nobody in this cluster has another.
      if (error instanceof NewerClusterError) this.#fatal(error);
      this.#parts.logger.warn("a snapshot was refused; its sender will try again", { from, error: asError(error) });
    } finally {
      this.#receiving = false;
      this.#workDone();
    }
  }

  #snapshotSource(): SnapshotSource {
    const { snapshotSigner } = this.#parts;
    const signer = this.#gate.isOpen ? snapshotSigner : undefined;
    return new SnapshotSource(this.#table.snapshot(), {
      clusterId: utf8(this.#options.clusterId() ?? ""),
      nodeId: this.#options.id,
      ...(signer === undefined ? {} : { signer }),
    });
  }

  async #buildGeneration(content: AsyncIterable<Uint8Array>): Promise<ReceivedSnapshot> {
    const { generations, snapshotAuthenticator } = this.#parts;
    const authenticator: CommandAuthenticator = {
      verify: (...args) => (this.#gate.isOpen ? snapshotAuthenticator.verify(...args) : "sealed"),
    };
    const clusterId = utf8(this.#options.clusterId() ?? "");
    const sink = new SnapshotSink({ clusterId }, { generations, authenticator });
    try {
      for await (const chunk of content) await sink.write(chunk);
      return await sink.finish();
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }

  async #takeSnapshot(from: NodeId, term: Term, received: ReceivedSnapshot): Promise<void> {
    const { generations, logger } = this.#parts;
    // An open node believes only what an open node signed; a sealed one cannot tell, and is checked when it is opened.
    if (this.#gate.isOpen && received.authenticity !== "ok") {
      logger.warn("a snapshot that bears no signature of this cluster was refused", { from });
      await generations.retainOnly(this.#generation);
      return;
    }
    const { generation, header } = received;
    const table = await generations.open(generation);
    const removed = await readRemoved(table);
    const state = StateMachine.open(table, this.#stateOptions());
    assert(state.appliedIndex === header.metadata.index, "a snapshot's header tells its index");
    if (this.#ended) return table.close();
    this.#standby = { generation, table };
    const { metadata } = header;
    const unverified = received.authenticity !== "ok";
    this.#event(() => this.#replica.snapshotReceived({ from, term, metadata, generation, state, removed, unverified }));
  }

  #switchGeneration(generation: string): void {
    const standby = this.#standby;
    assert(standby?.generation === generation, "what is switched in has been received");
    this.#standby = undefined;
    this.#retired = this.#table;
    this.#table = standby.table;
    this.#generation = generation;
    void this.#retireOld();
  }

  #generationOpened(worker: number, generation: string): void {
    const known = this.#workers.get(worker);
    if (known !== undefined) known.generation = generation;
    void this.#retireOld();
  }

  /** Closes and removes the old generation once no worker has it open: who opened it first closes it last. */
  async #retireOld(): Promise<void> {
    const old = this.#retired;
    if (old === undefined || this.#retiring) return;
    if ([...this.#workers.values()].some((worker) => worker.generation !== this.#generation)) return;
    this.#retiring = true;
    try {
      // A pass over the old one is of no use any more; one over the new one begins anew.
      await this.#scrubber.stop();
      if (!this.#ended) this.#scrubber.start();
      await old.close();
      await this.#parts.generations.retainOnly(this.#generation);
    } catch (error) {
      this.#fatal(asError(error));
    }
    this.#retired = undefined;
    this.#retiring = false;
  }

  async #discardStandby(generation: string): Promise<void> {
    const standby = this.#standby;
    assert(standby?.generation === generation, "what is discarded has been received");
    try {
      await standby.table.close();
      await this.#parts.generations.retainOnly(this.#generation);
    } catch (error) {
      this.#parts.logger.warn("a generation of no use could not be removed", { generation, error: asError(error) });
    }
    this.#standby = undefined;
  }

  #fatal(error: Error): void {
    if (this.#ended) return;
    this.#end();
    this.#parts.logger.error("this replica stops, since going on could be wrong", { error });
    this.#parts.onFatal(error);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#disk.stop();
    this.#stopTicks();
    for (const { channel } of this.#workers.values()) channel.close();
    this.#workers.clear();
  }
}
