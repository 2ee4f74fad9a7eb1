/** How other servers' policies were got around, one claim each: what is named there must not work here. */
import { describe, expect, it } from "vitest";
import { type CompiledAcl, compileAcl } from "./acl.ts";
import { BUILT_IN_POLICIES, isImmutablePolicy } from "./built-in-policies.ts";
import type { AclOperation } from "./decision.ts";
import { PolicyParseError } from "./errors.ts";
import { parsePolicy } from "./parse-policy.ts";
import { policyNameOf } from "./policy-name.ts";
import { NO_IDENTITY, type TemplateAlias, type TemplateContext } from "./template-context.ts";

const ALL: readonly AclOperation[] = ["read", "list", "create", "update", "patch", "delete", "scan"];

function aclOf(text: string, identity: TemplateContext = NO_IDENTITY): CompiledAcl {
  return compileAcl([parsePolicy("p", text)], identity);
}

function allowed(acl: CompiledAcl, path: string): readonly AclOperation[] {
  return ALL.filter((operation) => acl.check({ path, operation }).outcome === "allowed");
}

const APP = 'path "secret/data/app/*" { capabilities = ["read", "create", "update"] }';

describe("paths", () => {
  it("CVE-2026-3605: dotted and empty segments match no rule", () => {
    const acl = aclOf(`${APP} path "*" { capabilities = ["delete"] }`);
    for (const path of [
      "secret/data/app/../other",
      "secret/data/app/..",
      "secret/data/app/./x",
      "secret/data/app//x",
      "../secret/data/app/x",
      ".",
    ]) {
      expect(allowed(acl, path), path).toEqual([]);
      expect(acl.capabilities(path), path).toEqual(["deny"]);
    }
    expect(allowed(acl, "secret/data/app/.hidden")).toEqual(["read", "create", "update"]);
    expect(allowed(acl, "secret/data/app/..x")).toEqual(["read", "create", "update"]);
  });

  it("CVE-2026-12624, GHSA-xp3c-3jw3-4vcr: a broader list does not get around a narrower deny by a slash at the end", () => {
    const denies = [
      "secret/metadata/private/*",
      "secret/metadata/private",
      "secret/metadata/private*",
      "secret/metadata/pri*",
    ];
    for (const deny of denies) {
      const acl = aclOf(`
        path "secret/metadata/*" { capabilities = ["list", "scan"] }
        path ${JSON.stringify(deny)} { capabilities = ["deny"] }`);
      expect(allowed(acl, "secret/metadata/"), deny).toEqual(["list", "scan"]);
      expect(allowed(acl, "secret/metadata/private/"), deny).toEqual([]);
      if (deny.endsWith("*")) expect(allowed(acl, "secret/metadata/private/x/"), deny).toEqual([]);
    }
    // The path as it is has more segments than this deny, and a wider * comes first: Vault lists it.
    const plus = aclOf('path "a/*" { capabilities = ["list"] } path "a/+" { capabilities = ["deny"] }');
    expect(allowed(plus, "a/b/")).toEqual([]);
    expect(allowed(plus, "a/b/c/")).toEqual(["list"]);
  });

  it("a narrower rule is not got around by a slash at the end of what is not listed", () => {
    const denied = aclOf('path "a/*" { capabilities = ["read", "delete"] } path "a/b" { capabilities = ["deny"] }');
    const narrowed = aclOf('path "a/*" { capabilities = ["read", "delete"] } path "a/b" { capabilities = ["list"] }');
    for (const acl of [denied, narrowed]) {
      for (const operation of ["read", "delete"] as const) {
        expect(acl.check({ path: "a/b", operation }).outcome).toBe("denied");
        expect(acl.check({ path: "a/b/", operation }).outcome).toBe("denied");
      }
    }
    expect(aclOf('path "a/*" { policy = "read" }').check({ path: "a/", operation: "read" }).outcome).toBe("allowed");
  });

  it("what one part of an engine grants, no other does, nor another operation, nor another case", () => {
    const acl = aclOf(APP);
    expect(allowed(acl, "secret/data/app/x")).toEqual(["read", "create", "update"]);
    for (const path of [
      "secret/metadata/app/x",
      "secret/destroy/app/x",
      "secret/undelete/app/x",
      "secret/data/app",
      "SECRET/data/app/x",
      "secret/data/App/x",
      "x/secret/data/app/x",
      "ｓecret/data/app/x",
    ]) {
      expect(allowed(acl, path), path).toEqual([]);
    }
  });

  it("* with everything but sudo opens no endpoint that asks for sudo", () => {
    const acl = aclOf('path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "scan"] }');
    for (const path of [
      "sys/raw",
      "auth/token/accessors/",
      "sys/audit",
      "sys/seal",
      "sys/rotate",
      "sys/rotate/keyring",
      "sys/storage/raft/remove-peer",
    ]) {
      const decision = acl.check({ path, operation: "update", sudo: true });
      expect(decision).toMatchObject({ outcome: "denied", reason: { type: "missing-capability", capability: "sudo" } });
    }
  });
});

describe("templates", () => {
  const alias = (name: string, team: string): TemplateAlias => ({
    id: `id-${name}`,
    name,
    metadata: new Map([["team", team]]),
    customMetadata: new Map(),
  });
  const named = (name: string): TemplateContext => ({
    entity: { id: "e1", name, metadata: new Map([["team", name]]), aliases: new Map([["m1", alias(name, name)]]) },
    groups: [{ id: "g1", name: "ops", metadata: new Map([["team", name]]) }],
  });

  it("CVE-2026-5006, GHSA-59w7-v8rr-pr4p: no value widens the path that it stands in", () => {
    const text = `
      path "a/{{identity.entity.name}}" { policy = "read" }
      path "b/{{identity.entity.metadata.team}}/*" { policy = "read" }
      path "c/{{identity.entity.aliases.m1.name}}" { policy = "read" }
      path "d/{{identity.groups.names.ops.metadata.team}}" { policy = "read" }`;
    const hostile = [
      "*",
      "+",
      "x*",
      "x/y",
      "/",
      "",
      "..",
      ".",
      "x\u0000",
      "x\n",
      "\u202ex",
      "{{identity.entity.id}}",
      "a\\b",
      "x/*",
      "../other",
    ];
    for (const value of hostile) {
      expect(aclOf(text, named(value)).rules, JSON.stringify(value)).toEqual([]);
    }
    const plain = aclOf(text, named("al.ice@x-1"));
    expect(plain.rules.map(({ pattern }) => pattern.key)).toEqual([
      "a/al.ice@x-1",
      "b/al.ice@x-1/*",
      "c/al.ice@x-1",
      "d/al.ice@x-1",
    ]);
  });

  it("CVE-2021-43998: a mount's alias is the one that logged in, since there is room for one", () => {
    const text = 'path "a/{{identity.entity.aliases.m1.name}}" { policy = "read" }';
    const identity: TemplateContext = {
      entity: { id: "e1", name: "n", metadata: new Map(), aliases: new Map([["m1", alias("second", "")]]) },
      groups: [],
    };
    expect(allowed(aclOf(text, identity), "a/second")).toEqual(["read", "list"]);
    expect(allowed(aclOf(text, identity), "a/first")).toEqual([]);
  });

  it("CVE-2022-40186: metadata of an alias is its own mount's, also where names are equal", () => {
    const text = 'path "a/{{identity.entity.aliases.m2.metadata.team}}" { policy = "read" }';
    const identity: TemplateContext = {
      entity: {
        id: "e1",
        name: "n",
        metadata: new Map(),
        aliases: new Map([
          ["m1", alias("al", "blue")],
          ["m2", alias("al", "red")],
        ]),
      },
      groups: [],
    };
    expect(allowed(aclOf(text, identity), "a/red")).toEqual(["read", "list"]);
    expect(allowed(aclOf(text, identity), "a/blue")).toEqual([]);
  });

  it("CVE-2020-10660: a group that was left gives nothing more", () => {
    const text = 'path "a/{{identity.groups.names.ops.id}}" { policy = "read" }';
    expect(allowed(aclOf(text, named("n")), "a/g1")).toEqual(["read", "list"]);
    expect(allowed(aclOf(text, { ...named("n"), groups: [] }), "a/g1")).toEqual([]);
  });
});

describe("names", () => {
  it("CVE-2025-5999, CVE-2025-64761: root is protected in every spelling", () => {
    expect(["ROOT", "Root", "rOOt"].map(policyNameOf)).toEqual(["root", "root", "root"]);
    for (const name of [
      " root",
      "root ",
      "root\n",
      "ro\u200bot",
      "ｒoot",
      "rooT\u0000",
      "root/",
      "/root",
      "",
      ".",
      "..",
      "a/../root",
      "a,root",
      "K\u212A",
    ]) {
      expect(policyNameOf(name), JSON.stringify(name)).toBeUndefined();
    }
    // The Kelvin sign, which other lower-casings make a k.
    expect(policyNameOf("\u212Aing")).toBeUndefined();
    expect(["root", "response-wrapping", "default"].map(isImmutablePolicy)).toEqual([true, true, false]);
  });

  it("are names alone: what every object has is no policy", () => {
    for (const name of ["__proto__", "constructor", "tostring", "hasownproperty"]) {
      expect(BUILT_IN_POLICIES.get(name)).toBeUndefined();
    }
    const acl = aclOf(
      'path "__proto__" { policy = "read" } path "a" { allowed_parameters = { "__proto__" = [] } policy = "write" }',
    );
    expect(acl.capabilities("constructor")).toEqual(["deny"]);
    expect(acl.capabilities("__proto__")).toEqual(["list", "read"]);
  });
});

describe("the language", () => {
  it("OpenBao GH-3518: no pagination limit is promised that a request's limit could get around", () => {
    expect(() => aclOf('path "a" { capabilities = ["list"] pagination_limit = 10 }')).toThrow(PolicyParseError);
  });
});
