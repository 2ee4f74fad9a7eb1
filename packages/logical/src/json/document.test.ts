import { fromUtf8, utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonNode, parseInteger } from "./document.ts";
import { parseJson } from "./scanner.ts";

function root(text: string): JsonNode {
  return parseJson(utf8(text)).root;
}

/** The plain value, numbers as their own text. */
function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case "null":
      return null;
    case "boolean":
      return node.asBoolean();
    case "number":
      return Number(node.asNumberText());
    case "string":
      return node.asString();
    case "array":
      return node.elements().map(plain);
    case "object":
      return Object.fromEntries(node.members().map(({ key, value }) => [key, plain(value)]));
  }
}

describe("JsonNode", () => {
  it("reads what JSON.parse reads", () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), (json) => {
        fc.pre(!/\p{Cs}/u.test(json) && !/\\ud[89a-f]/i.test(json));
        expect(plain(root(json))).toEqual(JSON.parse(json));
      }),
    );
  });

  it("keeps members in the order of the text, whatever their names", () => {
    const members = root('{"2":0,"1":0,"__proto__":{"x":1},"toString":0}').members();
    expect(members.map(({ key }) => key)).toEqual(["2", "1", "__proto__", "toString"]);
  });

  it("finds a member by its decoded key", () => {
    const node = root('{"a":{"deep":[1,2]},"\\u0062":"found","__proto__":7}');
    expect(node.get("b")?.asString()).toBe("found");
    expect(node.get("__proto__")?.asInteger()).toBe(7);
    expect(node.get("deep")).toBeUndefined();
    expect(node.get("hasOwnProperty")).toBeUndefined();
  });

  it.each(["9007199254740993", "1.10", "-0", "1e400", '"\\u0061\\/"', '[ 1 , "x" ]', '{"a" :1}'])(
    "gives the bytes of %s back",
    (text) => {
      expect(fromUtf8(root(` ${text} `).bytes())).toBe(text);
    },
  );

  it("decodes strings short and long, plain and escaped", () => {
    const long = "ä".repeat(100);
    expect(root(`"${long}"`).asString()).toBe(long);
    expect(root('"é"').asString()).toBe("é");
    expect(root('"\\ud83d\\ude00\\u0000"').asString()).toBe("😀\u0000");
    expect(root("1").asString()).toBeUndefined();
  });
});

describe("parseInteger", () => {
  it.each([
    ["0", 0],
    ["7", 7],
    ["-12", -12],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ])("takes %s", (text, value) => {
    expect(parseInteger(text)).toBe(value);
  });

  it.each(["", " 1", "1 ", "+1", "-0", "01", "0x10", "1e2", "1.0", "9007199254740992", "99999999999999999999", "٣"])(
    "refuses %j",
    (text) => {
      expect(parseInteger(text)).toBeUndefined();
    },
  );
});
