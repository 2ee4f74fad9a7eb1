import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "./byte-io.ts";
import { toHex } from "./bytes.ts";
import { slabBytes, slabCopy } from "./slab.ts";

describe("slabBytes", () => {
  it("are zero and belong to one holder, whatever the lengths", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(6000), { maxLength: 40 }), (lengths) => {
        const all = lengths.map((length) => slabBytes(length));
        expect(all.every((bytes, i) => bytes.length === lengths[i] && bytes.every((byte) => byte === 0))).toBe(true);
        for (const [i, bytes] of all.entries()) bytes.fill(i + 1);
        expect(all.every((bytes, i) => bytes.every((byte) => byte === i + 1))).toBe(true);
      }),
    );
  });

  it("are copied into by slabCopy, which leaves the source alone", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (source) => {
        const before = toHex(source);
        const copy = slabCopy(source);
        expect(toHex(copy)).toBe(before);
        copy.fill(0xee);
        expect(toHex(source)).toBe(before);
      }),
    );
  });
});

describe("a ByteWriter over given bytes", () => {
  it("fills them, and leaves what follows them alone when it has to grow", () => {
    const block = new Uint8Array(8);
    const writer = new ByteWriter(block.subarray(0, 4)).u32(0x01020304);
    expect(toHex(block)).toBe("0102030400000000");
    expect(toHex(writer.u16(0x0506).view())).toBe("010203040506");
    expect(toHex(block)).toBe("0102030400000000");
  });
});
