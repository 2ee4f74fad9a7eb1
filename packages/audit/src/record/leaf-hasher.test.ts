import { createHmac } from "node:crypto";
import { type JsonValue, RawJson } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testSalt } from "../testing/salt.ts";
import { hashedData } from "./leaf-hasher.ts";

const { salt } = testSalt();
const hmac = (text: string): string =>
  `hmac-sha256:${createHmac("sha256", new Uint8Array(32).fill(7)).update(text).digest("hex")}`;
const raw = (text: string): RawJson => new RawJson(utf8(text));
const plain = (data: JsonValue, clear?: readonly string[]): unknown =>
  JSON.parse(hashedData(data, salt, clear === undefined ? undefined : new Set(clear)));

/** What the rules say, over a parsed value. */
function model(value: unknown, clear: ReadonlySet<string>, key = ""): unknown {
  if (typeof value === "string") return clear.has(key) ? value : hmac(value);
  if (Array.isArray(value)) return value.map((one) => model(one, clear, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, model(one, clear, name)]));
}

describe("hashedData", () => {
  it("puts an HMAC in the place of each string of a client's JSON, and leaves all else, as a model does", () => {
    const json = fc.json({ noUnicodeString: false, maxDepth: 4 }).filter((text) => !/\\ud[89a-f]|\p{Cs}/iu.test(text));
    fc.assert(
      fc.property(json, fc.boolean(), (text, spaced) => {
        const body = spaced ? JSON.stringify(JSON.parse(text), null, "\t \n") : text;
        const out = hashedData(raw(body), salt);
        expect(out).not.toMatch(/[\n\t]/);
        expect(JSON.parse(out)).toEqual(model(JSON.parse(text), new Set()));
      }),
    );
  });

  it("does the same with values of the server's own", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }), (value) => {
        fc.pre(!JSON.stringify(value).includes("__proto__"));
        expect(plain(value as JsonValue)).toEqual(model(JSON.parse(JSON.stringify(value)), new Set()));
      }),
    );
  });

  it("leaves the strings under named members in the clear, at any depth and in lists", () => {
    const text = '{"a":{"show":"1","hide":"2"},"show":["3",{"x":"4"},["5"]],"\\u0073how":"6"}';
    const expected = { a: { show: "1", hide: hmac("2") }, show: "6" };
    expect(plain(raw(text), ["show"])).toEqual(expected);
    expect(plain(raw('{"show":["3",{"x":"4"},["5"]],"after":"7"}'), ["show"])).toEqual({
      show: ["3", { x: hmac("4") }, ["5"]],
      after: hmac("7"),
    });
    expect(plain({ show: ["3", { x: "4" }], after: "7" }, ["show"])).toEqual({
      show: ["3", { x: hmac("4") }],
      after: hmac("7"),
    });
  });

  it("keeps the digits of numbers", () => {
    expect(hashedData(raw('{"n":12345678901234567890.10}'), salt)).toBe('{"n":12345678901234567890.10}');
  });

  it("hashes what a string says, not how it is escaped", () => {
    expect(plain(raw('["\\u00e4\\"\\\\"]'))).toEqual([hmac('ä"\\')]);
    expect(plain(raw(`["${"x".repeat(100)}\\\\","b"]`))).toEqual([hmac(`${"x".repeat(100)}\\`), hmac("b")]);
  });

  it("leaves times that the server wrote legible, and not those that a client wrote", () => {
    const time = "2030-01-02T03:04:05.678Z";
    expect(plain({ created_time: time, data: raw(`{"born":"${time}"}`) })).toEqual({
      created_time: time,
      data: { born: hmac(time) },
    });
  });

  it("records one HMAC over what has too many strings or too much text", () => {
    const many = JSON.stringify(Array.from({ length: 3000 }, (_, i) => `s${i}`));
    expect(plain(raw(many))).toEqual({ elided: true, hmac: hmac(many) });
    const long = `{${Array.from({ length: 3000 }, (_, i) => `"${"k".repeat(100)}${i}":1`).join(",")}}`;
    expect(plain(raw(long))).toEqual({ elided: true, hmac: hmac(long) });
    expect(hashedData(raw(JSON.stringify({ value: "v".repeat(1_000_000) })), salt).length).toBeLessThan(100);
  });

  it("says nothing of a string while there is no salt", () => {
    const { salt: closed, source } = testSalt();
    source.sealed = true;
    expect(JSON.parse(hashedData(raw('{"key":"share"}'), closed))).toEqual({ key: "redacted" });
  });
});
