import { LogicalError } from "@strongroom/logical";
import { fromUtf8, utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { formToJson, isForm } from "./form-body.ts";

const FORM = "application/x-www-form-urlencoded";
const json = (form: string): string => fromUtf8(formToJson(utf8(form)));

describe("a form", () => {
  it("is what says so and does not begin as JSON", () => {
    expect(isForm(FORM, utf8("a=b"))).toBe(true);
    expect(isForm(`${FORM}; charset=utf-8`, utf8(" a=b"))).toBe(true);
    expect(isForm(FORM, utf8(' \n{"a":1}'))).toBe(false);
    expect(isForm(FORM, utf8("[1]"))).toBe(false);
    expect(isForm(FORM, utf8(""))).toBe(false);
    expect(isForm("application/json", utf8("a=b"))).toBe(false);
    expect(isForm(undefined, utf8("a=b"))).toBe(false);
    expect(isForm(`${FORM}x`, utf8("a=b"))).toBe(false);
  });

  it("becomes an object of texts, in its order", () => {
    expect(json("ttl=1h&policies=a&policies=b%2Cc&display+name=J%C3%BCrg+%22x%22&flag")).toBe(
      '{"ttl":"1h","policies":"a,b,c","display name":"Jürg \\"x\\"","flag":""}',
    );
    expect(json("__proto__=1&10=a&9=b")).toBe('{"__proto__":"1","10":"a","9":"b"}');
    expect(json("a=b=c&&")).toBe('{"a":"b=c"}');
  });

  it("that is none is refused", () => {
    for (const bad of ["a=%", "a=%zz", "%c0%af=1"]) expect(() => json(bad)).toThrow(LogicalError);
    expect(() => formToJson(Uint8Array.of(0x61, 0x3d, 0xff))).toThrow(LogicalError);
    expect(() => json("a&".repeat(10_001))).toThrow(LogicalError);
  });
});
