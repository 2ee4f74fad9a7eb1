import { describe, expect, it } from "vitest";
import { VerdictMessages } from "./verdict-messages.ts";

describe("verdicts for a worker", () => {
  it("are numbers when they are the usual one, and themselves when they are not", () => {
    const verdicts = new VerdictMessages();
    expect(verdicts.messages()).toEqual([]);
    verdicts.add(1, { outcome: "applied", revision: { index: 7, position: 0 } });
    verdicts.add(2, { outcome: "conflict", guard: 3 });
    verdicts.add(3, { outcome: "applied", revision: { index: 7, position: 2 } });
    expect(verdicts.messages()).toEqual([
      { type: "committed", sequences: [1, 3], indices: [7, 7], positions: [0, 2] },
      { type: "verdicts", sequences: [2], verdicts: [{ outcome: "conflict", guard: 3 }] },
    ]);
  });
});
