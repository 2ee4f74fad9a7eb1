import { fromUtf8, utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonError } from "./errors.ts";
import { DEFAULT_JSON_LIMITS, type JsonLimits } from "./limits.ts";
import { JsonScanner, parseJson, scanJson } from "./scanner.ts";

/** The code of the refusal, or "accepted". */
function verdict(bytes: Uint8Array, limits: Partial<JsonLimits> = {}): string {
  try {
    scanJson(bytes, { ...DEFAULT_JSON_LIMITS, ...limits });
    return "accepted";
  } catch (thrown) {
    if (thrown instanceof JsonError) return thrown.code;
    throw thrown;
  }
}

function chunked(bytes: Uint8Array, cuts: readonly number[]): string {
  const scanner = new JsonScanner();
  try {
    let start = 0;
    for (const end of [...cuts, bytes.length]) {
      scanner.push(bytes.subarray(start, end));
      start = end;
    }
    return fromUtf8(scanner.finish().root.bytes());
  } catch (thrown) {
    if (thrown instanceof JsonError) return `${thrown.code} at ${thrown.offset}`;
    throw thrown;
  }
}

function whole(bytes: Uint8Array): string {
  try {
    return fromUtf8(parseJson(bytes).root.bytes());
  } catch (thrown) {
    if (thrown instanceof JsonError) return `${thrown.code} at ${thrown.offset}`;
    throw thrown;
  }
}

const RICH =
  '{"a":[1.10,-0,1e400,0.5E-7,9007199254740993],"\\u00e9\\ud83d\\ude00é😀":{"t":true,"f":false,"n":null,"":""}, "z" : [ ] }';

describe("parseJson", () => {
  it.each([
    ["null"],
    ["true"],
    [" false\n"],
    ["0"],
    ["-0"],
    ["1.10"],
    ["1E+2"],
    ["1e400"],
    ['""'],
    ['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD83D\\uDE00"'],
    ["[]"],
    ["{}"],
    ["[[],{}]"],
    ['{"__proto__":1,"constructor":2}'],
    [RICH],
  ])("accepts %s", (text) => {
    expect(verdict(utf8(text))).toBe("accepted");
  });

  it.each([
    [""],
    [" "],
    ["nul"],
    ["nulL"],
    ["truefalse"],
    ["1 2"],
    ["01"],
    ["-"],
    ["+1"],
    [".5"],
    ["1."],
    ["1.e2"],
    ["1e"],
    ["1e+"],
    ["0x10"],
    ["NaN"],
    ["Infinity"],
    ["'a'"],
    ['"'],
    ['"\\'],
    ['"\\x"'],
    ['"\\u12"'],
    ['"\\u12g4"'],
    ['"\n"'],
    ['"\u0000"'],
    ["["],
    ["]"],
    ["[1"],
    ["[1,"],
    ["[1,]"],
    ["[,1]"],
    ["[1 2]"],
    ["[1}"],
    ["{"],
    ["}"],
    ["{]"],
    ['{"a"'],
    ['{"a":'],
    ['{"a":1'],
    ['{"a":1,}'],
    ['{"a" 1}'],
    ["{a:1}"],
    ["{1:1}"],
    ['{"a":1]'],
    ["{}{}"],
    ["// c\n1"],
    ["\u00a01"],
    ["\u000b1"],
  ])("refuses %j", (text) => {
    expect(verdict(utf8(text))).toBe("malformed_json");
  });

  it.each([
    ["a lone high surrogate", '"\\ud800"'],
    ["a lone low surrogate", '"\\udc00"'],
    ["two high surrogates", '"\\ud800\\ud800"'],
    ["two low surrogates", '"\\udc00\\udc00"'],
    ["a high surrogate before a letter", '"\\ud800a"'],
    ["a high surrogate before another escape", '"\\ud800\\n"'],
    ["a lone surrogate in a key", '{"\\udfff":1}'],
  ])("refuses %s, which no UTF-8 can say", (_name, text) => {
    expect(verdict(utf8(text))).toBe("malformed_json");
  });

  it.each([
    ["a byte order mark", [0xef, 0xbb, 0xbf, 0x31]],
    ["a continuation alone", [0x22, 0x80, 0x22]],
    ["an overlong slash", [0x22, 0xc0, 0xaf, 0x22]],
    ["an overlong of three bytes", [0x22, 0xe0, 0x9f, 0xbf, 0x22]],
    ["an overlong of four bytes", [0x22, 0xf0, 0x8f, 0xbf, 0xbf, 0x22]],
    ["an encoded surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ["a character past U+10FFFF", [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
    ["a byte of no encoding", [0x22, 0xff, 0x22]],
    ["a character cut short", [0x22, 0xe2, 0x82, 0x22]],
    ["a character cut by the end", [0x22, 0xe2, 0x82]],
    ["UTF-16", [0x22, 0x00, 0x61, 0x00]],
  ])("refuses %s", (_name, bytes) => {
    expect(verdict(Uint8Array.from(bytes))).toBe("malformed_json");
  });

  it.each([
    ['{"a":1,"a":1}'],
    ['{"a":1,"\\u0061":2}'],
    ['{"é":1,"\\u00e9":2}'],
    ['{"😀":1,"\\ud83d\\ude00":2}'],
    ['[{"x":{"__proto__":1,"__proto__":2}}]'],
    ['{"":1,"":2}'],
  ])("refuses the duplicate key in %s", (text) => {
    expect(verdict(utf8(text))).toBe("duplicate_json_key");
  });

  it("tells keys apart that differ in normalisation only", () => {
    expect(verdict(utf8('{"\u00e9":1,"e\u0301":2}'))).toBe("accepted");
  });

  it("agrees with JSON.parse on documents and on documents with a wound", () => {
    const alphabet = '{}[]:,"\\0123456789.eE+-truefalsn u\n\té'.split("");
    const wound = fc.record({
      at: fc.nat(),
      remove: fc.nat(2),
      insert: fc.array(fc.constantFrom(...alphabet), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.array(wound, { maxLength: 2 }), (json, wounds) => {
        let text = json;
        for (const { at, remove, insert } of wounds) {
          const place = text.length === 0 ? 0 : at % text.length;
          text = text.slice(0, place) + insert.join("") + text.slice(place + remove);
        }
        const ours = verdict(utf8(text));
        // Two refusals go beyond JSON.parse.
        if (ours === "duplicate_json_key" || /\\u[dD][89a-fA-F]/.test(text) || /\p{Cs}/u.test(text)) return;
        expect(ours).toBe(acceptedByPlatform(text) ? "accepted" : "malformed_json");
      }),
      { numRuns: 2000 },
    );
  });
});

describe("JsonScanner", () => {
  it("reads alike wherever the chunks are cut", () => {
    const bytes = utf8(RICH);
    for (let cut = 0; cut <= bytes.length; cut++) expect(chunked(bytes, [cut])).toBe(RICH);
    expect(chunked(bytes, Array.from(bytes.keys()))).toBe(RICH);
  });

  it("refuses alike wherever the chunks are cut", () => {
    for (const text of [
      '{"a":tru,}',
      '{"a":"\\ud83d\\u0041"}',
      '["\\u00zz"]',
      "[1.5e+]",
      '{"a":1,"\\u0061":1}',
      '["abc',
    ]) {
      const bytes = utf8(text);
      for (let cut = 0; cut <= bytes.length; cut++) expect(chunked(bytes, [cut])).toBe(whole(bytes));
    }
  });

  it("reads any document in any chunks", () => {
    fc.assert(
      fc.property(fc.json(), fc.array(fc.nat(200), { maxLength: 6 }), (json, places) => {
        const bytes = utf8(json);
        const cuts = places.map((place) => Math.min(place, bytes.length)).sort((a, b) => a - b);
        expect(chunked(bytes, cuts)).toBe(whole(bytes));
      }),
    );
  });

  it("never accepts a document that is cut short", () => {
    const bytes = utf8(RICH);
    for (let length = 0; length < bytes.length; length++)
      expect(verdict(bytes.subarray(0, length))).toBe("malformed_json");
  });

  it("refuses a bomb before its body has arrived", () => {
    const scanner = new JsonScanner();
    expect(() => scanner.push(utf8("[".repeat(65)))).toThrow(/nested too deeply/);
    const endless = new JsonScanner({ ...DEFAULT_JSON_LIMITS, maxBytes: 1000 });
    endless.push(new Uint8Array(1000).fill(0x20));
    expect(() => endless.push(utf8(" "))).toThrow(JsonError);
  });

  it("never tells the text around an error", () => {
    expect(() => parseJson(utf8('{"password":"hunter2" "x"}'))).toThrow(/^(?!.*hunter2)/);
  });
});

describe("the limits of the scanner", () => {
  const deep = (depth: number): Uint8Array => utf8("[".repeat(depth) + "]".repeat(depth));
  const row = (length: number, item: (i: number) => string): string =>
    Array.from({ length }, (_, i) => item(i)).join(",");

  it.each([
    ["depth", deep(64), deep(65)],
    ["elements", utf8(`[${row(10_000, String)}]`), utf8(`[${row(10_001, String)}]`)],
    ["members", utf8(`{${row(10_000, (i) => `"${i}":0`)}}`), utf8(`{${row(10_001, (i) => `"${i}":0`)}}`)],
  ])("bounds %s", (_name, most, more) => {
    expect([verdict(most), verdict(more)]).toEqual(["accepted", "json_too_complex"]);
  });

  it("bounds strings, keys among them", () => {
    expect(verdict(utf8('{"a":"b","c":"d"}'), { maxStrings: 4 })).toBe("accepted");
    expect(verdict(utf8('{"a":"b","c":"d"}'), { maxStrings: 3 })).toBe("json_too_complex");
  });

  it("bounds values, containers among them", () => {
    expect(verdict(utf8('{"a":[1,{}]}'), { maxValues: 4 })).toBe("accepted");
    expect(verdict(utf8('{"a":[1,{}]}'), { maxValues: 3 })).toBe("json_too_complex");
  });

  it("bounds bytes", () => {
    expect([verdict(utf8('"12345"'), { maxBytes: 7 }), verdict(utf8('"123456"'), { maxBytes: 7 })]).toEqual([
      "accepted",
      "body_too_large",
    ]);
  });
});

function acceptedByPlatform(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
