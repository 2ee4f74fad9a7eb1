import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeShare } from "./share-text.ts";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("decodeShare", () => {
  it("reads what hexadecimal and base64 encoders write", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 33, maxLength: 33 }), (share) => {
        const buffer = Buffer.from(share);
        expect(decodeShare(ascii(buffer.toString("hex")))).toEqual(share);
        expect(decodeShare(ascii(buffer.toString("hex").toUpperCase()))).toEqual(share);
        expect(decodeShare(ascii(buffer.toString("base64")))).toEqual(share);
      }),
    );
  });

  it("reads base64 of every length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (share) => {
        const text = Buffer.from(share).toString("base64");
        fc.pre(!/^[0-9a-fA-F]+$/.test(text));
        expect(decodeShare(ascii(text))).toEqual(share);
      }),
    );
  });

  it("refuses what is neither", () => {
    for (const text of [
      "",
      "xyz",
      "abc",
      "ab=c",
      "A===",
      "AB==",
      "Zm9v\\n",
      "Zm9v\n",
      " 00",
      "0x00",
      "Zm9_",
      "a".repeat(2048),
    ]) {
      expect(decodeShare(ascii(text)), text).toBeUndefined();
    }
  });
});
