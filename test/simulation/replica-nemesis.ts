/** Who makes the trouble: one act at a time, drawn from those that this run has. */

import type { NodeId } from "@strongroom/raft";
import type { SimulatedNode } from "./replica-node.ts";
import type { NemesisAct } from "./replica-swarm.ts";
import { rowKey } from "./replica-worker.ts";
import type { ReplicaWorld } from "./replica-world.ts";

const PAUSE_MS = 3_000;
const SLOW_MS = 4_000;
const HANG_MS = 2_500;
const FULL_MS = 3_000;
const DAY_MS = 86_400_000;

/** Gives false if there was nothing to do. */
type Act = (node: SimulatedNode) => boolean;

export class ReplicaNemesis {
  readonly #world: ReplicaWorld;
  readonly #acts: Readonly<Record<NemesisAct, Act>>;
  #jumper: SimulatedNode | undefined;

  constructor(world: ReplicaWorld) {
    this.#world = world;
    const { choices, network, time } = world;
    const running = (act: (node: SimulatedNode) => void): Act => {
      return (node) => {
        if (!node.isRunning) return false;
        act(node);
        return true;
      };
    };
    this.#acts = {
      kill: running((node) => node.end(false, "killed")),
      "power loss": running((node) => node.end(true, "killed")),
      "all lose power": () => this.#allLosePower(),
      "die amid effects": running((node) => node.endAfterEffects(choices.below(40), choices.chance(50))),
      "die amid disk work": running((node) => node.disk.arm("death", choices.below(12))),
      "die amid recovery": running((node) => {
        node.end(choices.chance(50), "killed");
        node.disk.arm("death", choices.below(4));
      }),
      "full disk": running((node) => this.#fillDisk(node)),
      "failing sync": running((node) => node.disk.arm("failing sync", choices.below(8))),
      "slow disk": running((node) => {
        if (choices.chance(40)) node.diskHangsUntil = time.now + choices.below(HANG_MS);
        else node.diskSlowUntil = time.now + choices.below(SLOW_MS);
      }),
      pause: running((node) => this.#pause(node)),
      suspend: running((node) => node.clock.suspended(this.#pause(node))),
      isolate: (node) => this.#isolate(node),
      "one-way cut": (node) => network.cut(node.id, choices.pick(this.#ids())),
      partition: () => this.#partition(),
      reset: (node) => network.reset(node.id, choices.pick(this.#ids())),
      heal: () => network.heal(),
      "wall clock jump": (node) => this.#jump(node),
      transfer: (node) => node.process?.replica.handOver() === true,
      "worker restart": (node) => node.process?.restartWorker() === true,
      seal: running((node) => node.toggleSeal()),
      "rot in the log": (node) => this.#rotLog(node),
      "rot in the state": (node) => this.#rotState(node),
    };
  }

  act(): void {
    const { choices, swarm, nodes, tally, transcript } = this.#world;
    if (swarm.acts.length === 0) return;
    const act = choices.pick(swarm.acts);
    const node = choices.pick([...nodes.values()]);
    if (!this.#acts[act](node)) return;
    tally.fault(act);
    transcript?.note(`fault: ${act}, node ${node.id}`);
  }

  #ids(): readonly NodeId[] {
    return [...this.#world.nodes.keys()];
  }

  #allLosePower(): boolean {
    for (const node of this.#world.nodes.values()) node.end(true, "killed");
    return true;
  }

  #fillDisk(node: SimulatedNode): void {
    const { choices, time } = this.#world;
    node.disk.isFull = true;
    time.after(1 + choices.below(FULL_MS), () => {
      node.disk.isFull = false;
    });
    if (choices.chance(50)) node.disk.arm("full disk", choices.below(8));
  }

  #pause(node: SimulatedNode): number {
    const { choices, time } = this.#world;
    const ms = choices.below(PAUSE_MS);
    node.pausedUntil = Math.max(node.pausedUntil, time.now + ms);
    return ms;
  }

  #isolate(node: SimulatedNode): boolean {
    const { choices, network } = this.#world;
    const direction = choices.below(3);
    for (const id of this.#ids()) {
      if (direction !== 1) network.cut(node.id, id);
      if (direction !== 2) network.cut(id, node.id);
    }
    return true;
  }

  #partition(): boolean {
    const { choices, network } = this.#world;
    const ids = this.#ids();
    const side = new Set(ids.filter(() => choices.chance(40)));
    for (const from of ids) for (const to of ids) if (side.has(from) !== side.has(to)) network.cut(from, to);
    return true;
  }

  // One machine of each cluster has a clock that people play with; the others' are off by a little, for good.
  #jump(node: SimulatedNode): boolean {
    const { choices, swarm } = this.#world;
    this.#jumper ??= node;
    const sizes = [swarm.maxSkewMs + 3_000, 50_000, DAY_MS, -DAY_MS, -10_000];
    this.#jumper.clock.wallOffsetMs = choices.pick(sizes);
    return true;
  }

  #rotLog(node: SimulatedNode): boolean {
    if (!this.#canLose(node)) return false;
    node.end(false, "its disk rots");
    node.isLogRotten = true;
    node.disk.rot(this.#world.choices);
    return true;
  }

  // A row changes below the replica, which has to come back to notice: what it remembers of a row is true.
  #rotState(node: SimulatedNode): boolean {
    const { table } = node.process ?? {};
    const key = rowKey("r0");
    const row = table?.getSync(key);
    if (table === undefined || row === undefined || row.length === 0 || !this.#canLose(node)) return false;
    const rotten = Uint8Array.from(row);
    rotten[rotten.length - 1] = (rotten[rotten.length - 1] as number) ^ 0x55;
    node.isStateRotten = true;
    node.end(false, "its state rots");
    table.rot(key, rotten);
    return true;
  }

  // A majority stays without this node, even if another voter goes.
  #canLose(node: SimulatedNode): boolean {
    if (!node.isSound) return false;
    const nodes = [...this.#world.nodes.values()];
    const lost = nodes.filter((one) => !one.isSound).length + 1;
    const running = nodes.find(({ process }) => process !== undefined)?.process;
    if (running === undefined) return false;
    let voters = Number.POSITIVE_INFINITY;
    for (const { process } of nodes)
      if (process !== undefined && process.confState.voters.length > 0)
        voters = Math.min(voters, process.confState.voters.length);
    const least = voters - (this.#world.swarm.membershipPercent > 0 ? 1 : 0);
    return Number.isFinite(least) && (least - lost) * 2 > least;
  }
}
