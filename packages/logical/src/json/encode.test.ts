import { AssertionError, fromUtf8, utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeJson } from "./encode.ts";
import { type JsonValue, RawJson } from "./value.ts";

describe("encodeJson", () => {
  it("writes what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(fromUtf8(encodeJson(value as JsonValue))).toBe(JSON.stringify(value));
      }),
    );
  });

  it("splices raw text between its own", () => {
    const raw = new RawJson(utf8('{"n" : 1.10}'));
    expect(fromUtf8(encodeJson({ a: "é", data: raw, list: [raw, 1] }))).toBe(
      '{"a":"é","data":{"n" : 1.10},"list":[{"n" : 1.10},1]}',
    );
    expect(fromUtf8(encodeJson(raw))).toBe('{"n" : 1.10}');
  });

  it("keeps the order of a map, and its strange keys", () => {
    const map = new Map([
      ["2", 0],
      ["1", 0],
      ["__proto__", 1],
    ]);
    expect(fromUtf8(encodeJson(map))).toBe('{"2":0,"1":0,"__proto__":1}');
  });

  it("asserts what JSON cannot say", () => {
    expect(() => encodeJson({ n: Number.NaN })).toThrow(AssertionError);
  });
});
