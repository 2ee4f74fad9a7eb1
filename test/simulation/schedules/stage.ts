/**
 * A stage for schedules: a handful of simulated machines on which nothing is left to chance. Messages take a tenth of a
 * millisecond, disks no longer, and nothing fails but what the schedule lets fail: it cuts links, swallows single messages, ends
 * processes and sets clocks. The simulation's oracle listens all the while.
 */
import {
  BOOTSTRAP_INDEX,
  bootstrapRows,
  decodeReplicaState,
  encodeReplicaState,
  type PeerMessage,
  REPLICA_STATE_KEY,
} from "@strongroom/cluster";
import { type ConfState, type NodeId, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { present } from "@strongroom/runtime";
import { decodeRow, mapKey } from "@strongroom/storage";
import { Choices } from "../choices.ts";
import { History } from "../replica-history.ts";
import { ReplicaNetwork } from "../replica-network.ts";
import { SimulatedNode } from "../replica-node.ts";
import { ReplicaOracle } from "../replica-oracle.ts";
import type { ReplicaProcess } from "../replica-process.ts";
import { drawReplicaSwarm, type ReplicaSwarm } from "../replica-swarm.ts";
import { rowKey } from "../replica-worker.ts";
import type { ReplicaWorld } from "../replica-world.ts";
import { Tally } from "../tally.ts";
import { VirtualTime } from "../virtual-time.ts";
import { Client } from "./client.ts";

export interface StageOptions {
  readonly voters: number;
  readonly swarm?: Partial<ReplicaSwarm>;
}

/** Says of a message whether it is lost on its way. */
export type Loss = (message: PeerMessage, from: NodeId, to: NodeId) => boolean;

/** Machines that are there, of which the others' addresses may not be known to all. */
class Machines extends Map<NodeId, SimulatedNode> {
  known: readonly NodeId[] = [];

  override *keys(): MapIterator<NodeId> {
    yield* this.known;
  }
}

const LIMIT_MS = 30_000;

export class Stage {
  readonly time: VirtualTime = new VirtualTime();
  readonly world: ReplicaWorld;
  /** All that was sent, lost or not. */
  readonly sent: { readonly from: NodeId; readonly to: NodeId; readonly message: PeerMessage }[] = [];
  /** What is lost, besides what cut links lose. */
  loses: Loss = () => false;
  readonly #nodes = new Machines();

  constructor({ voters, swarm = {} }: StageOptions) {
    const choices = Choices.given([]);
    const ids = Array.from({ length: voters }, (_, i) => toNodeId(i + 1));
    const tally = new Tally();
    const { time } = this;
    const network = new ReplicaNetwork({ time, choices, onLost: () => {} });
    const oracle = new ReplicaOracle({
      tally,
      mirrorOf: (id) => this.node(id).mirror,
      confOf: (id) => this.process(id).confState,
      latestLogTimeMs: () => Number.POSITIVE_INFINITY,
    });
    const drawn: ReplicaSwarm = { ...drawReplicaSwarm(choices), workers: 0, ...swarm };
    this.world = {
      time,
      choices,
      swarm: drawn,
      network,
      oracle,
      history: new History(tally),
      tally,
      transcript: undefined,
      lyingDisks: false,
      nodes: this.#nodes,
      first: firstState(votersOnly(ids), drawn.firstIndex),
    };
    const send = network.send.bind(network);
    network.send = (plug, to, messages) => {
      for (const message of messages) this.sent.push({ from: plug.id, to, message });
      return send(
        plug,
        to,
        messages.filter((message) => !this.loses(message, plug.id, to)),
      );
    };
    for (const id of ids) this.add(id, true);
    for (const id of ids) this.node(id).start();
  }

  /** A machine that the others do not know of before it is a member. */
  add(id: NodeId, isMember = false): SimulatedNode {
    const node = new SimulatedNode(id, this.world, isMember);
    this.#nodes.set(id, node);
    if (isMember) this.#nodes.known = [...this.#nodes.known, id];
    return node;
  }

  node(id: number): SimulatedNode {
    return present(this.#nodes.get(toNodeId(id)), "the machine is on the stage");
  }

  process(id: number): ReplicaProcess {
    return present(this.node(id).process, `node ${id} runs`);
  }

  /** A worker of a node, with a client that says what it proposes. It opens the node unless that is to stay sealed. */
  client(id: number, options: { readonly opens?: boolean } = {}): Client {
    return new Client(this, this.process(id), options.opens ?? true);
  }

  /** Lets things happen until `holds`, but not for ever. */
  until(holds: () => boolean, what: string): void {
    const limit = this.time.now + LIMIT_MS;
    while (!holds()) {
      if (this.time.now > limit) throw new Error(`it did not come to hold that ${what}`);
      this.time.step();
    }
  }

  pass(ms: number): void {
    const end = this.time.now + ms;
    let over = false;
    this.time.at(end, () => {
      over = true;
    });
    while (!over) this.time.step();
  }

  /** Waits until a node leads whom a majority follows; `among` some, if told. */
  leader(among: readonly number[] = [...this.#nodes.values()].map(({ id }) => id)): number {
    let leader = 0;
    this.until(
      () => {
        leader =
          among.find((id) => {
            const process = this.node(id).process;
            if (process === undefined || process.replica.status().state !== "leader") return false;
            const { term } = process.replica.status();
            const followers = [...this.#nodes.values()].filter(({ process: other }) => {
              const status = other?.replica.status();
              return status?.leaderId === id && status.term === term;
            });
            return followers.length > process.confState.voters.length / 2;
          }) ?? 0;
        return leader !== 0;
      },
      `one of ${among.join(", ")} leads`,
    );
    return leader;
  }

  /** Moves leadership to `id`. */
  lead(id: number): void {
    this.leader();
    this.until(() => {
      const process = this.process(id);
      if (process.replica.status().state === "leader") return true;
      const { leaderId } = process.replica.status();
      if (leaderId !== 0) this.client(leaderId, { opens: false }).transfer(id);
      this.pass(500);
      return false;
    }, `node ${id} leads`);
    this.leader([id]);
  }

  /** Nothing passes between the two groups. */
  part(one: readonly number[], other: readonly number[]): void {
    for (const a of one)
      for (const b of other) {
        this.world.network.cut(toNodeId(a), toNodeId(b));
        this.world.network.cut(toNodeId(b), toNodeId(a));
      }
  }

  heal(): void {
    this.world.network.heal();
  }

  /** All running nodes hold the same. */
  agree(ids: readonly number[]): void {
    this.until(() => {
      const seen = ids.flatMap((id) => {
        const { state, replica } = this.process(id);
        const { appliedIndex, commitIndex } = replica.status();
        return [state.appliedIndex, appliedIndex, commitIndex, this.node(id).mirror.lastIndex];
      });
      return new Set<number>(seen).size === 1;
    }, "all have applied as much");
    const texts = new Set(ids.map((id) => Buffer.from(this.process(id).state.digest()).toString("hex")));
    if (texts.size !== 1) throw new Error("states differ at one index");
  }

  /** The value and the place of a row of the barrier's, as a node's table has it. */
  row(id: number, name: string): { readonly text: string; readonly index: number } | undefined {
    const bytes = this.process(id).table.getSync(rowKey(name));
    if (bytes === undefined) return undefined;
    const { value, revision } = decodeRow(bytes);
    return { text: Buffer.from(value).toString(), index: revision.index };
  }
}

function votersOnly(voters: readonly NodeId[]): ConfState {
  return { voters: [...voters], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}

function firstState(confState: ConfState, index: number): ReplicaWorld["first"] {
  const rows = new Map(bootstrapRows(confState).map(({ key, value }) => [mapKey(key), value]));
  const own = mapKey(REPLICA_STATE_KEY);
  const state = decodeReplicaState(present(rows.get(own), "a state knows its index"));
  const appliedIndex = toIndex(Math.max(BOOTSTRAP_INDEX, index));
  rows.set(own, encodeReplicaState({ ...state, appliedIndex }));
  return { metadata: { index: appliedIndex, term: toTerm(1), confState }, rows };
}
