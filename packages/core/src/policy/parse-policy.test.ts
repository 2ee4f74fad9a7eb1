import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PolicyParseError } from "./errors.ts";
import { formatPolicy } from "./format-policy.ts";
import { parsePolicy } from "./parse-policy.ts";

function problemOf(text: string): string {
  try {
    parsePolicy("p", text);
  } catch (error) {
    if (error instanceof PolicyParseError) return error.message.replace("failed to parse policy: ", "");
    throw error;
  }
  return "no error";
}

/** What the rules of a text say, without their places. */
function rulesOf(text: string): unknown {
  return parsePolicy("p", text).rules.map(({ pattern, capabilities, allowedParameters, requiredParameters }) => ({
    pattern,
    capabilities: [...capabilities],
    allowed: allowedParameters === undefined ? [] : [...allowedParameters],
    required: requiredParameters,
  }));
}

describe("parsePolicy", () => {
  it("reads everything that a rule can say", () => {
    const { rules } = parsePolicy(
      "app",
      `name = "ignored"
path "/secret/+/{{ identity.entity.name }}/x*" {
  comment             = "why"
  capabilities        = ["read", "list", "read"]
  allowed_parameters  = { "Foo" = [], "bar" = ["zip", "za*", 1, true, ["x"], { "k" = "v" }] }
  denied_parameters { "*" = [] }
  required_parameters = ["Foo", "foo"]
  min_wrapping_ttl    = "1m"
  max_wrapping_ttl    = 90
}`,
    );
    const [rule] = rules;
    expect(rules).toHaveLength(1);
    expect(rule).toMatchObject({
      policy: "app",
      pattern: "secret/+/{{ identity.entity.name }}/x*",
      at: { line: 2, column: 6 },
      capabilities: new Set(["read", "list"]),
      deniedParameters: new Map([["*", []]]),
      requiredParameters: ["foo"],
      minWrappingTtlSeconds: 60,
      maxWrappingTtlSeconds: 90,
    });
    expect(rule?.allowedParameters).toEqual(
      new Map<string, unknown>([
        ["foo", []],
        ["bar", ["zip", "za*", 1, true, ["x"], new Map([["k", "v"]])]],
      ]),
    );
  });

  it("reads the same from JSON, with and without lists around blocks", () => {
    const hcl = 'path "a" { capabilities = ["read"] required_parameters = ["x"] }\npath "b" { policy = "write" }';
    const json = { path: { a: { capabilities: ["read"], required_parameters: ["x"] }, b: { policy: "write" } } };
    const lists = { path: [{ a: [json.path.a] }, { b: json.path.b }] };
    expect(rulesOf(JSON.stringify(json))).toEqual(rulesOf(hcl));
    expect(rulesOf(JSON.stringify(lists))).toEqual(rulesOf(hcl));
  });

  it("knows Vault's shorthand, and lets deny stand alone", () => {
    const capabilities = (body: string): unknown => [
      ...(parsePolicy("p", `path "a" { ${body} }`).rules[0]?.capabilities ?? []),
    ];
    expect(capabilities('policy = "deny"')).toEqual(["deny"]);
    expect(capabilities('policy = "read"')).toEqual(["read", "list"]);
    expect(capabilities('policy = "write"')).toEqual(["create", "read", "update", "delete", "list"]);
    expect(capabilities('policy = "sudo"')).toEqual(["create", "read", "update", "delete", "list", "sudo"]);
    expect(capabilities('capabilities = ["read", "deny", "sudo"]')).toEqual(["deny"]);
    expect(capabilities("")).toEqual([]);
  });

  it("takes a policy without rules, and one path in several blocks", () => {
    expect(rulesOf("")).toEqual([]);
    expect(rulesOf("# nothing yet\n")).toEqual([]);
    expect(parsePolicy("p", 'path "a" {}\npath "a" {}').rules).toHaveLength(2);
  });

  it("names what is wrong, with line and column", () => {
    const table: readonly (readonly [string, string])[] = [
      ['path "a" {\n  capabilities = ["reed"]\n}', 'line 2, column 19: invalid capability "reed"; there are create,'],
      [
        'path "a" {\n  capabilites = ["read"]\n}',
        'line 2, column 3: path "a": unknown key "capabilites"; a rule knows',
      ],
      ['paths "a" {}', 'line 1, column 1: unknown key "paths": a policy is made of path "…" { … }'],
      ['path "a" { capabilities = "read" }', "line 1, column 27: capabilities must be a list of strings"],
      ['path "a" { capabilities = [1] }', "line 1, column 28: capabilities must be a list of strings"],
      ['path "a" { policy = "admin" }', "line 1, column 21: policy must be one of deny, read, write, sudo"],
      ['path "a/+*" {}', 'line 1, column 6: path "a/+*": +* is no wildcard; * ends a path, and + is one whole segment'],
      [
        'path "a/{{identity.entity.nmae}}" {}',
        'line 1, column 6: path "a/{{identity.entity.nmae}}": {{identity.entity.nmae}} is no template that policies know',
      ],
      ['path "a/{{identity.entity.id" {}', 'line 1, column 6: path "a/{{identity.entity.id": a {{ without its }}'],
      ['path "a/}}" {}', 'line 1, column 6: path "a/}}": a }} without its {{'],
      [
        'path "a" { min_wrapping_ttl = "2m" max_wrapping_ttl = "1m" }',
        "line 1, column 10: max_wrapping_ttl cannot be less than min_wrapping_ttl",
      ],
      [
        'path "a" { max_wrapping_ttl = "500ms" }',
        'line 1, column 31: max_wrapping_ttl must be a duration of whole seconds such as "90s" or "1h"',
      ],
      [
        'path "a" { min_wrapping_ttl = -1 }',
        'line 1, column 31: min_wrapping_ttl must be a duration of whole seconds such as "90s" or "1h"',
      ],
      [
        'path "a" { allowed_parameters = { "x" = "y" } }',
        'line 1, column 41: the values of "x" must be a list; [] is any value',
      ],
      [
        'path "a" { allowed_parameters = { "x" = [], "X" = [] } }',
        'line 1, column 45: allowed_parameters names "x" twice',
      ],
      [
        'path "a" { capabilities = []\ncapabilities = ["read"] }',
        'line 2, column 1: path "a": capabilities is given twice',
      ],
      ['path "a"', "line 1, column 9: expected = or {, found the end of the file"],
      ["path {}", 'line 1, column 1: path needs a pattern: path "…" { … }'],
      ['path = "a"', 'line 1, column 8: path needs a pattern and a block: path "…" { … }'],
      ['path "a" "b" {}', 'line 1, column 10: path "a": unknown key "b"; a rule knows'],
      ['{"path": {"a": 1}}', 'line 1, column 16: path "a" needs a block: path "a" { … }'],
      [`path "${"a".repeat(9000)}" {}`, "line 1, column 6: a path has at most 8192 characters"],
    ];
    for (const [text, message] of table) expect(problemOf(text).slice(0, message.length), text).toBe(message);
  });

  it.each([
    "mfa_methods",
    "control_group",
    "subscribe_event_types",
    "expiration",
    "pagination_limit",
    "list_scan_response_keys_filter_path",
  ])("refuses %s, which it would not enforce", (key) => {
    expect(problemOf(`path "a" {\n  ${key} = 1\n}`)).toBe(
      `line 2, column 3: path "a": ${key} is not enforced by this server; without it the rule means something else`,
    );
  });

  it("ends with a PolicyParseError, never another, and so does the formatter", () => {
    const piece = fc.constantFrom(
      'path "a" {',
      "}",
      "capabilities = [",
      '"read"',
      ",",
      "]",
      "{",
      "[",
      '"',
      "\n",
      "allowed_parameters = {",
      '"x" = [',
      "path",
      "=",
      "1",
      'policy = "',
      "{{",
      "}}",
      "identity.entity.id",
      "+",
      "*",
      "/",
      "min_wrapping_ttl = ",
      "<<E\n",
      "E\n",
      "#",
      "__proto__ = ",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join("");
        for (const run of [() => parsePolicy("p", text), () => formatPolicy(text)]) {
          try {
            run();
          } catch (error) {
            if (!(error instanceof PolicyParseError)) throw error;
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("formats a policy without changing what it says", () => {
    const text = 'path "a" { capabilities=["read"] // why\n}\npath "b" { policy = "write" }';
    expect(rulesOf(formatPolicy(text))).toEqual(rulesOf(text));
    expect(formatPolicy(text)).toBe(
      'path "a" {\n  capabilities = ["read"] // why\n}\n\npath "b" {\n  policy = "write"\n}\n',
    );
    expect(() => formatPolicy('path "a" { nothing = 1 }')).toThrow(PolicyParseError);
  });
});
