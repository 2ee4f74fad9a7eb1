import { fromUtf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { type Backend, defineBackend, definePath } from "./backend.ts";
import { dispatch, resolveOperation } from "./dispatch.ts";
import { LogicalError } from "./errors.ts";
import type { FieldSchemas, FieldType } from "./field.ts";
import { JsonNode } from "./json/document.ts";
import { RawJson } from "./json/value.ts";
import { type TestRequest, testContext, testRequest } from "./testing/requests.ts";

/** One path that answers with its field, whatever the type. */
function echo(type: FieldType): Backend {
  const fields: FieldSchemas = { name: { type: "string", description: "n" }, f: { type, description: "f" } };
  const handler = {
    summary: "s",
    handler: (_c: unknown, _r: unknown, given: { get(name: string): unknown }) => show(given.get("f")),
  };
  return defineBackend({
    type: "echo",
    help: "h",
    paths: [
      definePath({
        pattern: "echo/:name",
        fields,
        operations: { read: handler, create: handler, update: handler, patch: handler },
        existence: (_context, request) => request.path === "echo/there",
        synopsis: "s",
        description: "d",
      }),
    ],
  });
}

function show(value: unknown): { readonly kind: "data"; readonly data: { readonly f: string } } {
  const plain =
    value instanceof JsonNode ? fromUtf8(value.bytes()) : value instanceof Map ? Object.fromEntries(value) : value;
  return { kind: "data", data: { f: JSON.stringify(plain) ?? "undefined" } };
}

async function echoed(type: FieldType, request: Partial<TestRequest>): Promise<unknown> {
  try {
    const full = testRequest({ operation: "update", path: "echo/x", ...request });
    const response = await dispatch(echo(type), testContext(), full);
    const text = response.kind === "data" && !(response.data instanceof RawJson) ? response.data["f"] : undefined;
    return typeof text === "string" && text !== "undefined" ? JSON.parse(text) : text;
  } catch (thrown) {
    if (thrown instanceof LogicalError) return thrown.code;
    throw thrown;
  }
}

const INVALID = "invalid_field";

describe("fields from a body", () => {
  it.each<[FieldType, string, unknown]>([
    ["string", '"a\\u00e9"', "aé"],
    ["string", "12.50", "12.50"],
    ["string", "true", INVALID],
    ["string", "[]", INVALID],
    ["int", "5", 5],
    ["int", '"-5"', -5],
    ["int", '""', INVALID],
    ["int", "1.0", INVALID],
    ["int", "[7]", INVALID],
    ["int", '"0x10"', INVALID],
    ["int", "9007199254740993", INVALID],
    ["bool", "true", true],
    ["bool", '"false"', false],
    ["bool", "1", true],
    ["bool", '"0"', false],
    ["bool", '"yes"', INVALID],
    ["duration", "90", 90],
    ["duration", '"1h30m"', 5400],
    ["duration", '"-1s"', INVALID],
    ["signed-duration", '"-1s"', -1],
    ["signed-duration", '""', INVALID],
    ["comma-string-slice", '"a, b"', ["a", "b"]],
    ["comma-string-slice", '["a","b,c"]', ["a", "b,c"]],
    ["comma-string-slice", '""', []],
    ["comma-string-slice", "[[]]", INVALID],
    ["comma-int-slice", '"1,2"', [1, 2]],
    ["comma-int-slice", '[1,"2"]', [1, 2]],
    ["comma-int-slice", "7", [7]],
    ["comma-int-slice", '"1,,2"', INVALID],
    ["kv-pairs", '{"a":"b","n":1}', { a: "b", n: "1" }],
    ["kv-pairs", '"k=v,k2=v=2"', { k: "v", k2: "v=2" }],
    ["kv-pairs", '["k=v"]', { k: "v" }],
    ["kv-pairs", '"=v"', INVALID],
    ["kv-pairs", '{"a":{}}', INVALID],
    ["object", '{"a" : 1.10}', { a: 1.1 }],
    ["object", "[]", INVALID],
    ["json", "[1]", [1]],
  ])("%s from %s", async (type, value, expected) => {
    const answer = await echoed(type, { body: `{"f":${value}}` });
    expect(typeof answer === "string" && /^[{[]/.test(answer) ? JSON.parse(answer) : answer).toEqual(expected);
  });

  it("takes null as not given", async () => {
    expect(await echoed("int", { body: '{"f":null}' })).toBe("undefined");
  });

  it("names the field, never its value, in a refusal", () => {
    const request = testRequest({ operation: "update", path: "echo/x", body: '{"f":"hunter2"}' });
    expect(() => dispatch(echo("int"), testContext(), request)).toThrow(
      'error converting input for field "f": expected an integer',
    );
  });
});

describe("fields from a query", () => {
  const read = (value: readonly string[]) => ({
    ...testRequest({ operation: "read", path: "echo/x" }),
    query: new Map([["f", value]]),
  });

  it.each<[FieldType, readonly string[], string]>([
    ["int", ["3"], "3"],
    ["bool", ["true"], "true"],
    ["comma-string-slice", ["a,b"], '["a","b"]'],
    ["comma-string-slice", ["a", "b"], '["a","b"]'],
  ])("%s from %j", (type, value, expected) => {
    expect(dispatch(echo(type), testContext(), read(value))).toMatchObject({ data: { f: expected } });
  });

  it("refuses a plain field that is given twice", () => {
    expect(() => dispatch(echo("int"), testContext(), read(["1", "2"]))).toThrow(LogicalError);
  });

  it("does not read a body where the query speaks", async () => {
    expect(await echoed("int", { operation: "read", body: '{"f":1}' })).toBe("undefined");
  });
});

describe("dispatch", () => {
  it("warns of what it did not take, sorted", () => {
    const body = '{"zeta":1,"constructor":2,"name":"shadowed","__proto__":3}';
    const response = dispatch(echo("int"), testContext(), testRequest({ operation: "update", path: "echo/x", body }));
    expect(response).toMatchObject({
      warnings: [
        "Endpoint ignored these unrecognized parameters: [__proto__ constructor zeta]",
        "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [name]",
      ],
    });
  });

  it("does not echo without end", () => {
    const names = Array.from({ length: 40 }, (_, i) => `"${"x".repeat(200)}${i + 10}":1`);
    const request = testRequest({ operation: "update", path: "echo/x", body: `{${names.join(",")}}` });
    const { warnings } = dispatch(echo("int"), testContext(), request) as { readonly warnings: readonly string[] };
    expect(warnings[0]).toMatch(/^.{4000,4400}x… and 8 more\]$/);
  });

  it("refuses a list in one string that is longer than an array may be", async () => {
    expect(await echoed("comma-int-slice", { body: `{"f":"1${",1".repeat(10_000)}"}` })).toBe(INVALID);
  });

  it.each([
    ["a path that nobody serves", { path: "nowhere" }, "unsupported_path"],
    ["an operation that the path does not declare", { operation: "delete" }, "unsupported_operation"],
    ["a path that leaves the mount", { path: "echo/../x" }, "invalid_path"],
    ["a patch of another type", { operation: "patch", contentType: "application/json" }, "unsupported_media_type"],
    ["a patch without a type", { operation: "patch", contentType: "" }, "invalid_request"],
  ] as const)("refuses %s", async (_name, request, code) => {
    expect(await echoed("int", request)).toBe(code);
  });

  it("takes a patch whose type has parameters", async () => {
    const contentType = "application/merge-patch+json; charset=utf-8";
    expect(await echoed("int", { operation: "patch", contentType, body: '{"f":1}' })).toBe(1);
  });
});

describe("resolveOperation", () => {
  it("makes an update of what is not there a create, and leaves the rest", () => {
    const backend = echo("int");
    const resolve = (operation: TestRequest["operation"], path: string) =>
      resolveOperation(backend.route(path), testContext(), testRequest({ operation, path }));
    expect(resolve("update", "echo/there")).toBe("update");
    expect(resolve("update", "echo/new")).toBe("create");
    expect(resolve("read", "echo/new")).toBe("read");
    // Not an error yet: the policy speaks first.
    expect(resolve("update", "nowhere")).toBe("update");
  });
});
