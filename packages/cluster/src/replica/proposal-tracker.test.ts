import { describe, expect, it } from "vitest";
import { ProposalTracker } from "./proposal-tracker.ts";

const COMMAND = { kind: "commands", payload: Uint8Array.of(1), expiresAtMs: 1_000 } as const;
const id = (sequence: number) => ({ incarnation: 7, sequence });

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
    proposals.dropped(first?.batch ?? 0, [id(1)], "clock-skew");
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

  it("forgets a worker that has gone", () => {
    const proposals = tracker();
    proposals.setLeader(3, 1);
    proposals.add(7, { ...COMMAND, sequence: 1 });
    proposals.removeWorker(1);
    expect(proposals.takeSendings(0)).toEqual([]);
    expect(proposals.incarnations()).toEqual([]);
  });
});
