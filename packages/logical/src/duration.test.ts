import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";

describe("parseDuration", () => {
  it.each([
    ["0", 0],
    ["90", 90],
    ["-5", -5],
    ["1h30m", 5400],
    ["1.5h", 5400],
    ["300ms", 0],
    ["-300ms", 0],
    ["1999ms", 1],
    ["50d", 4_320_000],
    ["1d12h", 129_600],
    ["-10s", -10],
    ["+10s", 10],
    [".5m", 30],
    ["2562047h", 9_223_369_200],
  ])("reads %s", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each(["", "s", "-", "1 h", "1x", "1h-30m", "h1", "1e3s", "0x10s", "١s", "9223372037", "2562048h", "1hh", "1..5h"])(
    "refuses %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

describe("formatDuration", () => {
  it.each([
    [0, "0s"],
    [59, "59s"],
    [60, "1m0s"],
    [3600, "1h0m0s"],
    [12_319, "3h25m19s"],
    [-1, "-1s"],
    [-3661, "-1h1m1s"],
  ])("prints %i as Go does", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it("prints what parseDuration reads back", () => {
    fc.assert(
      fc.property(fc.integer({ min: -9_223_372_036, max: 9_223_372_036 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds))).toBe(seconds);
      }),
    );
  });
});
