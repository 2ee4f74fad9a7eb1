import { toHex } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeJoinToken,
  decodeJoinTokenRow,
  encodeJoinToken,
  encodeJoinTokenRow,
  isInNetwork,
  JOIN_TOKEN_TTL_MS,
  JoinTokenError,
  newJoinToken,
} from "./join-token.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const tokens = fc.record({
  addresses: fc.array(fc.constantFrom("10.0.0.1:8201", "[::1]:1", "node.example:65535"), {
    minLength: 1,
    maxLength: 16,
  }),
  caFingerprint: bytes(32).map(toHex),
  id: bytes(16),
  secret: bytes(32),
});

describe("join token", () => {
  it("comes back as it was, with white space around it", () => {
    fc.assert(
      fc.property(tokens, (token) => {
        expect(decodeJoinToken(` ${encodeJoinToken(token)}\n`)).toEqual(token);
      }),
    );
  });

  it("is one URL-safe word", () => {
    fc.assert(
      fc.property(tokens, (token) => {
        expect(encodeJoinToken(token)).toMatch(/^srjoin\.[A-Za-z0-9_-]+$/);
      }),
    );
  });

  it("is refused when a character is wrong or missing", () => {
    fc.assert(
      fc.property(tokens, fc.nat(), (token, at) => {
        const text = encodeJoinToken(token);
        const where = 7 + (at % (text.length - 8));
        const wrong = text[where] === "A" ? "B" : "A";
        expect(() => decodeJoinToken(text.slice(0, where) + wrong + text.slice(where + 1))).toThrow(JoinTokenError);
        expect(() => decodeJoinToken(text.slice(0, where))).toThrow(JoinTokenError);
      }),
    );
  });

  it("never fails otherwise, and never quotes what it was given", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String().map((text) => `srjoin.${text}`),
        ),
        (text) => {
          try {
            decodeJoinToken(text);
          } catch (error) {
            expect(error).toBeInstanceOf(JoinTokenError);
            if (text.length > 60) expect(String(error)).not.toContain(text);
          }
        },
      ),
    );
  });
});

describe("join token row", () => {
  it("comes back as it was", () => {
    const rows = fc.record({
      expiresAtMs: fc.nat({ max: 2 ** 47 }),
      open: fc.boolean(),
      name: fc.constantFrom(undefined, "node-2"),
      cidr: fc.constantFrom(undefined, "10.0.0.0/8"),
      used: fc.option(fc.record({ nodeId: fc.integer({ min: 1 }), publicKeySpki: fc.uint8Array() }), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(rows, (row) => {
        expect(decodeJoinTokenRow(encodeJoinTokenRow(row))).toEqual(row);
      }),
    );
  });

  it("is undefined for other bytes", () => {
    fc.assert(fc.property(fc.uint8Array(), (other) => void decodeJoinTokenRow(other)));
    expect(decodeJoinTokenRow(Uint8Array.of(9))).toBeUndefined();
  });
});

describe("newJoinToken", () => {
  const given = { addresses: ["a:1"], caFingerprint: "00".repeat(32), nowMs: 5 };

  it("lives ten minutes", () => {
    const { token, row } = newJoinToken(given, new SeededRandom(1));
    expect(row.expiresAtMs).toBe(5 + JOIN_TOKEN_TTL_MS);
    expect(decodeJoinToken(encodeJoinToken(token))).toEqual(token);
  });

  it("refuses names and networks that cannot be", () => {
    expect(() => newJoinToken({ ...given, name: "a b" }, new SeededRandom(1))).toThrow(JoinTokenError);
    for (const cidr of ["10.0.0.0", "10.0.0.0/33", "x/8", "::/129", "1.2.3/8"])
      expect(() => newJoinToken({ ...given, cidr }, new SeededRandom(1)), cidr).toThrow(JoinTokenError);
  });
});

describe("isInNetwork", () => {
  it.each([
    ["10.1.2.3", "10.0.0.0/8", true],
    ["::ffff:10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["2001:db8::5", "2001:db8::/32", true],
    ["2001:db9::5", "2001:db8::/32", false],
    ["", "0.0.0.0/0", false],
  ])("%s in %s: %s", (address, cidr, inside) => expect(isInNetwork(address, cidr)).toBe(inside));
});
