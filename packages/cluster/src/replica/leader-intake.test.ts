import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LeaderIntake, packCommands } from "./leader-intake.ts";

describe("packCommands", () => {
  it("keeps order and number, and exceeds a limit only with a single command", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 })), (commands) => {
        const packs = packCommands(commands, { maxBytes: 60, maxCommands: 3 });
        expect(packs.flat()).toEqual(commands);
        for (const pack of packs) {
          expect(pack.length).toBeLessThanOrEqual(3);
          const bytes = pack.reduce((sum, { length }) => sum + length, 0);
          expect(pack.length === 1 || bytes <= 60).toBe(true);
        }
      }),
    );
  });
});

describe("LeaderIntake", () => {
  it("refuses more than it can hold, but never the first", () => {
    const intake = new LeaderIntake();
    const offer = (bytes: number) =>
      intake.offer({ origin: 1, batch: 1, kind: "commands", ids: [], payloads: [new Uint8Array(bytes)] });
    expect(offer(65 * 1024 * 1024)).toBe(true);
    expect(offer(1)).toBe(false);
    expect(intake.take()).toHaveLength(1);
    expect(offer(1)).toBe(true);
  });
});
