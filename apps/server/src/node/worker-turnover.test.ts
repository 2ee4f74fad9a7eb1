import { describe, expect, it } from "vitest";
import { WorkerTurnover } from "./worker-turnover.ts";

describe("WorkerTurnover", () => {
  it("is under way, for all threads, until each that was begun has ended", () => {
    const mine = WorkerTurnover.create();
    const others = WorkerTurnover.attach(mine.buffer);
    expect([others.underWay, others.number]).toEqual([false, 0]);
    mine.begin();
    others.begin();
    mine.end();
    expect([mine.underWay, others.underWay]).toEqual([true, true]);
    mine.end();
    expect([others.underWay, others.number]).toEqual([false, 2]);
  });

  it("ends no oftener than it began", () => {
    expect(() => WorkerTurnover.create().end()).toThrow("a turnover ends once");
  });
});
