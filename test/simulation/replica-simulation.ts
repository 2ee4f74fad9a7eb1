/**
 * Whole replicas under a choice sequence: clients on every node, a nemesis, an oracle that hears everything. At the end the
 * trouble stops, for all or for a core only, and then the cluster has to come to rest: every open operation ended, and every
 * end true.
 */
import {
  BOOTSTRAP_INDEX,
  bootstrapRows,
  decodeReplicaState,
  encodeReplicaState,
  REPLICA_STATE_KEY,
} from "@strongroom/cluster";
import { type ConfState, type NodeId, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { present } from "@strongroom/runtime";
import { decodeRow, mapKey } from "@strongroom/storage";
import { WALL_START_MS } from "./replica-clock.ts";
import { drawCore } from "./replica-core.ts";
import { History } from "./replica-history.ts";
import { ReplicaNemesis } from "./replica-nemesis.ts";
import { ReplicaNetwork } from "./replica-network.ts";
import { SimulatedNode } from "./replica-node.ts";
import { ReplicaOracle } from "./replica-oracle.ts";
import { drawReplicaSwarm } from "./replica-swarm.ts";
import { COUNTER, rowKey } from "./replica-worker.ts";
import type { ReplicaWorld } from "./replica-world.ts";
import type { SimulationOptions } from "./run.ts";
import { Tally } from "./tally.ts";
import { Transcript } from "./transcript.ts";
import { violated } from "./violation.ts";
import { VirtualTime } from "./virtual-time.ts";

const RUNAWAY_LIMIT_MS = 60_000;
const CALM_LIMIT_MS = 60_000;
/** Elections that a healed group may need. */
const CALM_TERMS = 10;
/** The condition is dear, an event cheap. */
const LOOK_EVERY = 64;

export class ReplicaSimulation {
  readonly tally: Tally = new Tally();
  readonly time: VirtualTime = new VirtualTime();
  readonly transcript: Transcript | undefined;
  readonly #options: SimulationOptions;
  readonly #world: ReplicaWorld;
  readonly #nodes = new Map<NodeId, SimulatedNode>();
  readonly #nemesis: ReplicaNemesis;
  #trouble = true;
  /** Virtual time that the cluster needed to come to rest. */
  calm = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { choices } = options;
    const { tally, time } = this;
    this.transcript = options.transcribed ? new Transcript(() => time.now) : undefined;
    const swarm = drawReplicaSwarm(choices);
    const ids = Array.from({ length: swarm.voters + swarm.spares }, (_, i) => toNodeId(i + 1));
    const voters = ids.slice(0, swarm.voters);
    const node = (id: NodeId): SimulatedNode => present(this.#nodes.get(id), "messages go to nodes that there are");
    // One clock may be anywhere. It is believed for a minute beyond the others, and for longer only by a majority of its own.
    const isTimeSafe = swarm.voters >= 3 && swarm.membershipPercent === 0;
    const oracle = new ReplicaOracle({
      tally,
      mirrorOf: (id) => node(id).mirror,
      confOf: (id) => present(node(id).process, "what acts is running").confState,
      latestLogTimeMs: () =>
        isTimeSafe
          ? WALL_START_MS + time.now * (1 + swarm.maxDriftPercent / 100) + RUNAWAY_LIMIT_MS + swarm.maxSkewMs
          : Number.POSITIVE_INFINITY,
    });
    const network = new ReplicaNetwork({
      time,
      choices,
      onLost: (kind) => tally.fault(kind),
    });
    network.lossPercent = swarm.lossPercent;
    network.maxDelayMs = swarm.maxDelayMs;
    this.#world = {
      time,
      choices,
      swarm,
      network,
      oracle,
      history: new History(tally),
      tally,
      transcript: this.transcript,
      lyingDisks: options.lyingDisks === true,
      nodes: this.#nodes,
      first: firstState(votersOnly(voters), swarm.firstIndex),
    };
    this.transcript?.note(`swarm ${JSON.stringify(swarm)}`);
    for (const id of ids) {
      const made = new SimulatedNode(id, this.#world, id <= swarm.voters);
      made.clock.rate = 1 + choices.below(swarm.maxDriftPercent + 1) / 100;
      made.clock.wallOffsetMs = choices.below(swarm.maxSkewMs + 1);
      this.#nodes.set(id, made);
    }
    this.#nemesis = new ReplicaNemesis(this.#world);
  }

  get history(): History {
    return this.#world.history;
  }

  run(): void {
    const { swarm } = this.#world;
    for (const node of this.#nodes.values()) node.start();
    this.#repeat(swarm.clientMs, () => this.#clientActs());
    this.#repeat(swarm.nemesisMs, () => this.#nemesis.act());
    while (this.time.events < this.#options.events) this.time.step();
    this.#trouble = false;
    this.#calm();
    this.#checkFinal();
  }

  #repeat(meanMs: number, act: () => void): void {
    this.time.after(1 + this.#world.choices.below(2 * meanMs), () => {
      if (!this.#trouble) return;
      act();
      this.#repeat(meanMs, act);
    });
  }

  #clientActs(): void {
    const { choices } = this.#world;
    const workers = choices.pick([...this.#nodes.values()]).process?.workers;
    if (workers !== undefined && workers.size > 0) choices.pick([...workers.values()]).act();
  }

  // From here on nothing goes wrong among `core`, and the rest stays as it is.
  #calm(): void {
    const { network, choices, oracle } = this.#world;
    for (const node of this.#nodes.values()) node.scrub();
    const core = drawCore(this.#world, this.#options.liveness === true);
    this.transcript?.note(`calm among ${[...core].map(({ id }) => id).join(" ")}`);
    network.lossPercent = 0;
    network.maxDelayMs = Math.min(network.maxDelayMs, 20);
    for (const node of this.#nodes.values()) {
      node.mayRestart = core.has(node);
      // A leader that was not healed and has the wrong time would refuse all that others propose.
      node.clock.wallOffsetMs = 0;
      if (core.has(node)) node.recover();
      else if (choices.chance(20)) node.pausedUntil = Number.POSITIVE_INFINITY;
    }
    for (const { id: from } of core) for (const { id: to } of core) network.mend(from, to);
    for (const node of core) node.start();
    const start = this.time.now;
    const { highestTerm: terms, commit } = oracle;
    this.#probe(core);
    for (let quiet = 0; ; quiet++) {
      if (quiet % LOOK_EVERY === 0 && oracle.commit > commit && this.#isAtRest(core)) break;
      this.time.step();
      if (this.time.now > start + CALM_LIMIT_MS)
        violated("liveness", `the cluster did not come to rest within ${CALM_LIMIT_MS} ms: ${this.#describe()}`);
    }
    if (oracle.highestTerm > terms + CALM_TERMS)
      violated("liveness", `terms went from ${terms} to ${oracle.highestTerm} without a fault`);
    this.calm = this.time.now - start;
  }

  // Each of the core writes once more, as soon as it can.
  #probe(core: ReadonlySet<SimulatedNode>): void {
    for (const node of core)
      this.time.after(1 + this.#world.choices.below(1_000), () => {
        for (const worker of node.process?.workers.values() ?? []) worker.probe();
      });
  }

  #isAtRest(core: ReadonlySet<SimulatedNode>): boolean {
    const leader = this.#leader();
    if (leader?.process === undefined) return false;
    const { voters, votersOutgoing, learners } = leader.process.confState;
    if (votersOutgoing.length > 0) return false;
    const { appliedIndex } = leader.process.state;
    if (leader.mirror.lastIndex !== appliedIndex) return false;
    // It need not be of the core, and its table is what is looked at in the end.
    if (leader.process.replica.status().appliedIndex !== appliedIndex) return false;
    const members = new Set([...voters, ...learners]);
    const { network } = this.#world;
    for (const node of core) {
      if (!members.has(node.id)) continue;
      // A leader that was not healed leads on if a quorum hears it, and whom it does not reach goes without.
      if (network.isCut(leader.id, node.id) || network.isCut(node.id, leader.id)) continue;
      if (node.process?.state.appliedIndex !== appliedIndex) return false;
      if (node.process.replica.status().appliedIndex !== appliedIndex) return false;
      for (const worker of node.process.workers.values()) if (worker.openCount > 0) return false;
    }
    return true;
  }

  // It may be one that was not healed and can do its work all the same.
  #leader(): SimulatedNode | undefined {
    let found: SimulatedNode | undefined;
    let highest = 0;
    for (const node of this.#nodes.values()) {
      if (node.process === undefined || node.mirror.term < highest) continue;
      if (node.process.replica.status().state !== "leader") continue;
      found = node;
      highest = node.mirror.term;
    }
    return found;
  }

  #describe(): string {
    return [...this.#nodes.values()]
      .map((node) => {
        const { process } = node;
        if (process === undefined)
          return `node ${node.id} is down${node.retired === undefined ? "" : ` (${node.retired})`}`;
        const status = process.replica.status();
        const open = [...process.workers.values()].map(({ openCount }) => openCount).join("+");
        return `node ${node.id} ${status.state} term ${status.term} applied ${status.appliedIndex} of ${status.commitIndex} log ${node.mirror.lastIndex} with voters ${process.confState.voters.join(",")} and ${process.confState.votersOutgoing.join(",")}, ${open} open`;
      })
      .join("; ");
  }

  #checkFinal(): void {
    const { table } = present(this.#leader()?.process, "a cluster at rest has a leader");
    const counter = table.getSync(rowKey(COUNTER));
    this.#world.history.checkFinal(
      (key) => {
        const bytes = table.getSync(rowKey(key));
        return bytes === undefined ? undefined : decodeRow(bytes).revision;
      },
      counter === undefined ? 0 : Number.parseInt(Buffer.from(decodeRow(counter).value).toString(), 10),
    );
  }
}

/** All of `voters` vote. */
function votersOnly(voters: readonly NodeId[]): ConfState {
  return { voters: [...voters], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}

/** A state with nothing in it but its configuration, as a cluster has it whose log begins above `index`. */
function firstState(confState: ConfState, index: number): ReplicaWorld["first"] {
  const rows = new Map(bootstrapRows(confState).map(({ key, value }) => [mapKey(key), value]));
  const own = mapKey(REPLICA_STATE_KEY);
  const state = decodeReplicaState(present(rows.get(own), "a state knows its index"));
  const appliedIndex = toIndex(Math.max(BOOTSTRAP_INDEX, index));
  rows.set(own, encodeReplicaState({ ...state, appliedIndex }));
  return { metadata: { index: appliedIndex, term: toTerm(1), confState }, rows };
}
