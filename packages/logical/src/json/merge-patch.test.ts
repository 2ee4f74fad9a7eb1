import { fromUtf8, utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergePatch } from "./merge-patch.ts";
import { parseJson } from "./scanner.ts";

function patched(target: string, patch: string): string {
  return fromUtf8(mergePatch(parseJson(utf8(target)).root, parseJson(utf8(patch)).root));
}

describe("mergePatch", () => {
  // RFC 7396, appendix A.
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', "{}"],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', "null", "null"],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
    ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])("makes of %s and %s %s", (target, patch, result) => {
    expect(patched(target, patch)).toBe(result);
  });

  it("leaves the bytes of untouched members alone, and their places", () => {
    const target =
      '{"big":9007199254740993,"n":1.10,"z":-0,"inf":1e400,"__proto__":{"x" : [ 1 ]},"\\u0061":"\\/","o":{"k":0.10,"l":2}}';
    expect(patched(target, '{"new":1.0,"o":{"l":3.00}}')).toBe(
      '{"big":9007199254740993,"n":1.10,"z":-0,"inf":1e400,"__proto__":{"x" : [ 1 ]},"\\u0061":"\\/","o":{"k":0.10,"l":3.00},"new":1.0}',
    );
  });

  it("meets keys decoded: an escape names the same member", () => {
    expect(patched('{"\\u0061":1}', '{"a":2}')).toBe('{"\\u0061":2}');
  });

  it("treats __proto__ as a name", () => {
    expect(patched('{"__proto__":{"a":1}}', '{"__proto__":{"b":2}}')).toBe('{"__proto__":{"a":1,"b":2}}');
  });

  it("agrees with the RFC's pseudocode", () => {
    const key = fc.constantFrom("a", "b", "c");
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(null, 1, "x", [1, null]),
        fc.dictionary(key, tie("tree"), { noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tree, tree, (target, patch) => {
        const ours: unknown = JSON.parse(patched(JSON.stringify(target), JSON.stringify(patch)));
        expect(ours).toEqual(model(target, patch));
      }),
      { numRuns: 500 },
    );
  });
});

/** RFC 7396 §2, word for word. */
function model(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = model(result[name], value);
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
