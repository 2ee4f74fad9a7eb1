import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BadTargetError, parseQuery, parseTarget, queryBoolean } from "./target.ts";

describe("parseTarget", () => {
  it("decodes once and keeps everything else", () => {
    const table: readonly (readonly [string, string, string])[] = [
      ["/v1/secret/data/a", "/v1/secret/data/a", ""],
      ["/v1/a%20b?x=1", "/v1/a b", "x=1"],
      ["/v1/a%252Fb", "/v1/a%2Fb", ""],
      ["/v1/a%3Fx", "/v1/a?x", ""],
      ["/v1/caf%C3%A9", "/v1/café", ""],
      ["/v1/a;/b", "/v1/a;/b", ""],
      ["/v1/...", "/v1/...", ""],
      ["/v1/a/", "/v1/a/", ""],
      ["/V1/a", "/V1/a", ""],
      ["/v1/a??b", "/v1/a", "?b"],
    ];
    for (const [raw, path, query] of table) expect(parseTarget(raw), raw).toEqual({ path, query });
  });

  it("refuses what hides, climbs or has two readings", () => {
    const raws = [
      "",
      "v1/a",
      "*",
      "http://evil/v1/x",
      "//sys/raw",
      "/v1//a",
      "/v1/a//b",
      "/v1/a/..",
      "/v1/a/../b",
      "/v1/./a",
      "/v1/a/%2e%2e/b",
      "/v1/a/.%2E/b",
      "/v1/a%2Fb",
      "/v1/a%2fb",
      "/v1/a%5Cb",
      "/v1/a\\b",
      "/v1/a%00b",
      "/v1/%0a",
      "/v1/%7f",
      "/v1/%C0%AF",
      "/v1/%ff",
      "/v1/%",
      "/v1/%4",
      "/v1/%ZZ",
      "/v1/%E2%80%AE",
      "/v1/%E2%80%8B",
      "/v1/é",
      "/v1/a b%20",
      "/v1/%C2%85",
      `/v1/${"a/".repeat(70)}`,
      `/v1/${"a".repeat(5000)}`,
    ];
    for (const raw of raws) expect(() => parseTarget(raw), raw).toThrow(BadTargetError);
  });

  it("gives back any path of printable segments that was encoded once", () => {
    const segment = fc
      .string({ minLength: 1, maxLength: 12, unit: "grapheme" })
      .filter((text) => !/[/\\]|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text) && text !== "." && text !== "..");
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
        const raw = `/${segments.map(encodeURIComponent).join("/")}`;
        expect(parseTarget(raw).path).toBe(`/${segments.join("/")}`);
      }),
    );
  });

  it("throws nothing but BadTargetError", () => {
    const piece = fc.constantFrom(
      "/",
      "%",
      "2",
      "f",
      ".",
      "\\",
      "a",
      "?",
      "%2e",
      "%c3",
      "%a9",
      "é",
      "\u0000",
      "&",
      "=",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        try {
          parseQuery(parseTarget(pieces.join("")).query);
        } catch (error) {
          expect(error).toBeInstanceOf(BadTargetError);
        }
      }),
    );
  });
});

describe("parseQuery", () => {
  it("keeps repetition and order, and takes + for a blank", () => {
    expect([...parseQuery("a=1&b=x+y&a=2&c&=d&&e=%26")]).toEqual([
      ["a", ["1", "2"]],
      ["b", ["x y"]],
      ["c", [""]],
      ["", ["d"]],
      ["e", ["&"]],
    ]);
    expect(() => parseQuery("a&".repeat(200))).toThrow("more than 128 parameters");
  });

  it("reads booleans as Go does", () => {
    for (const text of ["1", "t", "T", "true", "TRUE", "True"])
      expect(queryBoolean(parseQuery(`x=${text}`), "x")).toBe(true);
    for (const text of ["0", "f", "F", "false", "FALSE", "False"]) {
      expect(queryBoolean(parseQuery(`x=${text}`), "x")).toBe(false);
    }
    expect(queryBoolean(parseQuery(""), "x")).toBe(false);
    for (const text of ["", "yes", "tRue", "2"]) {
      expect(() => queryBoolean(parseQuery(`x=${text}`), "x")).toThrow("must be true or false");
    }
  });
});
