/** A process's way to send its state to a peer and to take in a peer's; the stream itself is not simulated, its end is. */
import { StateMachine } from "@strongroom/cluster";
import type { NodeId, Term } from "@strongroom/raft";
import type { SimulatedNode } from "./replica-node.ts";
import type { ReplicaProcess } from "./replica-process.ts";
import { SimulatedTable } from "./replica-table.ts";
import type { ReplicaWorld } from "./replica-world.ts";
import { violated } from "./violation.ts";

export interface Standby {
  readonly generation: string;
  readonly table: SimulatedTable;
  readonly state: StateMachine;
}

export interface SnapshotPortParts {
  readonly world: ReplicaWorld;
  readonly node: SimulatedNode;
  readonly process: ReplicaProcess;
}

export class SnapshotPort {
  readonly #parts: SnapshotPortParts;
  #standby: Standby | undefined;

  constructor(parts: SnapshotPortParts) {
    this.#parts = parts;
  }

  send(to: NodeId, term: number): void {
    const { world, node, process } = this.#parts;
    const { choices, swarm, tally, network } = world;
    const rows = process.table.rows();
    process.later(1 + choices.below(swarm.maxSnapshotMs), () => {
      const peer = world.nodes.get(to)?.process;
      const arrives = peer !== undefined && !network.isCut(node.id, to) && !choices.chance(swarm.snapshotLossPercent);
      // Its rows do not add up to the digest that it states, which the receiver checks.
      const sound = !node.isStateRotten;
      const ok = arrives && sound && !peer.removed.has(node.id) && peer.takeSnapshot(node.id, term, rows);
      tally.mark(ok ? "snapshot arrived" : arrives ? "snapshot refused" : "snapshot lost");
      process.tell(() => process.replica.snapshotSent(to, ok));
    });
  }

  take(from: NodeId, term: number, rows: ReadonlyMap<string, Uint8Array>): boolean {
    const { world, node, process } = this.#parts;
    // A stopped process does not read its sockets.
    if (this.#standby !== undefined || world.time.now < node.pausedUntil) return false;
    const table = new SimulatedTable(rows);
    const state = StateMachine.open(table, { authenticator: process.gate });
    const { appliedIndex: index, appliedTerm, confState } = state;
    const generation = node.addGeneration(index, table);
    this.#standby = { generation, table, state };
    const metadata = { index, term: appliedTerm, confState };
    const removed = table.removedNodes();
    world.transcript?.note(`node ${node.id} has received a snapshot of ${from} at index ${index}`);
    process.tell(() =>
      process.replica.snapshotReceived({ from, term: term as Term, metadata, generation, state, removed }),
    );
    return true;
  }

  switchTo(generation: string): Standby {
    const standby = this.#standby;
    if (standby?.generation !== generation)
      violated("one snapshot at a time", `node ${this.#parts.node.id} switches to ${generation}`);
    this.#standby = undefined;
    return standby;
  }

  discard(generation: string): void {
    this.#parts.world.tally.mark("snapshot discarded");
    this.#standby = undefined;
    this.#parts.node.removeGeneration(generation);
  }
}
