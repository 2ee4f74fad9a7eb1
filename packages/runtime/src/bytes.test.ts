import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBytes, concatBytes, equalBytes, fromHex, fromUtf8, toHex, utf8 } from "./bytes.ts";

const bytes = fc.uint8Array({ maxLength: 24 });

describe("compareBytes", () => {
  it("orders as a comparison of the hexadecimal texts does", () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const expected = toHex(a) < toHex(b) ? -1 : toHex(a) > toHex(b) ? 1 : 0;
        expect(Math.sign(compareBytes(a, b))).toBe(expected);
        expect(equalBytes(a, b)).toBe(expected === 0);
      }),
    );
  });
});

describe("toHex and fromHex", () => {
  it("undo each other", () => {
    fc.assert(fc.property(bytes, (a) => equalBytes(fromHex(toHex(a)), a)));
  });

  it("refuse what is not hexadecimal", () => {
    for (const text of ["0", "zz", "0x", "1 "]) expect(() => fromHex(text)).toThrow(RangeError);
  });
});

describe("utf8", () => {
  it("refuses bytes that are not UTF-8 and keeps a byte order mark", () => {
    expect(() => fromUtf8(Uint8Array.of(0xc0, 0x80))).toThrow(TypeError);
    expect(fromUtf8(utf8("\ufeffa"))).toBe("\ufeffa");
  });
});

describe("concatBytes", () => {
  it("joins in order", () => {
    fc.assert(
      fc.property(fc.array(bytes), (parts) => {
        expect(toHex(concatBytes(parts))).toBe(parts.map(toHex).join(""));
      }),
    );
  });
});
