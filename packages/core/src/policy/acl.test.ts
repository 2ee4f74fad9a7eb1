import { parseJson } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { type CompiledAcl, compileAcl } from "./acl.ts";
import { BUILT_IN_POLICIES } from "./built-in-policies.ts";
import type { AclOperation, AclQuery, RequestParameters } from "./decision.ts";
import { MixedRootPolicyError } from "./errors.ts";
import { parsePolicy } from "./parse-policy.ts";
import type { TemplateContext, TemplateEntity } from "./template-context.ts";
import { NO_IDENTITY } from "./template-context.ts";

function aclOf(...texts: readonly string[]): CompiledAcl {
  return compileAcl(
    texts.map((text, i) => parsePolicy(`p${i}`, text)),
    NO_IDENTITY,
  );
}

/** `path "a" read list` lines as a policy. */
function rules(...lines: readonly string[]): string {
  return lines
    .map((line) => {
      const [path = "", ...capabilities] = line.split(" ");
      return `path ${JSON.stringify(path)} { capabilities = ${JSON.stringify(capabilities)} }`;
    })
    .join("\n");
}

function outcome(acl: CompiledAcl, operation: AclOperation, path: string, more: Partial<AclQuery> = {}): string {
  return acl.check({ path, operation, ...more }).outcome;
}

function body(text: string): RequestParameters {
  const object = parseJson(utf8(text)).object();
  if (object === undefined) throw new Error("not an object");
  return object;
}

describe("the rule that counts", () => {
  it("is the one that Vault's order of priority names", () => {
    const table: readonly (readonly [string, readonly string[]])[] = [
      // Each pattern wins over the next, on the path before them.
      ["a/b/c", ["a/b/c", "a/b/*", "a/+/c", "a/*", "a/+/*", "+/b/c", "+/b/+", "*", "+/+/c*", "+/+/*"]],
      ["a/b/c", ["a/b/+", "a/b/*"]],
      ["a/b/c", ["+/b/c", "+/+/c"]],
      ["a/b/c", ["+/b/c*", "+/b/*"]],
      ["abc", ["abc*", "ab*", "a*", "+", "*"]],
    ];
    for (const [path, patterns] of table) {
      for (const [i, better] of patterns.entries()) {
        for (const worse of patterns.slice(i + 1)) {
          const decision = aclOf(rules(`${worse} read`, `${better} update`)).check({ path, operation: "update" });
          expect(decision.outcome, `${better} over ${worse}`).toBe("allowed");
          expect(decision.rules.map(({ pattern }) => pattern)).toEqual([better]);
        }
      }
    }
  });

  it("knows * only at the end and + only as a whole segment", () => {
    const acl = aclOf(rules("a/*/c read", "b/+ read", "c/+x read", "d/+/e* read"));
    expect(outcome(acl, "read", "a/b/c")).toBe("denied");
    expect(outcome(acl, "read", "a/*/c")).toBe("allowed");
    expect(outcome(acl, "read", "b/x")).toBe("allowed");
    expect(outcome(acl, "read", "b/x/y")).toBe("denied");
    expect(outcome(acl, "read", "c/yx")).toBe("denied");
    expect(outcome(acl, "read", "c/+x")).toBe("allowed");
    expect(outcome(acl, "read", "d/x/ef/g")).toBe("allowed");
    expect(outcome(acl, "read", "d/x")).toBe("denied");
  });

  it("counts alone: what a wider pattern grants besides is not added", () => {
    const acl = aclOf(rules("a/* read list", "a/b update"));
    expect(acl.capabilities("a/b")).toEqual(["update"]);
    expect(acl.capabilities("/a/c")).toEqual(["list", "read"]);
  });

  it("is of the default to deny, and of help for everybody", () => {
    expect(aclOf("").check({ path: "a", operation: "read" }).reason).toEqual({ type: "no-rule" });
    expect(outcome(aclOf(""), "help", "a")).toBe("allowed");
    expect(aclOf("").capabilities("a")).toEqual(["deny"]);
  });
});

describe("what is reached", () => {
  it("is a mount on which, or below which, anything is granted", () => {
    const reached = ["secret/a", "secret/*", "sec*", "*", "+/data/x", "secret/+", "secret/data/+/y*", "+/*"];
    const not = ["secret", "secrets/*", "other/+", "+", "+x/y", "kv/secret/x"];
    for (const pattern of reached) expect(aclOf(rules(`${pattern} update`)).reaches("secret/"), pattern).toBe(true);
    for (const pattern of not) expect(aclOf(rules(`${pattern} update`)).reaches("secret/"), pattern).toBe(false);
    expect(aclOf(rules("secret/* deny", "secret/x")).reaches("secret/")).toBe(false);
    expect(aclOf(rules("secret/* deny", "secret/x read")).reaches("secret/")).toBe(true);
  });
});

describe("policies together", () => {
  it("add up their capabilities for one pattern, and name who grants", () => {
    const acl = aclOf(rules("a read"), rules("a update"), rules("a read list"));
    expect(acl.capabilities("a")).toEqual(["list", "read", "update"]);
    expect(acl.check({ path: "a", operation: "read" }).grantingPolicies).toEqual(["p0", "p2"]);
  });

  it("deny when one of them denies, wherever it stands", () => {
    for (const texts of [
      [rules("a deny"), rules("a read sudo")],
      [rules("a read sudo"), rules("a deny")],
      [rules("a read", "a deny", "a update")],
    ]) {
      const decision = aclOf(...texts).check({ path: "a", operation: "read" });
      expect(decision).toMatchObject({ outcome: "denied", sudo: false, reason: { type: "explicit-deny" } });
      expect(decision.rules).toHaveLength(1);
      expect(aclOf(...texts).capabilities("a")).toEqual(["deny"]);
    }
  });

  it("that deny ask nothing else of a request", () => {
    const asking = 'path "a" { capabilities = ["read"] required_parameters = ["x"] min_wrapping_ttl = 60 }';
    for (const acl of [aclOf(asking, rules("a deny")), aclOf(rules("a deny"), asking)]) {
      expect(acl.rules).toMatchObject([{ restrictsParameters: false, minWrappingTtlSeconds: 0 }]);
    }
  });

  it("take the smaller wrapping times, and deny everything when they cross", () => {
    const acl = aclOf(
      'path "a" { capabilities = ["read"] max_wrapping_ttl = "90s" }',
      'path "a" { capabilities = ["read"] min_wrapping_ttl = "60s" max_wrapping_ttl = "1h" }',
    );
    const at = (wrapTtlSeconds?: number): string =>
      outcome(acl, "read", "a", wrapTtlSeconds === undefined ? {} : { wrapTtlSeconds });
    expect([at(), at(59), at(60), at(90), at(91)]).toEqual(["denied", "denied", "allowed", "allowed", "denied"]);
    const crossed = aclOf(
      'path "a" { capabilities = ["read"] min_wrapping_ttl = "60s" }',
      'path "a" { capabilities = ["read"] max_wrapping_ttl = "30s" }',
    );
    for (const ttl of [30, 45, 60]) expect(outcome(crossed, "read", "a", { wrapTtlSeconds: ttl })).toBe("denied");
  });

  it("cannot have root among them, and root alone may do everything", () => {
    const root = BUILT_IN_POLICIES.get("root");
    if (root === undefined) throw new Error("there is a root policy");
    expect(() => compileAcl([root, parsePolicy("a", "")], NO_IDENTITY)).toThrow(MixedRootPolicyError);
    const acl = compileAcl([root], NO_IDENTITY);
    expect(acl.capabilities("anything")).toEqual(["root"]);
    expect(acl.check({ path: "sys/seal", operation: "update", sudo: true }).outcome).toBe("allowed");
  });
});

describe("parameters", () => {
  const acl = aclOf(`
    path "a" {
      capabilities        = ["read", "update", "list"]
      allowed_parameters  = { "foo" = [], "bar" = ["zip", "za*", 5, true, ["x", "y"], { "k" = 1 }], "any" = ["*"] }
      required_parameters = ["foo"]
    }
    path "free" { capabilities = ["update"] allowed_parameters = { "bar" = ["zip"], "*" = [] } }
    path "denied" { capabilities = ["update"] denied_parameters = { "bar" = ["zip", "*x"], "Baz" = [] } }
    path "none" { capabilities = ["update", "delete"] denied_parameters = { "*" = [] } }
  `);
  const update = (path: string, text: string): string => outcome(acl, "update", path, { parameters: body(text) });

  it("wait for the second stage, and are a no until then", () => {
    const query: AclQuery = { path: "a", operation: "update" };
    expect(acl.check(query)).toMatchObject({ outcome: "parameters", reason: { type: "parameters-unread" } });
    expect(acl.checkParameters(query, body('{"foo":1}')).outcome).toBe("allowed");
    expect(acl.checkParameters(query, undefined).reason).toEqual({ type: "parameter-missing", parameter: "foo" });
    // A list has none that count, and what the path refuses is refused at once.
    expect(outcome(acl, "list", "a")).toBe("allowed");
    expect(outcome(acl, "delete", "a")).toBe("denied");
    expect(outcome(acl, "delete", "none")).toBe("allowed");
  });

  it("allowed: only those, with values by glob or by deep equality", () => {
    const good = ['"zip"', '"zap"', "5", "5.0", "0.5e1", "true", '["x","y"]', '{"k":1}'];
    const bad = [
      '"zi"',
      '"xza"',
      "6",
      '"5"',
      "false",
      "null",
      '["x"]',
      '["y","x"]',
      '{"k":1,"l":1}',
      '{"k":"1"}',
      "{}",
    ];
    for (const value of good) expect(update("a", `{"foo":1,"bar":${value}}`), value).toBe("allowed");
    for (const value of bad) expect(update("a", `{"foo":1,"bar":${value}}`), value).toBe("denied");
    expect(update("a", '{"foo":1,"any":"thing"}')).toBe("allowed");
    expect(update("a", '{"foo":1,"other":1}')).toBe("denied");
    expect(update("a", '{"foo":1,"BAR":"nope"}')).toBe("denied");
    expect(update("a", '{"foo":1,"__proto__":1}')).toBe("denied");
    expect(update("a", '{"FOO":1}')).toBe("denied");
  });

  it("allowed * beside others: those are held to their values, the rest is free", () => {
    expect(update("free", '{"bar":"zip","x":1}')).toBe("allowed");
    expect(update("free", '{"bar":"zap"}')).toBe("denied");
    expect(update("free", "{}")).toBe("allowed");
  });

  it("denied: a name, a value of it, or all", () => {
    expect(update("denied", '{"bar":"zap"}')).toBe("allowed");
    expect(update("denied", '{"bar":"zip"}')).toBe("denied");
    expect(update("denied", '{"Bar":"box"}')).toBe("denied");
    expect(update("denied", '{"baz":1}')).toBe("denied");
    expect(update("none", '{"x":1}')).toBe("denied");
    expect(update("none", "{}")).toBe("allowed");
  });

  it("of a read are those of the query", () => {
    const read = (...parameters: readonly (readonly [string, readonly string[]])[]): string =>
      outcome(acl, "read", "a", { parameters: new Map(parameters) });
    expect(read(["foo", [""]], ["bar", ["zip"]])).toBe("allowed");
    expect(read(["foo", [""]], ["bar", ["zip", "zap"]])).toBe("denied");
    expect(read(["foo", [""]], ["bar", ["x", "y"]])).toBe("allowed");
    expect(read(["bar", ["zip"]])).toBe("denied");
  });

  it("of several policies add up, and any value stays any value", () => {
    const texts = [
      'path "a" { capabilities = ["update"] allowed_parameters = { "x" = ["1"], "y" = ["1"] } required_parameters = ["x"] }',
      'path "a" { allowed_parameters = { "x" = ["2"], "y" = [] } required_parameters = ["y"] }',
    ];
    for (const merged of [aclOf(...texts), aclOf(...texts.toReversed())]) {
      const check = (text: string): string => outcome(merged, "update", "a", { parameters: body(text) });
      expect(check('{"x":"2","y":"9"}')).toBe("allowed");
      expect(check('{"x":"3","y":"1"}')).toBe("denied");
      expect(check('{"x":"1"}')).toBe("denied");
    }
  });
});

describe("templates", () => {
  const entity: TemplateEntity = {
    id: "id-1",
    name: "alice",
    metadata: new Map([
      ["team", "blue"],
      ["a.b", "dotted"],
    ]),
    aliases: new Map([
      [
        "userpass_1",
        { id: "alias-1", name: "al", metadata: new Map([["m", "v"]]), customMetadata: new Map([["c", "w"]]) },
      ],
    ]),
  };
  const groups = [{ id: "g-1", name: "ops", metadata: new Map([["k", "v"]]) }];
  const matches = (pattern: string, path: string, identity: TemplateContext = { entity, groups }): boolean => {
    const acl = compileAcl([parsePolicy("p", rules(`${pattern} read`))], identity);
    return acl.check({ path, operation: "read" }).outcome === "allowed";
  };

  it("stand for the identity's own", () => {
    const table: readonly (readonly [string, string])[] = [
      ["a/{{identity.entity.id}}", "a/id-1"],
      ["a/x-{{identity.entity.name}}/*", "a/x-alice/y"],
      ["a/{{identity.entity.metadata.team}}/{{identity.entity.metadata.a.b}}", "a/blue/dotted"],
      ["a/{{identity.entity.aliases.userpass_1.id}}", "a/alias-1"],
      ["a/{{identity.entity.aliases.userpass_1.name}}", "a/al"],
      ["a/{{identity.entity.aliases.userpass_1.metadata.m}}", "a/v"],
      ["a/{{identity.entity.aliases.userpass_1.custom_metadata.c}}", "a/w"],
      ["a/{{identity.groups.ids.g-1.name}}", "a/ops"],
      ["a/{{identity.groups.names.ops.id}}", "a/g-1"],
      ["a/{{identity.groups.names.ops.metadata.k}}", "a/v"],
    ];
    for (const [pattern, path] of table) expect(matches(pattern, path), pattern).toBe(true);
    // Blanks around the name do not count; `rules` has none of its own.
    const spaced = compileAcl([parsePolicy("p", 'path "a/{{ identity.entity.id }}" { policy = "read" }')], {
      entity,
      groups,
    });
    expect(outcome(spaced, "read", "a/id-1")).toBe("allowed");
  });

  it("without a value skip their rule, and only that", () => {
    const patterns = [
      "a/{{identity.entity.metadata.none}}*",
      "a/{{identity.entity.aliases.other.name}}*",
      "a/{{identity.groups.names.dev.id}}*",
    ];
    for (const pattern of patterns) expect(matches(pattern, "a/"), pattern).toBe(false);
    const acl = compileAcl([parsePolicy("p", rules("a/{{identity.entity.id}} read", "b read"))], NO_IDENTITY);
    expect([outcome(acl, "read", "a/"), outcome(acl, "read", "b")]).toEqual(["denied", "allowed"]);
  });
});
