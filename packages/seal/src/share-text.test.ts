import { utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidShareError } from "./errors.ts";
import { formatShare, parseShare } from "./share-text.ts";

const share = fc.oneof(
  fc.uint8Array({ minLength: 33, maxLength: 33 }),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
);

describe("parseShare", () => {
  it("reads hexadecimal in both cases, and base64, with blanks around", () => {
    fc.assert(
      fc.property(share, (bytes) => {
        const hex = Buffer.from(bytes).toString("hex");
        const base64 = Buffer.from(bytes).toString("base64");
        for (const text of [hex, hex.toUpperCase(), base64, ` ${base64}\r\n`])
          expect(parseShare(utf8(text))).toEqual(bytes);
      }),
    );
  });

  it("refuses what is neither", () => {
    for (const text of [
      "",
      " ",
      "abc",
      "zz zz",
      "===",
      "AAAA=AAA",
      "AAA=AAAA",
      "_-_-",
      "\u00e9",
      "AB==AB==",
      "A===",
      "AAF=",
    ]) {
      expect(() => parseShare(utf8(text))).toThrow(InvalidShareError);
    }
  });

  it("takes every base64 text that Node takes back unchanged, and no other", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 4, maxLength: 12, unit: fc.constantFrom("A", "b", "9", "+", "/", "=", "-", "!") }),
        (text) => {
          const valid = text.length % 4 === 0 && Buffer.from(text, "base64").toString("base64") === text;
          const hex = text.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(text);
          const parse = () => parseShare(utf8(text));
          if (hex) expect(Buffer.from(parse()).toString("hex")).toBe(text.toLowerCase());
          else if (valid) expect(Buffer.from(parse()).toString("base64")).toBe(text);
          else expect(parse).toThrow(InvalidShareError);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("never says the share in its error", () => {
    expect(() => parseShare(utf8("not-a-share-but-secret"))).toThrow(/^((?!secret).)*$/);
  });
});

describe("formatShare", () => {
  it("gives standard base64", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(Buffer.from(formatShare(bytes)).toString()).toBe(Buffer.from(bytes).toString("base64"));
      }),
    );
  });
});
