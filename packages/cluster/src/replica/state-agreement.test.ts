import { toIndex } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import type { Milestone } from "../state/types.ts";
import { milestoneDigest } from "./digest-watch.ts";
import { StateAgreement } from "./state-agreement.ts";

function milestone(byte: number): Milestone {
  const hash = new Uint8Array(32).fill(byte);
  return { index: toIndex(1_024), chain: hash, digest: hash, proposersHash: hash };
}

function nodes(count: number): { readonly agreements: StateAgreement[]; readonly seen: string[][] } {
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  const seen = ids.map((): string[] => []);
  const agreements = ids.map((id, i) => {
    const note = (text: string) => seen[i]?.push(text);
    return new StateAgreement(
      { patienceTicks: 2 },
      {
        id,
        voters: () => ids,
        refuseWrites: () => note("refuse"),
        handOver: () => note("hand over"),
        emit: ({ type }) => note(type),
        alarm: () => note("alarm"),
      },
    );
  });
  return { agreements, seen };
}

function exchange(agreements: readonly StateAgreement[], states: readonly number[]): void {
  for (const [i, agreement] of agreements.entries()) agreement.passed([milestone(states[i] ?? 0)]);
  for (const agreement of agreements)
    for (const [i, other] of agreements.entries()) agreement.heard(i + 1, other.newest);
}

describe("StateAgreement", () => {
  it("ends the node that a majority convicts, and alarms the others", () => {
    const { agreements, seen } = nodes(3);
    exchange(agreements, [1, 1, 2]);
    for (const agreement of agreements) agreement.tick(false);
    expect(seen).toEqual([["alarm"], ["alarm"], ["quarantine"]]);
  });

  it("lets a convicted leader hand over first, but not for ever", () => {
    const { agreements, seen } = nodes(3);
    exchange(agreements, [2, 1, 1]);
    for (let i = 0; i < 3; i++) agreements[0]?.tick(true);
    expect(seen[0]).toEqual(["hand over", "quarantine"]);
  });

  it("refuses writes where no majority agrees", () => {
    const { agreements, seen } = nodes(2);
    exchange(agreements, [1, 2]);
    expect(seen).toEqual([
      ["refuse", "alarm"],
      ["refuse", "alarm"],
    ]);
  });

  it("has a node whose disk differs from what it applied say what its disk holds, and be convicted by the others", () => {
    const { agreements, seen } = nodes(3);
    exchange(agreements, [1, 1, 1]);
    const [, , third] = agreements as [StateAgreement, StateAgreement, StateAgreement];
    expect(third.agreed?.index).toBe(1_024);
    const difference = new Uint8Array(32).fill(7);
    third.scrubbed({ index: 1_030, rows: 5, difference });
    expect(third.agreed).toBeUndefined();
    for (const agreement of agreements) agreement.heard(3, third.newest);
    for (const agreement of agreements) agreement.tick(false);
    expect(seen).toEqual([["alarm"], ["alarm"], ["alarm", "quarantine"]]);
  });

  it("refuses writes on a single voter whose disk differs, and convicts nobody before there is anything to compare", () => {
    const alone = nodes(1);
    const difference = new Uint8Array(32).fill(7);
    alone.agreements[0]?.scrubbed({ index: 10, rows: 5, difference });
    alone.agreements[0]?.tick(true);
    expect(alone.seen).toEqual([["alarm", "refuse"]]);
    const three = nodes(3);
    three.agreements[0]?.scrubbed({ index: 10, rows: 5, difference });
    three.agreements[0]?.tick(true);
    expect(three.seen[0]).toEqual(["alarm"]);
    exchange(three.agreements, [1, 1, 1]);
    three.agreements[0]?.tick(false);
    expect(three.seen[0]).toEqual(["alarm", "quarantine"]);
  });

  it("knows as agreed only what most voters have come to alike", () => {
    const { agreements } = nodes(3);
    const [first] = agreements as [StateAgreement];
    first.passed([milestone(1)]);
    expect(first.agreed).toBeUndefined();
    const other = (byte: number) => ({ index: 1_024, digest: milestoneDigest(milestone(byte)) });
    first.heard(2, other(2));
    expect(first.agreed).toBeUndefined();
    first.heard(3, other(1));
    expect(first.agreed).toEqual(milestone(1));
  });
});
