import { describe, expect, it } from "vitest";
import { OpenCommits, SEQUENCE_WINDOW, type Waiting } from "./open-commits.ts";

function listener(): { readonly heard: string[]; readonly waiting: Waiting } {
  const heard: string[] = [];
  const waiting = {
    verdict: ({ outcome }: { outcome: string }) => heard.push(outcome),
    notCommitted: (reason: string) => heard.push(reason),
    unknown: () => heard.push("unknown"),
  };
  return { heard, waiting };
}

describe("OpenCommits", () => {
  it("has the lowest open sequence as its floor, whatever order they end in", () => {
    const commits = new OpenCommits();
    const { waiting } = listener();
    for (let i = 0; i < 3; i++) commits.open(waiting);
    commits.verdict(2, { outcome: "conflict", guard: 0 });
    expect(commits.floor).toBe(1);
    commits.notCommitted(1, "busy");
    expect(commits.floor).toBe(3);
    commits.cancel(3);
    expect(commits.floor).toBe(4);
  });

  it("lets its floor pass a sequence whose client was told that nobody knows", () => {
    const commits = new OpenCommits();
    const { heard, waiting } = listener();
    commits.open(waiting);
    commits.unknown(1);
    expect(commits.floor).toBe(2);
    commits.verdict(1, { outcome: "conflict", guard: 0 });
    expect(heard).toEqual(["unknown"]);
  });

  it("keeps a sequence open whose client has gone, as long as the replica sends it", () => {
    const commits = new OpenCommits();
    const { heard, waiting } = listener();
    commits.open(waiting);
    commits.abandon(1);
    expect(commits.floor).toBe(1);
    commits.unknown(1);
    expect([commits.floor, heard]).toEqual([2, []]);
  });

  it("lets its floor pass what was given up, whose client still hears how it ended", () => {
    const commits = new OpenCommits();
    const { heard, waiting } = listener();
    for (let i = 0; i < 3; i++) commits.open(waiting);
    expect([commits.giveUp(1), commits.giveUp(2), commits.giveUp(2)]).toEqual([true, true, false]);
    expect(commits.floor).toBe(3);
    commits.notCommitted(1, "disk-full");
    commits.abandon(2);
    commits.notCommitted(2, "disk-full");
    commits.endAll();
    expect(heard).toEqual(["disk-full", "unknown"]);
  });

  it("opens no more than the state machine remembers", () => {
    const commits = new OpenCommits();
    const { waiting } = listener();
    for (let i = 0; i < SEQUENCE_WINDOW; i++) commits.open(waiting);
    expect(commits.hasRoom).toBe(false);
    commits.notCommitted(1, "busy");
    expect(commits.hasRoom).toBe(true);
  });
});
