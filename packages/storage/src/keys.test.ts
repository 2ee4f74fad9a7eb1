import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareKeys, KEY_KIND, keyAfter, makeKey, mapKey, prefixRange } from "./keys.ts";

const key = fc.uint8Array({ maxLength: 6 });

describe("keys", () => {
  it("compare as strings of themselves do", () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const [left, right] = [mapKey(a), mapKey(b)];
        expect(Math.sign(compareKeys(a, b))).toBe(left < right ? -1 : left > right ? 1 : 0);
      }),
    );
  });

  it("lie in the range of a prefix exactly if they begin with it", () => {
    const small = fc
      .uint8Array({ maxLength: 4, max: 2 })
      .map((bytes) => bytes.map((byte) => (byte === 2 ? 0xff : byte)));
    fc.assert(
      fc.property(small, small, (prefix, each) => {
        fc.pre(prefix.some((byte) => byte !== 0xff));
        const { gte, lt } = prefixRange(prefix);
        const inRange = compareKeys(gte, each) <= 0 && compareKeys(each, lt) < 0;
        expect(inRange).toBe(mapKey(each).startsWith(mapKey(prefix)));
      }),
    );
    expect(() => prefixRange(Uint8Array.of(0xff))).toThrow("0xff");
  });

  it("have nothing between one and the next", () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const after = keyAfter(a);
        expect(compareKeys(a, after)).toBeLessThan(0);
        expect(compareKeys(b, a) > 0 && compareKeys(b, after) < 0).toBe(false);
      }),
    );
  });

  it("are made of a kind and parts", () => {
    expect(makeKey(KEY_KIND.node)).toEqual(Uint8Array.of(0x14));
    expect(makeKey(KEY_KIND.node, Uint8Array.of(1, 2), Uint8Array.of(3))).toEqual(Uint8Array.of(0x14, 1, 2, 3));
  });
});
