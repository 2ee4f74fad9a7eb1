import { describe, expect, it } from "vitest";
import { formatTimestamp } from "./timestamp.ts";

describe("formatTimestamp", () => {
  it.each([
    [Date.UTC(2018, 2, 22, 2, 24, 6, 945), "2018-03-22T02:24:06.945Z"],
    [Date.UTC(2018, 2, 22, 2, 24, 6, 940) + 0.25, "2018-03-22T02:24:06.94Z"],
    [Date.UTC(2018, 2, 22, 2, 24, 6, 940), "2018-03-22T02:24:06.94Z"],
    [Date.UTC(2018, 2, 22, 2, 24, 6, 100), "2018-03-22T02:24:06.1Z"],
    [Date.UTC(2018, 2, 22, 2, 24, 10, 0), "2018-03-22T02:24:10Z"],
    [Date.UTC(2018, 2, 22, 2, 20, 0, 0), "2018-03-22T02:20:00Z"],
  ])("prints %i as Go's RFC3339Nano", (ms, text) => {
    expect(formatTimestamp(ms)).toBe(text);
  });
});
