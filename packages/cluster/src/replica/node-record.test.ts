import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeNodeRecord, encodeNodeRecord, nodeIdOfKey, nodeKey } from "./node-record.ts";

const record = fc.record({
  name: fc.string(),
  clusterAddress: fc.string(),
  apiAddress: fc.string(),
  grpcAddress: fc.string(),
  identityPublicKey: fc.uint8Array(),
});

describe("node records", () => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(record, (one) => {
        expect(decodeNodeRecord(encodeNodeRecord(one))).toEqual(one);
      }),
    );
  });

  it("refuse other bytes without a throw", () => {
    fc.assert(
      fc.property(record, fc.nat(), (one, cut) => {
        const bytes = encodeNodeRecord(one);
        expect(decodeNodeRecord(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
        expect(decodeNodeRecord(Uint8Array.of(...bytes, 0))).toBeUndefined();
      }),
    );
  });

  it("stand under the id that their key names", () => {
    expect(nodeIdOfKey(nodeKey(2 ** 52 + 1))).toBe(2 ** 52 + 1);
  });
});
