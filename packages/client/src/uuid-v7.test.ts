import { nodeEntropy } from "@strongroom/runtime/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isUuidV7, uuidV7 } from "./uuid-v7.ts";

describe("uuidV7", () => {
  it("gives the example of RFC 9562 appendix A.6", () => {
    const random = Uint8Array.from(Buffer.from("00000000" + "0000" + "0cc3" + "18c4dc0c0c07398f", "hex"));
    expect(uuidV7(0x017f22e279b0, { bytes: () => random })).toBe("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  });

  it("is well-formed and sorts by time", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.integer({ min: 1, max: 2 ** 40 }), (first, later) => {
        const [a, b] = [uuidV7(first, nodeEntropy), uuidV7(first + later, nodeEntropy)];
        expect([isUuidV7(a), isUuidV7(b), a < b]).toEqual([true, true, true]);
      }),
    );
  });
});
