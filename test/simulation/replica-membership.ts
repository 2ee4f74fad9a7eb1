/**
 * Changes of membership as clients of the simulation draw them: learners come, become voters, lose their votes and go, one or
 * two at a time. Only what would leave a group without a living majority is not asked for. A row that every change writes
 * and guards keeps two of them from being decided on the same view.
 */
import { decodeReplicaState, membershipMutation, REPLICA_STATE_KEY, removedNodeKey } from "@strongroom/cluster";
import type { ConfChangeSingle, ConfChangeV2, ConfState, NodeId } from "@strongroom/raft";
import { utf8 } from "@strongroom/runtime";
import { decodeRow, type Guard, KEY_KIND, type Mutation, makeKey } from "@strongroom/storage";
import type { ReplicaProcess } from "./replica-process.ts";
import type { ReplicaWorld } from "./replica-world.ts";

export interface DrawnChange {
  readonly change: Omit<ConfChangeV2, "context">;
  readonly guards: readonly Guard[];
  readonly mutations: readonly Mutation[];
}

const FENCE = makeKey(KEY_KIND.barrier, utf8("fence"));
/** A leader that gives up its own vote hands over first, in the product; here it sometimes does not. */
const LEADER_ITSELF_PERCENT = 20;

export function drawMembershipChange(
  world: ReplicaWorld,
  process: ReplicaProcess,
  leader: NodeId,
): DrawnChange | undefined {
  const { choices } = world;
  const row = process.table.getSync(REPLICA_STATE_KEY);
  if (row === undefined) return undefined;
  const conf = decodeReplicaState(row).confState;
  if (conf.votersOutgoing.length > 0) return undefined;
  const singles = [drawSingle(world, process, conf)];
  if (choices.chance(25)) singles.push(drawSingle(world, process, conf));
  const changes: ConfChangeSingle[] = [];
  for (const single of singles) {
    if (single === undefined || changes.some(({ nodeId }) => nodeId === single.nodeId)) continue;
    if (single.nodeId === leader && conf.voters.includes(leader) && !choices.chance(LEADER_ITSELF_PERCENT)) continue;
    changes.push(single);
  }
  if (changes.length === 0 || !keepsMajority(world, conf, changes)) return undefined;
  const change = { transition: "ConfChangeTransitionAuto", changes } as const;
  const fence = process.table.getSync(FENCE);
  const guard: Guard =
    fence === undefined
      ? { kind: "absent", key: FENCE }
      : { kind: "point", key: FENCE, revision: decodeRow(fence).revision };
  const gone = changes.filter(({ type }) => type === "ConfChangeRemoveNode");
  const mutations: Mutation[] = [
    { kind: "put", key: FENCE, term: 1, value: utf8("fence") },
    membershipMutation(change),
    ...gone.map(({ nodeId }): Mutation => {
      return { kind: "put", key: removedNodeKey(nodeId), term: 0, value: new Uint8Array(0) };
    }),
  ];
  return { change, guards: [guard], mutations };
}

function drawSingle(world: ReplicaWorld, process: ReplicaProcess, conf: ConfState): ConfChangeSingle | undefined {
  const { choices, nodes } = world;
  const members = new Set([...conf.voters, ...conf.learners]);
  const kind = choices.below(5);
  if (kind <= 1) {
    const nodeId = pickSound(
      conf.learners.length > 0 && kind === 1
        ? conf.learners
        : [...nodes.keys()].filter((id) => !members.has(id) && process.table.getSync(removedNodeKey(id)) === undefined),
      world,
    );
    if (nodeId === undefined) return undefined;
    return { type: conf.learners.includes(nodeId) ? "ConfChangeAddNode" : "ConfChangeAddLearnerNode", nodeId };
  }
  const nodeId = choices.pick(kind === 2 ? conf.voters : [...members]);
  return {
    type: kind === 2 ? "ConfChangeAddLearnerNode" : kind === 3 ? "ConfChangeAddNode" : "ConfChangeRemoveNode",
    nodeId,
  };
}

function pickSound(ids: readonly NodeId[], world: ReplicaWorld): NodeId | undefined {
  const fit = ids.filter((id) => world.nodes.get(id)?.isSound === true);
  return fit.length === 0 ? undefined : world.choices.pick(fit);
}

function keepsMajority(world: ReplicaWorld, conf: ConfState, changes: readonly ConfChangeSingle[]): boolean {
  const voters = new Set(conf.voters);
  for (const { type, nodeId } of changes) {
    if (type === "ConfChangeAddNode") voters.add(nodeId);
    else voters.delete(nodeId);
  }
  const alive = [...voters].filter((id) => world.nodes.get(id)?.isSound === true);
  return alive.length * 2 > voters.size;
}
