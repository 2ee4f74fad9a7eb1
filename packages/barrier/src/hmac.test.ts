import { createHmac } from "node:crypto";
import { fromHex, toHex, utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hmacSha256 } from "./hmac.ts";

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("hmacSha256", () => {
  it("gives what Node's own gives, and does not depend on what it was asked before", () => {
    fc.assert(
      fc.property(key, fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (secret, a, b) => {
        const expected = createHmac("sha256", secret).update(a).update(b).digest("hex");
        expect(toHex(hmacSha256(secret, a, b))).toBe(expected);
        expect(toHex(hmacSha256(secret, a))).toBe(createHmac("sha256", secret).update(a).digest("hex"));
      }),
    );
  });

  it.each([0, 55, 56, 64, 16_383, 16_384, 16_385, 100_000])("takes a message of %i bytes", (length) => {
    const secret = new Uint8Array(32).fill(7);
    const message = new Uint8Array(length).fill(9);
    expect(toHex(hmacSha256(secret, message))).toBe(createHmac("sha256", secret).update(message).digest("hex"));
  });

  it("agrees with RFC 4231 where its key is padded to 32 bytes, as HMAC itself pads it", () => {
    const secret = new Uint8Array(32);
    secret.set(utf8("Jefe"));
    const mac = hmacSha256(secret, utf8("what do ya want "), utf8("for nothing?"));
    expect(mac).toEqual(fromHex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  });
});
