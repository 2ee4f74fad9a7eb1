/**
 * Changes of membership, as commands. Each is one entry of the log that holds the configuration change and one command:
 * both take effect or neither, so a join token is spent by the very entry that adds the node. A node always comes as a
 * learner; only one that has caught up is made a voter, for a voter that cannot follow costs the cluster its quorum.
 */
import { type ConfChangeType, toNodeId } from "@strongroom/raft";
import { type Clock, StrongroomError, type Timers } from "@strongroom/runtime";
import type { CommandDraft, Guard, Verdict, WaitOptions } from "@strongroom/storage";
import type { ClusterClient } from "../port/cluster-client.ts";
import type { ClusterMember, ClusterStatus } from "../port/cluster-status.ts";
import type { WorkerStore } from "../port/worker-store.ts";
import {
  decodeNodeRecord,
  demotedNodeKey,
  encodeNodeRecord,
  type NodeRecord,
  nodeKey,
  removedNodeKey,
} from "../replica/node-record.ts";
import { membershipMutation } from "../state/membership-change.ts";

/** The cluster will not make this change of membership. */
export class MembershipError extends StrongroomError {
  readonly code:
    | "not_a_member"
    | "already_a_member"
    | "removed_node"
    | "not_caught_up"
    | "last_voter"
    | "quorum_at_risk"
    | "membership_conflict";

  constructor(code: MembershipError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export interface MembershipParts {
  readonly store: Pick<WorkerStore, "linearizableSnapshot" | "commitMembership">;
  readonly client: Pick<ClusterClient, "leaderStatus" | "transferLeadership">;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after">;
}

/** A learner this near to the commit index is caught up. */
const CAUGHT_UP_ENTRIES = 1_024;
const TRANSFER_TIMEOUT_MS = 5_000;
/** Many heartbeats, at every pace. */
const HEARING_MS = 2_000;
const HEARING_PAUSE_MS = 20;

export class MembershipManager {
  readonly #parts: MembershipParts;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
  }

  /**
   * Adds a node as a learner. `draft` takes effect in the same entry: it spends the join token. Adding a node again with
   * the same identity key does nothing, `draft` included.
   */
  async addLearner(nodeId: number, record: NodeRecord, draft: CommandDraft, options: WaitOptions): Promise<void> {
    const present = await this.#read(nodeId, options);
    if (present.removed) throw removedError(nodeId);
    if (present.record !== undefined) {
      if (Buffer.from(present.record.identityPublicKey).equals(record.identityPublicKey)) return;
      throw new MembershipError(
        "already_a_member",
        "a node with this id is a member already; draw a new id and join again",
      );
    }
    const guards: Guard[] = [
      { kind: "absent", key: removedNodeKey(nodeId) },
      { kind: "absent", key: nodeKey(nodeId) },
      ...draft.guards,
    ];
    const row = { kind: "put", key: nodeKey(nodeId), term: 0, value: encodeNodeRecord(record) } as const;
    await this.#change("ConfChangeAddLearnerNode", nodeId, { guards, mutations: [row, ...draft.mutations] }, options);
  }

  /** Makes a caught-up learner a voter. */
  async promote(nodeId: number, options: WaitOptions): Promise<void> {
    const status = await this.#parts.client.leaderStatus();
    const member = memberOf(status, nodeId);
    if (member.voter) return;
    if (!isCaughtUp(member, status))
      throw new MembershipError(
        "not_caught_up",
        "the node is offline or still behind the leader; promote it when it has caught up",
      );
    const mutations = [{ kind: "delete", key: demotedNodeKey(nodeId) }] as const;
    const guards = await this.#unchanged(nodeId, options);
    await this.#change("ConfChangeAddNode", nodeId, { guards, mutations }, options);
  }

  /** Makes a voter a learner, or lets a learner stay one: it replicates and does not vote until it is promoted by an operator. */
  async demote(nodeId: number, options: WaitOptions): Promise<void> {
    const status = await this.#parts.client.leaderStatus();
    const member = memberOf(status, nodeId);
    if (member.voter) await this.#giveUpVote(member, status);
    const mutations = [{ kind: "put", key: demotedNodeKey(nodeId), term: 0, value: new Uint8Array(0) }] as const;
    const guards = await this.#unchanged(nodeId, options);
    await this.#change("ConfChangeAddLearnerNode", nodeId, { guards, mutations }, options);
  }

  /** Removes a node for good: its id is refused from then on. */
  async removePeer(nodeId: number, options: WaitOptions): Promise<void> {
    const status = await this.#parts.client.leaderStatus();
    const member = memberOf(status, nodeId);
    if (member.voter) await this.#giveUpVote(member, status);
    const guards: Guard[] = [{ kind: "absent", key: removedNodeKey(nodeId) }];
    const mutations = [
      { kind: "put", key: removedNodeKey(nodeId), term: 0, value: new Uint8Array(0) },
      { kind: "delete", key: nodeKey(nodeId) },
      { kind: "delete", key: demotedNodeKey(nodeId) },
    ] as const;
    await this.#change("ConfChangeRemoveNode", nodeId, { guards, mutations }, options);
  }

  /** A voter may go only if another stays; a leader hands over first, so that nobody waits for an election. */
  async #giveUpVote(member: ClusterMember, status: ClusterStatus): Promise<void> {
    const staying = ({ members }: ClusterStatus): readonly ClusterMember[] =>
      members.filter((other) => other.voter && other.nodeId !== member.nodeId);
    const stay = staying(status);
    if (stay.length === 0)
      throw new MembershipError(
        "last_voter",
        "this node is the only voter: the cluster would end with it; add and promote another first",
      );
    const online = await this.#heardOf(stay.length >> 1, staying);
    if (2 * online.length <= stay.length)
      throw new MembershipError(
        "quorum_at_risk",
        `only ${online.length} of the ${stay.length} voters that would stay are online: the cluster would stand still; ` +
          "bring one of them back, or remove one that is offline first",
      );
    if (member.leader) await this.transferLeadership(undefined);
  }

  /**
   * Those of `candidates` of whom something was heard since this was called, as soon as they are more than `few`: who died a
   * moment ago still counts as online. A member that is there says something at each heartbeat.
   */
  async #heardOf(
    few: number,
    candidates: (status: ClusterStatus) => readonly ClusterMember[],
  ): Promise<readonly ClusterMember[]> {
    const { client, clock, timers } = this.#parts;
    const sinceMs = clock.monotonicMs();
    for (;;) {
      const askedMs = clock.monotonicMs();
      const status = await client.leaderStatus();
      const heard = candidates(status).filter(
        ({ leader, lastContactMs }) => leader || lastContactMs < askedMs - sinceMs,
      );
      if (heard.length > few || askedMs - sinceMs > HEARING_MS) return heard;
      await new Promise<void>((resolve) => timers.after(HEARING_PAUSE_MS, resolve));
    }
  }

  /** Hands leadership to `nodeId`, or to the most advanced voter that is online. Throws `MembershipError`. */
  async transferLeadership(nodeId: number | undefined): Promise<void> {
    const status = await this.#parts.client.leaderStatus();
    const target = nodeId === undefined ? mostAdvanced(status) : memberOf(status, nodeId);
    if (target === undefined || !target.voter || !target.online)
      throw new MembershipError(
        "not_caught_up",
        "leadership goes to a voter that is online and follows; see the list of peers",
      );
    await this.#parts.client.transferLeadership(target.nodeId, { timeoutMs: TRANSFER_TIMEOUT_MS });
  }

  async #change(type: ConfChangeType, nodeId: number, draft: CommandDraft, options: WaitOptions): Promise<void> {
    const change = { transition: "ConfChangeTransitionAuto", changes: [{ type, nodeId: toNodeId(nodeId) }] } as const;
    // The MAC covers the command only, so the command says which change it stands for.
    const mutations = [...draft.mutations, membershipMutation(change)];
    const verdict: Verdict = await this.#parts.store.commitMembership({ ...draft, mutations }, change, options);
    switch (verdict.outcome) {
      case "applied":
        return;
      case "conflict":
        throw new MembershipError(
          "membership_conflict",
          "the membership changed at the same moment; look at the list of peers and try again",
        );
      case "rejected":
        throw new MembershipError("membership_conflict", `the change of membership was refused: ${verdict.reason}`);
    }
  }

  /** Of a command that holds only while the node's row stays as it is. */
  async #unchanged(nodeId: number, options: WaitOptions): Promise<readonly Guard[]> {
    const snapshot = await this.#parts.store.linearizableSnapshot(options);
    try {
      const row = snapshot.get(nodeKey(nodeId));
      const key = nodeKey(nodeId);
      // The first node has had no record from a joining.
      const guard: Guard = row === undefined ? { kind: "absent", key } : { kind: "point", key, revision: row.revision };
      return [guard];
    } finally {
      snapshot.release();
    }
  }

  async #read(nodeId: number, options: WaitOptions): Promise<{ removed: boolean; record: NodeRecord | undefined }> {
    const snapshot = await this.#parts.store.linearizableSnapshot(options);
    try {
      const row = snapshot.get(nodeKey(nodeId));
      return {
        removed: snapshot.get(removedNodeKey(nodeId)) !== undefined,
        record: row === undefined ? undefined : decodeNodeRecord(row.value),
      };
    } finally {
      snapshot.release();
    }
  }
}

/** Whether a member's log is near enough to the leader's; only the leader's own status can tell. */
export function isCaughtUp(member: ClusterMember, status: ClusterStatus): boolean {
  return member.online && member.match !== undefined && member.match + CAUGHT_UP_ENTRIES >= status.commitIndex;
}

function mostAdvanced({ members }: ClusterStatus): ClusterMember | undefined {
  const others = members.filter((member) => member.voter && member.online && !member.leader);
  return others.toSorted((a, b) => (b.match ?? 0) - (a.match ?? 0))[0];
}

function memberOf(status: ClusterStatus, nodeId: number): ClusterMember {
  const member = status.members.find((candidate) => candidate.nodeId === nodeId);
  if (member === undefined)
    throw new MembershipError("not_a_member", "no node of this id is a member; see the list of peers");
  return member;
}

function removedError(nodeId: number): MembershipError {
  return new MembershipError(
    "removed_node",
    `node ${nodeId} was removed from this cluster; it may join again under a new id, with an empty directory`,
  );
}
