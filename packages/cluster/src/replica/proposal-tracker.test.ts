import { encodeConfChangeV2 } from "@strongroom/raft";
import { encodeCommand } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { REGISTRATION_SEQUENCE } from "../state/registration.ts";
import { ProposalTracker } from "./proposal-tracker.ts";

const COMMAND = { kind: "commands", payload: Uint8Array.of(1), expiresAtMs: 1_000 } as const;
const id = (sequence: number) => ({ incarnation: 7, sequence });

/** A command as its worker encodes it while `floor` is its lowest open sequence. */
function command(sequence: number, floor: number, keyId = 1) {
  const head = {
    version: 1,
    proposer: { node: 1, incarnation: 7 },
    proposerTimeMs: 0,
    guards: [],
    mutations: [],
  } as const;
  const payload = encodeCommand({ ...head, sequence, floor, keyId, mac: new Uint8Array(keyId === 0 ? 0 : 32) });
  return { kind: "commands", sequence, payload, expiresAtMs: 10_000 } as const;
}

function tracker(): ProposalTracker {
  const made = new ProposalTracker({ resendMs: 100 });
  made.addWorker(1, 7);
  return made;
}

describe("ProposalTracker", () => {
  it("sends what came together as one sending, once", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    proposals.add(7, { ...COMMAND, sequence: 2 });
    expect(proposals.takeSendings(0).map(({ ids }) => ids)).toEqual([[id(1), id(2)]]);
    expect(proposals.takeSendings(0)).toEqual([]);
  });

  it("keeps a change of membership in a sending of its own", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    proposals.add(7, { ...COMMAND, kind: "membership", sequence: 2 });
    proposals.add(7, { ...COMMAND, sequence: 3 });
    expect(proposals.takeSendings(0).map(({ kind, ids }) => [kind, ids.length])).toEqual([
      ["commands", 1],
      ["membership", 1],
      ["commands", 1],
    ]);
  });

  it("sends everything open to a new leader, and again to a silent one", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    proposals.takeSendings(0);
    proposals.setLeader(4, 2);
    expect(proposals.takeSendings(10)).toHaveLength(1);
    proposals.tick(109);
    expect(proposals.takeSendings(109)).toHaveLength(0);
    proposals.tick(110);
    expect(proposals.takeSendings(110)).toHaveLength(1);
  });

  it("says not committed of what never left", () => {
    const proposals = tracker();
    proposals.add(7, { ...COMMAND, sequence: 1 });
    expect(proposals.tick(1_000)).toEqual([{ worker: 1, sequence: 1, outcome: "not-committed", reason: "no-leader" }]);
  });

  it("says not committed at the deadline only when every sending was dropped", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    const [first] = proposals.takeSendings(0);
    proposals.setLeader(4, 2);
    const [second] = proposals.takeSendings(0);
    proposals.dropped(second?.batch ?? 0, [id(1)], "not-leader");
    expect(proposals.tick(1_000)).toEqual([{ worker: 1, sequence: 1, outcome: "unknown" }]);
    expect(proposals.dropped(first?.batch ?? 0, [id(1)], "busy")).toEqual([
      { worker: 1, sequence: 1, outcome: "not-committed", reason: "busy" },
    ]);
    expect(proposals.open()).toEqual([]);
  });

  it("ends at once what no leader would take, if no other sending is out", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    const [sending] = proposals.takeSendings(0);
    expect(proposals.dropped(sending?.batch ?? 0, [id(1)], "clock-skew")).toEqual([
      { worker: 1, sequence: 1, outcome: "not-committed", reason: "clock-skew" },
    ]);
  });

  it("never says not committed again once it has forgotten a sending", () => {
    const proposals = tracker();
    proposals.add(7, { ...COMMAND, sequence: 1 });
    const batches: number[] = [];
    for (let term = 1; term <= 20; term++) {
      proposals.setLeader(3, term);
      batches.push(...proposals.takeSendings(0).map(({ batch }) => batch));
    }
    for (const batch of batches) proposals.dropped(batch, [id(1)], "not-leader");
    expect(proposals.tick(1_000)).toEqual([{ worker: 1, sequence: 1, outcome: "unknown" }]);
  });

  it("ignores an answer to a sending that it does not know", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    proposals.takeSendings(0);
    expect(proposals.dropped(99, [id(1)], "clock-skew")).toEqual([]);
    expect(proposals.applied(7, 1)).toBe(1);
    expect(proposals.applied(7, 1)).toBeUndefined();
  });

  /** Sequence 1 has been sent, and its time is over. */
  function overdue(): ProposalTracker {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    proposals.takeSendings(0);
    expect(proposals.tick(1_000)).toEqual([{ worker: 1, sequence: 1, outcome: "unknown" }]);
    return proposals;
  }

  it("sends nothing again whose client was told that nobody knows", () => {
    const proposals = overdue();
    proposals.tick(2_000);
    proposals.setLeader(4, 2);
    expect(proposals.takeSendings(2_000)).toEqual([]);
    expect(proposals.open()).toEqual([id(1)]);
  });

  it("says not committed of what a command with a higher floor was applied without", () => {
    const proposals = overdue();
    for (const next of [command(2, 1), command(3, 2)]) proposals.add(7, next);
    proposals.applied(7, 2);
    expect(proposals.overtaken()).toEqual([]);
    proposals.applied(7, 3);
    expect(proposals.overtaken()).toEqual([{ worker: 1, sequence: 1, outcome: "not-committed", reason: "no-leader" }]);
    expect([proposals.overtaken(), proposals.open()]).toEqual([[], []]);
  });

  it("does not say so of what was applied before it in the same group", () => {
    const proposals = overdue();
    proposals.add(7, command(2, 2));
    expect([proposals.applied(7, 1), proposals.applied(7, 2), proposals.overtaken()]).toEqual([1, 1, []]);
  });

  it("is told by a change of membership as well, and by no command without a MAC, since that raises no floor", () => {
    const proposals = overdue();
    proposals.add(7, command(2, 2, 0));
    proposals.applied(7, 2);
    expect(proposals.overtaken()).toEqual([]);
    const change = { transition: "ConfChangeTransitionAuto", changes: [], context: command(3, 3).payload } as const;
    proposals.add(7, { ...COMMAND, kind: "membership", sequence: 3, payload: encodeConfChangeV2(change) });
    proposals.applied(7, 3);
    expect(proposals.overtaken()).toMatchObject([{ sequence: 1, outcome: "not-committed" }]);
  });

  it("gives up what the leader refuses for good while another sending is out, and no client is told that yet", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    proposals.takeSendings(0);
    proposals.setLeader(4, 2);
    const [second] = proposals.takeSendings(0);
    const answer = proposals.dropped(second?.batch ?? 0, [id(1)], "disk-full");
    expect(answer).toEqual([{ worker: 1, sequence: 1, outcome: "given-up" }]);
    proposals.add(7, command(2, 2));
    expect(proposals.takeSendings(10).map(({ ids }) => ids)).toEqual([[id(2)]]);
    proposals.applied(7, 2);
    expect(proposals.overtaken()).toEqual([{ worker: 1, sequence: 1, outcome: "not-committed", reason: "disk-full" }]);
  });

  it("does not know of what a snapshot skipped below the floor, where a verdict may have been forgotten", () => {
    const proposals = overdue();
    expect(proposals.skipped(() => 1)).toEqual([]);
    expect(proposals.skipped(() => 2)).toEqual([{ worker: 1, sequence: 1, outcome: "unknown" }]);
    proposals.add(7, command(2, 2));
    proposals.applied(7, 2);
    expect(proposals.overtaken()).toEqual([]);
  });

  it("keeps no more than some thousands of which nobody hears any more", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    for (let sequence = 1; sequence <= 5_000; sequence++) proposals.add(7, { ...COMMAND, sequence });
    proposals.takeSendings(0);
    expect(proposals.tick(1_000)).toHaveLength(5_000);
    expect(proposals.open()).toHaveLength(4_096);
    proposals.add(7, command(5_001, 5_001));
    proposals.applied(7, 5_001);
    expect(proposals.overtaken()).toHaveLength(4_096);
    expect(proposals.open()).toEqual([]);
  });

  it("sends a registration until it is applied", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: REGISTRATION_SEQUENCE });
    proposals.takeSendings(0);
    proposals.tick(1_000);
    proposals.setLeader(4, 2);
    expect(proposals.takeSendings(1_000)).toHaveLength(1);
  });

  it("forgets a worker that has gone", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    proposals.removeWorker(1);
    expect(proposals.takeSendings(0)).toEqual([]);
    expect(proposals.incarnations()).toEqual([]);
  });
});
