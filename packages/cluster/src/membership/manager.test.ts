import type { Timers } from "@strongroom/runtime";
import { VirtualTime } from "@strongroom/runtime/testing";
import type { CommandDraft, Verdict } from "@strongroom/storage";
import { MemoryStore } from "@strongroom/storage/testing";
import { describe, expect, it } from "vitest";
import type { ClusterMember, ClusterStatus } from "../port/cluster-status.ts";
import { MembershipManager } from "./manager.ts";

const RECORD = {
  name: "n",
  clusterAddress: "h:1",
  apiAddress: "",
  grpcAddress: "",
  identityPublicKey: Uint8Array.of(1),
};
const NOTHING: CommandDraft = { guards: [], mutations: [] };
const OPTIONS = { deadlineMs: 60_000 };

function member(nodeId: number, parts: Partial<ClusterMember> = {}): ClusterMember {
  const addresses = { name: "", clusterAddress: "", apiAddress: "", grpcAddress: "" };
  return {
    nodeId,
    ...addresses,
    voter: true,
    match: 5_000,
    leader: nodeId === 1,
    online: true,
    lastContactMs: parts.online === false ? 60_000 : 1,
    diskLow: false,
    ...parts,
  };
}

/** A manager over one store, which takes every change of membership as the command that goes with it. */
function managerOf(members: readonly ClusterMember[]): { manager: MembershipManager; log: string[] } {
  const time = new VirtualTime();
  const memory = new MemoryStore({ clock: time, timers: time });
  const log: string[] = [];
  const status: ClusterStatus = {
    nodeId: 1,
    leaderId: 1,
    term: 1,
    state: "leader",
    commitIndex: 5_000,
    appliedIndex: 5_000,
    logTimeMs: 0,
    clusterVersion: 1,
    diskLow: false,
    refusesGrowth: false,
    members,
  };
  // Whoever waits is what moves time on.
  const timers: Pick<Timers, "after"> = {
    after: (delayMs, callback) => {
      queueMicrotask(() => {
        time.advance(delayMs);
        callback();
      });
      return () => {};
    },
  };
  const manager = new MembershipManager({
    clock: time,
    timers,
    store: {
      linearizableSnapshot: (options) => memory.linearizableSnapshot(options),
      commitMembership: (draft, change, options): Promise<Verdict> => {
        log.push(...change.changes.map(({ type, nodeId }) => `${type} ${nodeId}`));
        return memory.commit(draft, options);
      },
    },
    client: {
      leaderStatus: async () => status,
      transferLeadership: async (to) => {
        log.push(`transfer ${to}`);
      },
    },
  });
  return { manager, log };
}

describe("MembershipManager", () => {
  it("adds a node once, as a learner, and knows it again by its key", async () => {
    const { manager, log } = managerOf([member(1)]);
    await manager.addLearner(9, RECORD, NOTHING, OPTIONS);
    await manager.addLearner(9, RECORD, NOTHING, OPTIONS);
    const other = { ...RECORD, identityPublicKey: Uint8Array.of(2) };
    await expect(manager.addLearner(9, other, NOTHING, OPTIONS)).rejects.toMatchObject({ code: "already_a_member" });
    expect(log).toEqual(["ConfChangeAddLearnerNode 9"]);
  });

  it("promotes only who has caught up and is online", async () => {
    const learner = { voter: false, leader: false };
    const { manager, log } = managerOf([
      member(1),
      member(2, { ...learner, match: 5_000 - 1_025 }),
      member(3, { ...learner, online: false }),
      member(4, { ...learner, match: 5_000 - 1_024 }),
    ]);
    await expect(manager.promote(2, OPTIONS)).rejects.toMatchObject({ code: "not_caught_up" });
    await expect(manager.promote(3, OPTIONS)).rejects.toMatchObject({ code: "not_caught_up" });
    await manager.promote(4, OPTIONS);
    expect(log).toEqual(["ConfChangeAddNode 4"]);
  });

  it("never takes the last vote, and lets a leader hand over before it goes", async () => {
    const alone = managerOf([member(1), member(2, { voter: false })]);
    await expect(alone.manager.removePeer(1, OPTIONS)).rejects.toMatchObject({ code: "last_voter" });
    await expect(alone.manager.demote(1, OPTIONS)).rejects.toMatchObject({ code: "last_voter" });
    const { manager, log } = managerOf([member(1), member(2)]);
    await manager.removePeer(1, OPTIONS);
    expect(log).toEqual(["transfer 2", "ConfChangeRemoveNode 1"]);
    await expect(manager.addLearner(1, RECORD, NOTHING, OPTIONS)).rejects.toMatchObject({ code: "removed_node" });
    await expect(manager.promote(7, OPTIONS)).rejects.toMatchObject({ code: "not_a_member" });
  });

  it("refuses, with the reason, what would leave the voters without a majority that is online", async () => {
    const { manager, log } = managerOf([member(1), member(2), member(3, { online: false })]);
    await expect(manager.removePeer(2, OPTIONS)).rejects.toMatchObject({ code: "quorum_at_risk" });
    await expect(manager.demote(2, OPTIONS)).rejects.toMatchObject({ code: "quorum_at_risk" });
    await manager.removePeer(3, OPTIONS);
    expect(log).toEqual(["ConfChangeRemoveNode 3"]);
  });

  it("believes in no majority of which nothing was heard since it was asked", async () => {
    const dead = { online: true, lastContactMs: 3_000 };
    const { manager, log } = managerOf([member(1), member(2), member(3, dead)]);
    await expect(manager.removePeer(2, OPTIONS)).rejects.toMatchObject({ code: "quorum_at_risk" });
    await manager.removePeer(3, OPTIONS);
    expect(log).toEqual(["ConfChangeRemoveNode 3"]);
  });

  it("hands leadership to whom it is told, or to the most advanced voter that is online", async () => {
    const { manager, log } = managerOf([
      member(1),
      member(2, { match: 4_000 }),
      member(3, { match: 4_500 }),
      member(4, { online: false }),
      member(5, { voter: false }),
    ]);
    await manager.transferLeadership(undefined);
    await manager.transferLeadership(2);
    for (const id of [4, 5])
      await expect(manager.transferLeadership(id)).rejects.toMatchObject({ code: "not_caught_up" });
    expect(log).toEqual(["transfer 3", "transfer 2"]);
  });
});
