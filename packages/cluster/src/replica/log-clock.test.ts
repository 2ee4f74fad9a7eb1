import { describe, expect, it } from "vitest";
import { isSkewed, LogClock, RUNAWAY_LIMIT_MS, SKEW_LIMIT_MS } from "./log-clock.ts";

const WALL = 1_900_000_000_000;
const VOTERS = [1, 2, 3];

function at(monotonicMs: number, wallMs: number = WALL + monotonicMs): { monotonicMs: number; wallMs: number } {
  return { monotonicMs, wallMs };
}

describe("LogClock", () => {
  it("stamps with the wall clock while that goes with the log", () => {
    const clock = new LogClock(WALL, at(0));
    expect(clock.stamp(at(1_000), VOTERS, 1)).toEqual({ logTimeMs: WALL + 1_000, alarm: false });
  });

  it("never stamps below the previous stamp", () => {
    const clock = new LogClock(WALL, at(0));
    clock.stamp(at(1_000), VOTERS, 1);
    expect(clock.stamp(at(1_500, WALL - 90_000), VOTERS, 1)).toEqual({ logTimeMs: WALL + 1_000, alarm: false });
  });

  it("follows its monotonic clock, with an alarm, when the wall clock runs away alone", () => {
    const clock = new LogClock(WALL, at(0));
    const ahead = at(500, WALL + 500 + RUNAWAY_LIMIT_MS + 1);
    expect(clock.stamp(ahead, VOTERS, 1)).toEqual({ logTimeMs: WALL + 500, alarm: true });
  });

  it("believes a leap that a majority of the voters' clocks back", () => {
    const clock = new LogClock(WALL, at(0));
    const later = at(500, WALL + 3_600_000);
    clock.sample(2, later.wallMs + SKEW_LIMIT_MS, later);
    expect(clock.stamp(later, VOTERS, 1)).toEqual({ logTimeMs: later.wallMs, alarm: false });
  });

  it("takes no support from a clock that was not heard of lately, nor from one that is off", () => {
    const clock = new LogClock(WALL, at(0));
    const leapt = (monotonicMs: number) => at(monotonicMs, WALL + 3_600_000 + monotonicMs);
    clock.sample(2, leapt(0).wallMs, leapt(0));
    clock.sample(3, leapt(9_000).wallMs + SKEW_LIMIT_MS + 1, leapt(9_000));
    expect(clock.stamp(leapt(9_000), VOTERS, 1).alarm).toBe(true);
  });

  it("takes no support from what peers' clocks were before its own leapt", () => {
    const clock = new LogClock(WALL, at(0));
    clock.sample(2, WALL + 400, at(400));
    clock.sample(3, WALL + 400, at(400));
    expect(clock.stamp(at(500, WALL + 86_400_500), VOTERS, 1)).toEqual({ logTimeMs: WALL + 500, alarm: true });
  });

  it("is its own majority in a cluster of one", () => {
    expect(new LogClock(0, at(0)).stamp(at(1), [1], 1)).toEqual({ logTimeMs: WALL + 1, alarm: false });
  });

  it("goes on between entries and does not move back at one that is older", () => {
    const clock = new LogClock(WALL, at(0));
    expect(clock.nowMs(at(250))).toBe(WALL + 250);
    clock.applied(WALL - 5, at(300));
    expect(clock.nowMs(at(300))).toBe(WALL + 300);
    clock.applied(WALL + 290, at(300));
    expect(clock.nowMs(at(305))).toBe(WALL + 300);
    expect(clock.nowMs(at(311))).toBe(WALL + 301);
  });
});

describe("isSkewed", () => {
  it("allows two seconds in both directions", () => {
    expect(isSkewed(WALL + SKEW_LIMIT_MS, at(0))).toBe(false);
    expect(isSkewed(WALL - SKEW_LIMIT_MS - 1, at(0))).toBe(true);
  });
});
