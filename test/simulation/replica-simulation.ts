/**
 * Whole replicas under a seed: messages are lost and late, links are cut, machines lose power with what was not synced,
 * leadership is moved by hand. While it runs, reads must be linearizable and states equal; at the end, when all is healed,
 * every open operation must have an end, and every end must be true.
 */
import {
  type Authenticity,
  BOOTSTRAP_INDEX,
  bootstrapRows,
  type CommandAuthenticator,
  type CommandSigner,
  MemoryNetwork,
} from "@strongroom/cluster";
import { type NodeId, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { SeededRandom } from "@strongroom/runtime/testing";
import { decodeRow, mapKey } from "@strongroom/storage";
import { fail, History } from "./replica-history.ts";
import { SimulatedNode, votersOnly } from "./replica-node.ts";
import { SimulatedTime } from "./replica-time.ts";
import { rowKey } from "./replica-worker.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly nodes: number;
  /** Of trouble, in virtual time. */
  readonly durationMs: number;
}

export interface SimulationResult {
  readonly events: number;
  readonly applied: number;
  readonly unknown: number;
  readonly notCommitted: number;
  readonly conflicts: number;
  readonly reads: number;
  readonly kills: number;
  readonly snapshots: number;
}

/** Cheap, and good enough to notice a command that was changed or mixed up. */
const KEYS: CommandSigner & CommandAuthenticator = {
  sign: (message) => ({ keyId: 1, mac: checksum(message) }),
  verify: (_keyId, message, mac): Authenticity => (Buffer.from(checksum(message)).equals(mac) ? "ok" : "bad"),
};

const CALM_LIMIT_MS = 60_000;
const MAX_EVENTS = 50_000_000;

export class ReplicaSimulation {
  readonly #options: SimulationOptions;
  readonly #random: SeededRandom;
  readonly #time = new SimulatedTime();
  readonly #network: MemoryNetwork;
  readonly #history = new History();
  readonly #nodes = new Map<NodeId, SimulatedNode>();
  #events = 0;
  #kills = 0;
  #trouble = true;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const parts = { clock: this.#time, timers: this.#time, random: this.#random };
    this.#network = new MemoryNetwork({ minDelayMs: 0.1, maxDelayMs: 5, lossPercent: 2 }, parts);
    const ids = Array.from({ length: options.nodes }, (_, i) => toNodeId(i + 1));
    const confState = votersOnly(ids);
    const metadata = { index: toIndex(BOOTSTRAP_INDEX), term: toTerm(1), confState };
    const rows = new Map(bootstrapRows(confState).map(({ key, value }) => [mapKey(key), value]));
    for (const id of ids) {
      const node = new SimulatedNode(
        { id, peers: ids.filter((peer) => peer !== id), first: { metadata, rows } },
        {
          time: this.#time,
          random: this.#random,
          network: this.#network,
          history: this.#history,
          keys: KEYS,
          peer: (peer) => this.#nodes.get(peer),
        },
      );
      this.#nodes.set(id, node);
    }
  }

  run(): SimulationResult {
    for (const node of this.#nodes.values()) node.start();
    this.#repeat(8, () => this.#clientActs());
    this.#repeat(700, () => this.#makeTrouble());
    this.#runUntil(() => this.#time.monotonicMs() >= this.#options.durationMs);
    this.#trouble = false;
    this.#network.heal();
    this.#network.configure({ lossPercent: 0 });
    for (const node of this.#nodes.values()) if (!node.isRunning) node.start();
    const calmUntilMs = this.#time.monotonicMs() + CALM_LIMIT_MS;
    this.#runUntil(() => this.#isSettled() || this.#time.monotonicMs() > calmUntilMs);
    if (!this.#isSettled()) fail(`the cluster did not come to rest: ${this.#describe()}`);
    this.#checkFinal();
    return this.#result();
  }

  #repeat(meanMs: number, act: () => void): void {
    this.#time.after(this.#random.below(2 * meanMs) + 1, () => {
      if (!this.#trouble) return;
      act();
      this.#repeat(meanMs, act);
    });
  }

  #clientActs(): void {
    const running = [...this.#nodes.values()].filter((node) => node.isRunning);
    running[this.#random.below(Math.max(1, running.length))]?.worker?.act();
  }

  #makeTrouble(): void {
    const random = this.#random;
    const nodes = [...this.#nodes.values()];
    const node = nodes[random.below(nodes.length)] as SimulatedNode;
    switch (random.below(6)) {
      case 0:
      case 1:
        if (!node.isRunning) return;
        this.#kills++;
        node.kill();
        this.#time.after(random.below(3_000), () => {
          if (!node.isRunning) node.start();
        });
        return;
      case 2:
        this.#network.partition([[node.id], nodes.filter((other) => other !== node).map(({ id }) => id)]);
        return;
      case 3:
        this.#network.cut(node.id, (nodes[random.below(nodes.length)] as SimulatedNode).id);
        return;
      case 4:
        this.#network.configure({ lossPercent: random.below(20), maxDelayMs: 1 + random.below(60) });
        return;
      default:
        this.#network.heal();
        if (random.below(3) === 0) node.replica?.handOver();
    }
  }

  #runUntil(done: () => boolean): void {
    for (let quiet = 0; ; quiet++) {
      // The condition is dear, an event cheap.
      if (quiet % 64 === 0 && done()) return;
      if (!this.#time.step()) fail("nothing is left to happen");
      if (++this.#events > MAX_EVENTS) fail("the simulation does not end");
    }
  }

  #isSettled(): boolean {
    const nodes = [...this.#nodes.values()];
    const indices = new Set(nodes.map((node) => node.replica?.status().appliedIndex));
    return indices.size === 1 && nodes.every((node) => node.worker?.openCount === 0);
  }

  #describe(): string {
    return [...this.#nodes.values()]
      .map((node) => {
        const status = node.replica?.status();
        const voters = status?.members.filter(({ voter }) => voter).map(({ nodeId }) => nodeId);
        return `node ${node.id} ${status?.state} term ${status?.term} applied ${status?.appliedIndex} of ${status?.commitIndex} with voters ${voters?.join()}, ${node.worker?.openCount} open`;
      })
      .join("; ");
  }

  #checkFinal(): void {
    for (const node of this.#nodes.values())
      this.#history.checkFinal((key) => {
        const bytes = node.table?.getSync(rowKey(key));
        return bytes === undefined ? undefined : decodeRow(bytes).revision;
      });
  }

  #result(): SimulationResult {
    const count = (outcome: string) => this.#history.operations.filter((op) => op.outcome === outcome).length;
    return {
      events: this.#events,
      applied: count("applied"),
      unknown: count("unknown") + count("open"),
      notCommitted: count("not-committed"),
      conflicts: count("conflict"),
      reads: this.#history.reads,
      kills: this.#kills,
      snapshots: [...this.#nodes.values()].reduce((sum, node) => sum + node.snapshotsInstalled, 0),
    };
  }
}

/** FNV-1a, spread over 32 bytes. */
function checksum(message: Uint8Array): Uint8Array {
  let hash = 0x811c9dc5;
  for (const byte of message) hash = Math.imul(hash ^ byte, 0x01000193);
  const mac = new Uint8Array(32);
  for (let i = 0; i < 32; i++) mac[i] = (hash >>> ((i % 4) * 8)) ^ i;
  return mac;
}
