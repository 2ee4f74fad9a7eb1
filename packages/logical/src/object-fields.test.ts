import { utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { parseJson } from "./json/scanner.ts";
import { objectFields } from "./object-fields.ts";

const SCHEMAS = {
  ttl: { type: "duration", description: "d" },
  names: { type: "comma-string-slice", description: "n" },
} as const;
const read = (text: string) => objectFields(SCHEMAS, parseJson(utf8(text)).object());

describe("objectFields", () => {
  it("coerces what is declared and names what is not", () => {
    const { fields, unknown } = read('{"ttl":"1h","names":"a, b","constructor":1}');
    expect([fields.get("ttl"), fields.get("names"), unknown]).toEqual([3600, ["a", "b"], ["constructor"]]);
  });

  it("takes null for not given, and refuses wrong values by the field's name", () => {
    const { fields } = read('{"ttl":null}');
    expect([fields.has("ttl"), fields.isNull("ttl")]).toEqual([false, true]);
    expect(() => read('{"ttl":"soon"}')).toThrow('error converting input for field "ttl"');
    expect(objectFields(SCHEMAS, undefined).unknown).toEqual([]);
  });
});
