import { LogicalError } from "@strongroom/logical";
import { StrongroomError, utf8 } from "@strongroom/runtime";
import { runTransaction } from "@strongroom/storage";
import { beforeEach, describe, expect, it } from "vitest";
import type { CoreResult } from "../request.ts";
import { openPair, ROLES } from "../testing/node-pair.ts";
import { bodyOf, type TestNode } from "../testing/test-node.ts";
import { PLAIN_TOKEN } from "../token/token-entry.ts";
import { TokenStore } from "../token/token-store.ts";

const APP = 'path "secret/data/app/*" {\n  capabilities = ["read"]\n}\n';

let node: TestNode;

const put = (name: string, policy: string, path = "sys/policies/acl"): Promise<CoreResult> =>
  node.call("update", `${path}/${name}`, { body: { policy } });

/** A token that has these policies and is called by them. */
async function tokenWith(...policies: readonly string[]): Promise<string> {
  const id = `hvs.${policies.join("-")}`;
  const tokens = new TokenStore(node.barrier);
  const entry = {
    ...PLAIN_TOKEN,
    policies,
    accessor: `accessor-${policies.join("-")}`,
    path: "",
    displayName: "",
    creationTimeMs: 0,
  };
  const options = { mode: "write", deadlineMs: node.store.clock.monotonicMs() + 10_000 } as const;
  await runTransaction(node.store, (tx) => tokens.create(tx, tokens.hash(utf8(id)), entry), {
    ...options,
    signal: undefined,
  });
  return id;
}

async function refusal(answer: Promise<CoreResult>): Promise<string> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof StrongroomError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "answered";
}

const data = async (answer: Promise<CoreResult>): Promise<unknown> => bodyOf(await answer);

describe.each(ROLES)("asked of the %s", (role) => {
  beforeEach(async () => {
    ({ node } = await openPair(role, []));
  });

  describe("sys/policies/acl", () => {
    it("writes, reads, lists and deletes, whatever the case of the name", async () => {
      await put("App/One", APP);
      expect(await data(node.call("read", "sys/policies/acl/app/one"))).toEqual({ name: "app/one", policy: APP });
      expect(await data(node.call("list", "sys/policies/acl/"))).toEqual({ keys: ["app/one", "default", "root"] });
      await node.call("delete", "sys/policies/acl/APP/ONE");
      expect((await node.call("read", "sys/policies/acl/app/one")).kind).toBe("not-found");
      expect((await node.call("delete", "sys/policies/acl/app/one")).kind).toBe("empty");
    });

    it("takes JSON, and either in base64", async () => {
      const json = '{"path":{"a":{"capabilities":["read"]}}}';
      for (const text of [APP, json]) {
        await put("x", Buffer.from(text).toString("base64"));
        expect(await data(node.call("read", "sys/policies/acl/x"))).toEqual({ name: "x", policy: text });
      }
    });

    it("refuses a wrong policy with its place, and keeps the one that was there", async () => {
      await put("app", APP);
      expect(await refusal(put("app", 'path "a" {\n  capabilities = ["reed"]\n}'))).toMatch(
        /^invalid_policy: failed to parse policy: line 2, column 19: invalid capability "reed"/,
      );
      expect(await refusal(put("app", ""))).toBe("invalid_request: 'policy' parameter not supplied or empty");
      expect(await data(node.call("read", "sys/policies/acl/app"))).toEqual({ name: "app", policy: APP });
    });

    it("never changes root or response-wrapping, and never deletes default", async () => {
      for (const name of ["root", "ROOT", "response-wrapping"]) {
        expect(await refusal(put(name, APP))).toBe(`invalid_request: cannot update "${name.toLowerCase()}" policy`);
      }
      for (const [name, shown] of [
        ["root", '"root"'],
        ["Default", "default"],
        ["response-wrapping", '"response-wrapping"'],
      ]) {
        expect(await refusal(node.call("delete", `sys/policies/acl/${name}`))).toBe(
          `invalid_request: cannot delete ${shown} policy`,
        );
      }
      for (const name of [" root", "root ", "rоot", "a,b", "-a"]) {
        expect(await refusal(put(name, APP)), name).toMatch(/^invalid_path: a policy's name is made of/);
      }
      await put("default", APP);
      expect(await data(node.call("read", "sys/policies/acl/default"))).toEqual({ name: "default", policy: APP });
      expect(await data(node.call("read", "sys/policies/acl/root"))).toEqual({ name: "root", policy: "" });
    });

    it("counts from the next request on: written, changed, deleted", async () => {
      const token = await tokenWith("app");
      const asks = (): Promise<string> => refusal(node.call("read", "sys/mounts", { token }));
      expect(await asks()).toMatch(/^permission_denied/);
      await put("app", 'path "sys/mounts" { capabilities = ["read"] }');
      expect(await asks()).toBe("answered");
      await put("app", 'path "sys/mounts" { capabilities = ["deny"] }');
      expect(await asks()).toMatch(/^permission_denied/);
      await put("app", 'path "sys/mounts" { capabilities = ["read"] }');
      expect(await asks()).toBe("answered");
      await node.call("delete", "sys/policies/acl/app");
      expect(await asks()).toMatch(/^permission_denied: 1 error occurred:\n\t\* permission denied\n\n$/);
    });
  });

  describe("enforcement", () => {
    it("holds an endpoint's rule also when the path ends in a slash that the endpoint does not mind", async () => {
      await put("secret", APP);
      await put(
        "p",
        'path "sys/policies/acl/*" { capabilities = ["read"] } path "sys/policies/acl/secret" { capabilities = ["deny"] }',
      );
      const token = await tokenWith("p");
      expect(await refusal(node.call("read", "sys/policies/acl/p", { token }))).toBe("answered");
      for (const path of ["sys/policies/acl/secret", "sys/policies/acl/secret/"]) {
        expect(await refusal(node.call("read", path, { token })), path).toMatch(/^permission_denied/);
      }
    });

    it("asks sudo besides the capability, where an endpoint does", async () => {
      await put("most", 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }');
      await put("all", 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }');
      const [most, all] = [await tokenWith("most"), await tokenWith("all")];
      expect(await refusal(node.call("update", "sys/step-down", { token: most }))).toMatch(/^permission_denied/);
      expect(await refusal(node.call("update", "sys/step-down", { token: all }))).toBe("answered");
    });

    it("looks at parameters once the body is read, and changes nothing before", async () => {
      await put(
        "p",
        'path "sys/policies/acl/*" { capabilities = ["update"] denied_parameters = { "policy" = ["*sudo*"] } }',
      );
      const token = await tokenWith("p");
      const write = (policy: string): Promise<string> =>
        refusal(node.call("update", "sys/policies/acl/q", { token, body: { policy } }));
      expect(await write('path "a" { policy = "sudo" }')).toMatch(/^permission_denied/);
      expect((await node.call("read", "sys/policies/acl/q")).kind).toBe("not-found");
      expect(await write('path "a" { policy = "read" }')).toBe("answered");
    });

    it("shows a mount to whoever may use something of it, and to nobody else", async () => {
      await put("p", 'path "auth/token/create" { capabilities = ["update"] }');
      const token = await tokenWith("p");
      const shown = (await data(node.call("read", "sys/internal/ui/mounts", { token }))) as Record<string, object>;
      expect([Object.keys(shown["auth"] ?? {}), Object.keys(shown["secret"] ?? {})]).toEqual([["token/"], []]);
      // What is there and what is not is refused in the same words.
      const words = async (path: string): Promise<string> =>
        (await refusal(node.call("read", `sys/internal/ui/mounts/${path}`, { token }))).replace(path, "…");
      expect(await words("sys/x")).toBe(await words("none/x"));
    });
  });

  describe("sys/policy", () => {
    it("is the same in the shape of old clients", async () => {
      const written = await node.call("update", "sys/policy/app", { body: { rules: APP } });
      expect(written).toMatchObject({
        kind: "data",
        data: null,
        warnings: ["'rules' is deprecated, please use 'policy' instead"],
      });
      const read = await node.call("read", "sys/policy/app");
      expect([bodyOf(read), read.kind === "data" && read.topLevel]).toEqual([{ name: "app", rules: APP }, true]);
      for (const operation of ["read", "list"] as const) {
        const keys = ["app", "default", "root"];
        expect(await data(node.call(operation, "sys/policy"))).toEqual({ keys, policies: keys });
      }
      await put("app", APP, "sys/policy");
      await node.call("delete", "sys/policy/app");
      expect(await refusal(node.call("delete", "sys/policy/root"))).toBe(
        'invalid_request: cannot delete "root" policy',
      );
    });
  });

  describe("sys/capabilities", () => {
    beforeEach(async () => {
      await put("app", `${APP}path "a" { capabilities = ["update", "read"] }\npath "__proto__" { policy = "read" }`);
    });

    it("tells of a token, of one's own, and of an accessor's", async () => {
      const token = await tokenWith("app", "default");
      const paths = ["secret/data/app/x", "a", "b", "__proto__"];
      const expected = JSON.parse(
        '{"secret/data/app/x":["read"],"a":["read","update"],"b":["deny"],"__proto__":["list","read"]}',
      ) as unknown;
      const body = { paths };
      expect(await data(node.call("update", "sys/capabilities-self", { token, body }))).toEqual(expected);
      expect(await data(node.call("update", "sys/capabilities", { body: { ...body, token } }))).toEqual(expected);
      const accessor = "accessor-app-default";
      expect(await data(node.call("update", "sys/capabilities-accessor", { body: { ...body, accessor } }))).toEqual(
        expected,
      );
      const own = async (path: string) => data(node.call("update", "sys/capabilities-self", { body: { path } }));
      expect(await own("a,b")).toEqual({ a: ["root"], b: ["root"] });
      // Clients that ask for one path look here.
      expect(await own("a")).toEqual({ capabilities: ["root"], a: ["root"] });
    });

    it("refuses what is no question", async () => {
      const ask = (path: string, body: unknown): Promise<string> => refusal(node.call("update", path, { body }));
      expect(await ask("sys/capabilities-self", {})).toBe("invalid_request: paths must be supplied");
      expect(await ask("sys/capabilities", { paths: "a", token: "hvs.none" })).toBe("invalid_request: invalid token");
      expect(await ask("sys/capabilities-accessor", { paths: "a", accessor: "none" })).toBe(
        "invalid_request: invalid accessor",
      );
      expect(await ask("sys/capabilities-accessor", { paths: "a" })).toBe("invalid_request: accessor must be supplied");
      expect(await ask("sys/capabilities-self", { paths: ["a".repeat(5000)] })).toMatch(/^invalid_request: at most/);
    });

    it("of others is nothing that the default policy grants", async () => {
      const token = await tokenWith("app", "default");
      for (const path of ["sys/capabilities", "sys/capabilities-accessor", "sys/policies/acl/app"]) {
        expect(await refusal(node.call("update", path, { token, body: { paths: "a" } })), path).toMatch(
          /^permission_denied/,
        );
      }
    });
  });

  describe("sys/internal/ui/resultant-acl", () => {
    it("shows all that the policies add up to", async () => {
      await put(
        "app",
        `${APP}
      path "a" { capabilities = ["update"] allowed_parameters = { "x" = ["1", 2] } required_parameters = ["x"] min_wrapping_ttl = 60 }
      path "b/+/c" { capabilities = ["deny"] }
      path "empty" {}
      path "sys/internal/*" { capabilities = ["read"] }`,
      );
      const token = await tokenWith("app");
      expect(await data(node.call("read", "sys/internal/ui/resultant-acl", { token }))).toEqual({
        root: false,
        exact_paths: {
          a: {
            capabilities: ["update"],
            min_wrapping_ttl: 60,
            allowed_parameters: { x: ["1", 2] },
            required_parameters: ["x"],
          },
          empty: { capabilities: ["deny"] },
        },
        glob_paths: {
          "b/+/c": { capabilities: ["deny"] },
          "secret/data/app/": { capabilities: ["read"] },
          "sys/internal/": { capabilities: ["read"] },
        },
      });
      expect(await data(node.call("read", "sys/internal/ui/resultant-acl"))).toEqual({
        root: true,
        exact_paths: {},
        glob_paths: {},
      });
    });
  });

  describe("sys/policies/explain", () => {
    const ask = (body: unknown, token: string): Promise<unknown> =>
      data(node.call("update", "sys/policies/explain", { token, body }));

    beforeEach(async () => {
      await put("app", `${APP}\npath "secret/data/app/closed" {\n  capabilities = ["deny"]\n}\n`);
      await put("reader", 'path "sys/policies/acl/*" { capabilities = ["read"] }');
      await put("asker", 'path "sys/capabilities-accessor" { capabilities = ["update"] }');
    });

    it("says to those who may read the policies which rule decided, and what it beat", async () => {
      const token = await tokenWith("app", "default", "reader");
      expect(await ask({ path: "secret/data/app/closed", operation: "read" }, token)).toEqual({
        path: "secret/data/app/closed",
        operation: "read",
        allowed: false,
        depends_on_parameters: false,
        reason: "explicit-deny",
        explanation:
          'read on "secret/data/app/closed" is denied: policy "app", line 5 (path "secret/data/app/closed") denies it, whatever else is granted on that pattern',
        required_capability: "read",
        capabilities: ["deny"],
        policies: ["app", "default", "reader"],
        rules: [{ policy: "app", path: "secret/data/app/closed", line: 5, column: 6 }],
        overruled: [
          {
            policy: "app",
            path: "secret/data/app/*",
            line: 1,
            column: 6,
            because: "an exact path wins over a pattern",
          },
        ],
        suggestion: "",
        hints: [],
      });
    });

    it("says to others what they could try, and the rule that is missing", async () => {
      const token = await tokenWith("app", "default");
      const told = await ask({ path: "/secret/data/app/x", operation: "delete" }, token);
      expect(told).toMatchObject({
        allowed: false,
        reason: "missing-capability",
        explanation: 'delete on "secret/data/app/x" is denied: the rule that counts lacks delete',
        capabilities: ["read"],
        rules: [],
        overruled: [],
        suggestion: 'path "secret/data/app/x" {\n  capabilities = ["delete", "read"]\n}\n',
      });
      // A written deny and no rule look alike.
      const closed = (await ask({ path: "secret/data/app/closed" }, token)) as Record<string, unknown>;
      const absent = (await ask({ path: "secret/data/bpp/closed" }, token)) as Record<string, unknown>;
      const alike = (of: Record<string, unknown>): string => JSON.stringify(of).replaceAll(/[ab]pp\/closed/g, "?");
      expect(alike(closed)).toBe(alike(absent));
      expect(closed["reason"]).toBe("not-granted");
    });

    it("sees the mistakes that most denials come from", async () => {
      await put("kv1", 'path "secret/x" { capabilities = ["read"] }\npath "kv/*" { capabilities = ["list"] }');
      const token = await tokenWith("kv1", "default");
      expect(await ask({ path: "secret/data/x" }, token)).toMatchObject({
        hints: ['it is granted on "secret/x": rules for KV version 2 name secret/data/…, as the API does'],
      });
      expect(await ask({ path: "kv", operation: "list" }, token)).toMatchObject({
        hints: ["it is granted below the path: a rule that ends in /* does not match the path before the slash"],
      });
    });

    it("looks at parameters and wrapping where it is told them", async () => {
      await put(
        "app",
        'path "a" { capabilities = ["update"] denied_parameters = { "x" = [] } max_wrapping_ttl = "1m" }',
      );
      const token = await tokenWith("app", "default", "reader");
      const reason = async (more: object): Promise<unknown> =>
        ((await ask({ path: "a", operation: "update", ...more }, token)) as Record<string, unknown>)["reason"];
      expect(await reason({})).toBe("wrapping");
      expect(await reason({ wrap_ttl: "30s" })).toBe("parameters-unread");
      expect(await reason({ wrap_ttl: "30s", parameters: { x: 1 } })).toBe("parameter-denied");
      expect(await reason({ wrap_ttl: "30s", parameters: { y: 1 } })).toBe("granted");
    });

    it("of another token takes what capabilities of it take", async () => {
      const accessor = "accessor-app";
      await tokenWith("app");
      const plain = await tokenWith("default");
      expect(
        await refusal(node.call("update", "sys/policies/explain", { token: plain, body: { path: "a", accessor } })),
      ).toBe("permission_denied: asking about another token takes update on sys/capabilities-accessor");
      const asker = await tokenWith("asker", "default");
      expect(await ask({ path: "secret/data/app/x", accessor }, asker)).toMatchObject({ allowed: true, rules: [] });
      expect(
        await refusal(node.call("update", "sys/policies/explain", { token: asker, body: { path: "a", token: "x" } })),
      ).toMatch(/takes update on sys\/capabilities$/);
      expect(await ask({ path: "secret/data/app/x", accessor }, node.rootToken)).toMatchObject({
        policies: ["app"],
        rules: [{ policy: "app", line: 1 }],
      });
    });

    it("refuses what is no question", async () => {
      for (const body of [{}, { path: "/" }, { path: "a", operation: "steal" }, { path: "a".repeat(5000) }]) {
        await expect(node.call("update", "sys/policies/explain", { body })).rejects.toBeInstanceOf(LogicalError);
      }
    });
  });

  describe("sys/policies/password", () => {
    const text = 'length = 12\nrule "charset" { charset = "ab\\"\\\\é" min-chars = 12 }\n';

    it("keeps policies, and makes passwords by them", async () => {
      expect((await node.call("list", "sys/policies/password/")).kind).toBe("not-found");
      await put("Db", text, "sys/policies/password");
      expect(await data(node.call("list", "sys/policies/password/"))).toEqual({ keys: ["db"] });
      expect(await data(node.call("read", "sys/policies/password/db"))).toEqual({ policy: text });
      const made = new Set<string>();
      for (let i = 0; i < 20; i++) {
        const { password } = (await data(node.call("read", "sys/policies/password/db/generate"))) as {
          password: string;
        };
        expect(password).toMatch(/^[ab"\\é]{12}$/);
        made.add(password);
      }
      expect(made.size).toBe(20);
      await node.call("delete", "sys/policies/password/db");
      expect((await node.call("read", "sys/policies/password/db/generate")).kind).toBe("not-found");
    });

    it("refuses a policy that no password can meet", async () => {
      expect(await refusal(put("db", text.replace("length = 12", "length = 5"), "sys/policies/password"))).toMatch(
        /^invalid_policy: failed to parse password policy: line 1, column 1: no password fits/,
      );
    });
  });
});
