import { describe, expect, it } from "vitest";
import { DEFAULT_PACE, DEFAULT_TICK_MS, DEFAULT_TIMINGS, timingsFor } from "./options.ts";

describe("timingsFor", () => {
  it("gives the defaults for the default pace", () => {
    expect(timingsFor(DEFAULT_PACE)).toEqual({
      tickMs: DEFAULT_TICK_MS,
      timings: DEFAULT_TIMINGS,
    });
  });

  it("changes heartbeats and elections, and leaves all other times as they are", () => {
    const { tickMs, timings } = timingsFor({ heartbeatMs: 20, electionMs: 110 });
    expect(tickMs).toBe(10);
    expect(timings).toEqual({ ...DEFAULT_TIMINGS, electionTicks: 11, statusTicks: 20, handoverTicks: 100 });
  });
});
