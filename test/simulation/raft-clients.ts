/** Who uses a bare group: writes and reads at any node, and now and then a request that only operators make. */
import {
  type ConfChangeSingle,
  type ConfChangeType,
  type NodeId,
  type RawNode,
  type ReadState,
  toIndex,
} from "@strongroom/raft";
import type { RaftGroup } from "./raft-group.ts";
import type { RaftMember } from "./raft-member.ts";
import { violated } from "./violation.ts";

/** While the group recovers, few enough that those with the smallest limits catch up. */
const CALM_WRITES = 3;
const WRITES = 50;

export class RaftClients {
  readonly #group: RaftGroup;
  /** By context: what was known to be committed when the read was asked for. */
  readonly #reads = new Map<number, number>();
  #asked = 0;
  #written = 0;

  constructor(group: RaftGroup) {
    this.#group = group;
  }

  /** `committed`: what was known as committed anywhere when the client asked. */
  request(member: RaftMember, raw: RawNode, committed: number): void {
    const { choices, isFaulty, swarm, tally } = this.#group;
    const draw = choices.below(100);
    if (draw < (isFaulty ? WRITES : CALM_WRITES)) this.#write(member, raw);
    else if (draw < 90) this.#read(raw, committed);
    else if (isFaulty && choices.chance(swarm.faults.membership)) this.#changeMembership(raw);
    else if (isFaulty && choices.chance(swarm.faults.transfer)) {
      tally.fault("transfer");
      raw.transferLeadership(this.#anyId());
    } else if (isFaulty && choices.chance(swarm.faults.forget)) {
      tally.fault("forget leader");
      raw.forgetLeader();
    } else if (choices.chance(swarm.faults.compact)) this.#compact(member);
  }

  answered(node: NodeId, { index, context }: ReadState): void {
    const committedThen = this.#reads.get(context);
    // Doubled messages answer twice.
    if (committedThen === undefined) return;
    this.#reads.delete(context);
    this.#group.tally.mark("read confirmed");
    if (index < committedThen)
      violated("linearizability", `a read at node ${node} got ${index}, ${committedThen} was committed before it`);
  }

  #write(member: RaftMember, raw: RawNode): void {
    const { choices, tally, transcript } = this.#group;
    const data = Array.from({ length: 1 + choices.below(3) }, () => this.#payload());
    const { term } = raw.basicStatus();
    const result = raw.propose(data);
    transcript?.note(`node ${member.id} is asked to write ${data.length}: ${result.ok ? "taken" : result.reason}`);
    if (!result.ok) tally.mark(`proposal dropped: ${result.reason}`);
    else if (result.lastIndex > 0 && raw.termAt(result.lastIndex) !== term)
      violated("a proposal is where it was said to be", `node ${member.id}, index ${result.lastIndex}`);
  }

  #read(raw: RawNode, committed: number): void {
    const context = ++this.#asked;
    this.#reads.set(context, committed);
    raw.readIndex(context);
  }

  #payload(): Uint8Array {
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, ++this.#written);
    return data;
  }

  // Anything that leaves a voter, the leader's own removal too.
  #changeMembership(raw: RawNode): void {
    if (raw.basicStatus().state !== "StateLeader") return;
    const { choices, tally, transcript } = this.#group;
    const types: readonly ConfChangeType[] = ["ConfChangeAddNode", "ConfChangeAddLearnerNode", "ConfChangeRemoveNode"];
    const changes: ConfChangeSingle[] = Array.from({ length: choices.below(4) }, () => ({
      type: choices.pick(types),
      nodeId: this.#anyId(),
    }));
    const left = new Set<NodeId>(raw.confState().voters);
    for (const { type, nodeId } of changes) {
      if (type === "ConfChangeAddNode") left.add(nodeId);
      else left.delete(nodeId);
    }
    if (left.size === 0) return;
    tally.fault("membership change");
    transcript?.note(`change of membership: ${JSON.stringify(changes)}`);
    const result = raw.proposeConfChange({
      transition: choices.chance(30) ? "ConfChangeTransitionJointImplicit" : "ConfChangeTransitionAuto",
      changes,
      context: new Uint8Array(0),
    });
    if (!result.ok) tally.mark(`proposal dropped: ${result.reason}`);
  }

  #compact({ disk }: RaftMember): void {
    // The log is cut at or below the snapshot from which a restart would go on, often well below.
    const upTo = toIndex(Math.max(0, disk.snapshot().metadata.index - this.#group.choices.below(10)));
    if (upTo < disk.firstIndex()) return;
    disk.compact(upTo);
    this.#group.tally.mark("log compacted");
  }

  #anyId(): NodeId {
    return this.#group.choices.pick([...this.#group.members.keys()]);
  }
}
