/** Who is healed at the end of a run: everybody, or as few as can go on without the others. */
import type { ConfState, NodeId } from "@strongroom/raft";
import type { SimulatedNode } from "./replica-node.ts";
import type { ReplicaWorld } from "./replica-world.ts";

export function drawCore(world: ReplicaWorld, isSmall: boolean): ReadonlySet<SimulatedNode> {
  const sound = [...world.nodes.values()].filter((node) => node.isSound);
  const all = new Set(sound);
  if (!isSmall) return all;
  const { index, conf } = newest(sound);
  // Which majority will count is open while a change of membership is on its way.
  if (conf === undefined || sound.some(({ mirror }) => mirror.hasConfChangeAbove(index))) return all;
  const core = new Set<SimulatedNode>();
  for (const voters of [conf.voters, conf.votersOutgoing]) addMajority(world, core, voters);
  for (const id of conf.learners) {
    const node = world.nodes.get(id);
    if (node !== undefined && all.has(node) && world.choices.chance(50)) core.add(node);
  }
  return core;
}

function newest(nodes: readonly SimulatedNode[]): { readonly index: number; readonly conf: ConfState | undefined } {
  let index = -1;
  let conf: ConfState | undefined;
  for (const node of nodes) {
    const state = node.appliedState();
    if (state === undefined || state.appliedIndex <= index) continue;
    index = state.appliedIndex;
    conf = state.confState;
  }
  return { index, conf };
}

function addMajority(world: ReplicaWorld, core: Set<SimulatedNode>, voters: readonly NodeId[]): void {
  const isIn = (id: NodeId): boolean => [...core].some((node) => node.id === id);
  const left = voters.filter((id) => !isIn(id) && world.nodes.get(id)?.isSound === true);
  let count = voters.filter(isIn).length;
  while (count * 2 <= voters.length && left.length > 0) {
    const [id] = left.splice(world.choices.below(left.length), 1);
    const node = id === undefined ? undefined : world.nodes.get(id);
    if (node === undefined) continue;
    core.add(node);
    count++;
  }
}
