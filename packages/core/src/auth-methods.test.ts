import { createHash } from "node:crypto";
import { approleFactory, userpassFactory } from "@strongroom/auth";
import type { PasswordHasher } from "@strongroom/logical";
import { VirtualTime } from "@strongroom/runtime/testing";
import { kvFactory } from "@strongroom/secrets";
import { MemoryStore } from "@strongroom/storage/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { openPair, ROLES } from "./testing/node-pair.ts";
import { bodyOf, type TestNode } from "./testing/test-node.ts";
import { wireCode } from "./testing/wire-code.ts";

const digest = (password: Uint8Array): string => createHash("sha256").update(password).digest("hex");

/** Counts what it is asked; a fast digest does for a slow one. */
class CountingHasher implements PasswordHasher {
  verified: string[] = [];

  async hash(password: Uint8Array): Promise<string> {
    return digest(password);
  }

  async verify(password: Uint8Array, hash: string): Promise<boolean> {
    this.verified.push(hash === "" ? "nobody" : "somebody");
    return digest(password) === hash;
  }
}

let time: VirtualTime;
let kdf: CountingHasher;
let node: TestNode;

interface Auth {
  readonly client_token: string;
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

async function login(path: string, body: object): Promise<Auth & { readonly token: string }> {
  const result = await node.call("update", path, { body, token: null });
  if (result.kind !== "data" || result.auth === undefined) throw new Error("no auth");
  const { clientToken, accessor, policies, metadata } = result.auth as unknown as {
    readonly clientToken: Uint8Array;
    readonly accessor: string;
    readonly policies: readonly string[];
    readonly metadata: Readonly<Record<string, string>>;
  };
  const token = Buffer.from(clientToken).toString();
  return { token, client_token: token, accessor, policies, metadata };
}

const refusal = (path: string, body: object): Promise<string> =>
  wireCode(node.call("update", path, { body, token: null }));

const readWith = (token: string): Promise<string> => wireCode(node.call("read", "secret/data/a", { token }));

describe.each(ROLES)("asked of the %s", (role) => {
  beforeEach(async () => {
    time = new VirtualTime();
    kdf = new CountingHasher();
    const store = new MemoryStore({ clock: time, timers: time });
    ({ node } = await openPair(role, [kvFactory, userpassFactory, approleFactory], { store, kdf }));
    await node.call("update", "sys/mounts/secret", { body: { type: "kv", options: { version: "2" } } });
    await node.call("update", "secret/data/a", { body: { data: { v: 1 } } });
    await node.call("update", "sys/policies/acl/reader", {
      body: { policy: 'path "secret/data/*" { capabilities = ["read"] }' },
    });
    for (const type of ["userpass", "approle"]) await node.call("update", `sys/auth/${type}`, { body: { type } });
  });

  describe("userpass", () => {
    const alice = { password: "correct horse", token_policies: "reader", token_ttl: "1h" };

    beforeEach(async () => {
      await node.call("update", "auth/userpass/users/Alice", { body: alice });
    });

    it("gives a token that may what the user's policies say, whatever the case of the name", async () => {
      const auth = await login("auth/userpass/login/ALICE", { password: "correct horse" });
      expect(auth.policies).toEqual(["default", "reader"]);
      expect(auth.metadata).toEqual({ username: "alice" });
      expect(await readWith(auth.token)).toBe("ok");
      const wrong = "invalid_request: invalid username or password";
      expect(await refusal("auth/userpass/login/alice", { password: "Correct horse" })).toBe(wrong);
      expect(await refusal("auth/userpass/login/bob", { password: "correct horse" })).toBe(wrong);
      expect(await refusal("auth/userpass/login/alice", {})).toMatch(/^invalid_request: missing password/);
    });

    it("does the same work for a name that nobody has", async () => {
      await refusal("auth/userpass/login/alice", { password: "x" });
      await refusal("auth/userpass/login/nobody", { password: "x" });
      expect(kdf.verified).toEqual(["somebody", "nobody"]);
    });

    it("shows no password and no hash of one, and changes what is given", async () => {
      await node.call("update", "auth/userpass/users/alice", { body: { token_num_uses: 3 } });
      const shown = bodyOf(await node.call("read", "auth/userpass/users/alice"));
      expect(shown).toMatchObject({ token_policies: ["reader"], token_ttl: 3600, token_num_uses: 3 });
      expect(JSON.stringify(shown)).not.toMatch(/hash|password/);
      expect(bodyOf(await node.call("list", "auth/userpass/users/"))).toEqual({ keys: ["alice"] });
      await node.call("update", "auth/userpass/users/alice/password", { body: { password: "new" } });
      expect(await refusal("auth/userpass/login/alice", { password: "correct horse" })).toMatch(/^invalid_request/);
      expect((await login("auth/userpass/login/alice", { password: "new" })).policies).toContain("reader");
      await node.call("update", "auth/userpass/users/alice/policies", { body: { token_policies: "" } });
      expect((await login("auth/userpass/login/alice", { password: "new" })).policies).toEqual(["default"]);
    });

    it("locks a name out after five wrong passwords, for a while, without any work for it, and not the others", async () => {
      await node.call("update", "auth/userpass/users/bob", { body: { password: "b" } });
      const path = "auth/userpass/login/alice";
      for (let i = 0; i < 5; i++) expect(await refusal(path, { password: "x" })).toMatch(/^invalid_request/);
      kdf.verified = [];
      expect(await refusal(path, { password: "correct horse" })).toBe("permission_denied: permission denied");
      expect(await refusal("auth/userpass/login/ALICE", { password: "x" })).toMatch(/^permission_denied/);
      expect(kdf.verified).toEqual([]);
      expect(bodyOf(await node.call("read", "sys/locked-users"))).toMatchObject({ total: 1 });
      expect((await login("auth/userpass/login/bob", { password: "b" })).token).not.toBe("");
      time.advance(900_000);
      expect((await login(path, { password: "correct horse" })).token).not.toBe("");
      expect(bodyOf(await node.call("read", "sys/locked-users"))).toMatchObject({ total: 0 });
    });

    it("forgets failures when a right password comes, and when an operator says so", async () => {
      const path = "auth/userpass/login/alice";
      for (let i = 0; i < 4; i++) await refusal(path, { password: "x" });
      await login(path, { password: "correct horse" });
      for (let i = 0; i < 5; i++) await refusal(path, { password: "x" });
      expect(await refusal(path, { password: "correct horse" })).toMatch(/^permission_denied/);
      const locked = bodyOf(await node.call("read", "sys/locked-users")) as {
        by_namespace: { mount_accessors: { mount_accessor: string; alias_identifiers: string[] }[] }[];
      };
      const [mount] = locked.by_namespace[0]?.mount_accessors ?? [];
      expect(mount?.alias_identifiers).toEqual(["alice"]);
      await node.call("update", `sys/locked-users/${mount?.mount_accessor}/unlock/alice`);
      expect((await login(path, { password: "correct horse" })).token).not.toBe("");
    });

    it("fills no disk with names that nobody has, and locks them out alike", async () => {
      for (let i = 0; i < 5; i++) await refusal("auth/userpass/login/nobody", { password: "x" });
      expect(await refusal("auth/userpass/login/nobody", { password: "x" })).toMatch(/^permission_denied/);
      expect(bodyOf(await node.call("read", "sys/locked-users"))).toMatchObject({ total: 0 });
    });

    it("renews no token of a user that is gone, or whose policies have changed", async () => {
      const { token } = await login("auth/userpass/login/alice", { password: "correct horse" });
      const renew = () => wireCode(node.call("update", "auth/token/renew-self", { token }));
      expect(await renew()).toBe("ok");
      await node.call("update", "auth/userpass/users/alice/policies", { body: { token_policies: "other" } });
      expect(await renew()).toMatch(/policies have changed/);
      await node.call("update", "auth/userpass/users/alice/policies", { body: { token_policies: "reader" } });
      expect(await renew()).toBe("ok");
      await node.call("delete", "auth/userpass/users/alice");
      expect(await renew()).toMatch(/^invalid_request: the user is gone/);
      expect(await readWith(token)).toBe("ok");
    });

    it("logs in by a write alone: no other operation, and no name of one, makes a token (GHSA-rh46-vc3j-w2w3)", async () => {
      const accessors = async (): Promise<unknown> => bodyOf(await node.call("list", "auth/token/accessors/"));
      const before = await accessors();
      for (const operation of ["read", "delete", "list", "patch"] as const) {
        const path = `auth/userpass/login/alice${operation === "list" ? "/" : ""}`;
        const contentType = operation === "patch" ? { contentType: "application/merge-patch+json", body: {} } : {};
        expect(await wireCode(node.call(operation, path, { token: null, ...contentType })), operation).toMatch(
          /^(unsupported_operation|permission_denied)/,
        );
      }
      for (const internal of ["alias-lookahead", "resolve-role", "revoke", "rollback"]) {
        const body = { password: "wrong", operation: internal, _method: internal };
        const headers = { "x-vault-operation": [internal], "x-http-method-override": [internal] };
        expect(await wireCode(node.call("update", "auth/userpass/login/alice", { token: null, body, headers }))).toBe(
          "invalid_request: invalid username or password",
        );
      }
      expect(await accessors()).toEqual(before);
    });

    it("refuses names that look like others, passwords that are none, and settings that make no token", async () => {
      const make = (name: string, body: object) =>
        wireCode(node.call("update", `auth/userpass/users/${name}`, { body }));
      expect(await make("a b", { password: "x" })).toMatch(/^invalid_field/);
      expect(await make("carol", {})).toMatch(/^invalid_request: missing password/);
      expect(await make("carol", { password: 12345 })).toBe("invalid_field: a password is a JSON string");
      expect(await make("carol", { password: "x".repeat(1025) })).toMatch(/^invalid_field/);
      expect(await make("carol", { password_hash: "plain" })).toMatch(/^invalid_field/);
      expect(await make("carol", { password: "x", token_type: "other" })).toMatch(/^invalid_field/);
      expect(await make("carol", { password: "x", token_bound_cidrs: "10.0.0.0/33" })).toMatch(/^invalid_field/);
      expect(await make("carol", { password: "x", token_ttl: "2h", token_max_ttl: "1h" })).toMatch(/^invalid_field/);
    });
  });

  describe("approle", () => {
    const role = (settings: object) => node.call("update", "auth/approle/role/web", { body: settings });
    const roleId = async (name = "web"): Promise<string> =>
      (bodyOf(await node.call("read", `auth/approle/role/${name}/role-id`)) as { role_id: string }).role_id;
    const secretId = async (
      settings: object = {},
      name = "web",
    ): Promise<{ secret_id: string; secret_id_accessor: string }> =>
      bodyOf(await node.call("update", `auth/approle/role/${name}/secret-id`, { body: settings })) as never;

    it("gives a token for a role's id and a secret id, with its metadata", async () => {
      await role({ token_policies: ["reader"], secret_id_ttl: "10m" });
      const { secret_id } = await secretId({ metadata: '{"host":"a"}' });
      const auth = await login("auth/approle/login", { role_id: await roleId(), secret_id });
      expect(auth.metadata).toEqual({ host: "a", role_name: "web" });
      expect(await readWith(auth.token)).toBe("ok");
      const wrong = "invalid_request: invalid role or secret ID";
      expect(await refusal("auth/approle/login", { role_id: await roleId(), secret_id: "no" })).toBe(wrong);
      expect(await refusal("auth/approle/login", { role_id: "no", secret_id })).toBe(wrong);
      expect(await refusal("auth/approle/login", { secret_id })).toBe("invalid_request: missing role_id");
      // Nothing tells a role's id from one that no role has.
      for (const role_id of [await roleId(), "no"]) {
        expect(await refusal("auth/approle/login", { role_id })).toBe("invalid_request: missing secret_id");
      }
      time.advance(600_000);
      expect(await refusal("auth/approle/login", { role_id: await roleId(), secret_id })).toBe(wrong);
    });

    it("lets a secret id in as often as it may, of fifty at once", async () => {
      await role({ secret_id_num_uses: 3 });
      const body = { role_id: await roleId(), secret_id: (await secretId()).secret_id };
      // Wrong ones are not to lock the role out here.
      await node.call("update", "sys/auth/approle/tune", { body: { user_lockout_config: { lockout_disable: true } } });
      const codes = await Promise.all(Array.from({ length: 50 }, () => refusal("auth/approle/login", body)));
      expect(codes.filter((code) => code === "ok")).toHaveLength(3);
      expect(new Set(codes)).toEqual(new Set(["ok", "invalid_request: invalid role or secret ID"]));
      expect(bodyOf(await node.call("list", "auth/approle/role/web/secret-id/"))).toBeUndefined();
    });

    it("looks secret ids up and ends them, by id and by accessor, within their own role alone", async () => {
      await role({});
      await node.call("update", "auth/approle/role/other", { body: {} });
      const made = await secretId({ num_uses: 7 });
      const call = (name: string, path: string, body: object) =>
        node.call("update", `auth/approle/role/${name}/${path}`, { body });
      const byId = { secret_id: made.secret_id };
      const byAccessor = { secret_id_accessor: made.secret_id_accessor };
      expect(bodyOf(await call("web", "secret-id/lookup", byId))).toMatchObject({
        secret_id_num_uses: 7,
        ...byAccessor,
      });
      expect(bodyOf(await call("web", "secret-id-accessor/lookup", byAccessor))).toMatchObject(byAccessor);
      expect((await call("other", "secret-id/lookup", byId)).kind).toBe("empty");
      expect((await call("other", "secret-id-accessor/lookup", byAccessor)).kind).toBe("not-found");
      await call("other", "secret-id/destroy", byId);
      expect(await wireCode(call("other", "secret-id-accessor/destroy", byAccessor))).toMatch(/^invalid_request/);
      expect(bodyOf(await node.call("list", "auth/approle/role/web/secret-id/"))).toEqual({
        keys: [made.secret_id_accessor],
      });
      await call("web", "secret-id-accessor/destroy", byAccessor);
      expect((await call("web", "secret-id/lookup", byId)).kind).toBe("empty");
    });

    it("holds secret ids to the role's bounds, and logins to where they come from", async () => {
      await role({ secret_id_num_uses: 5, secret_id_ttl: "1h", secret_id_bound_cidrs: "127.0.0.0/8" });
      const make = (body: object) => wireCode(node.call("update", "auth/approle/role/web/secret-id", { body }));
      expect(await make({ num_uses: 6 })).toMatch(/^invalid_field/);
      expect(await make({ num_uses: 0 })).toMatch(/^invalid_field/);
      expect(await make({ ttl: "2h" })).toMatch(/^invalid_field/);
      expect(await make({ cidr_list: "10.0.0.0/8" })).toMatch(/^invalid_field/);
      expect(await make({ metadata: '{"a":1}' })).toMatch(/^invalid_field/);
      const { secret_id } = await secretId({ cidr_list: "127.0.0.2/32" });
      expect(await refusal("auth/approle/login", { role_id: await roleId(), secret_id })).toMatch(
        /unauthorized by CIDR/,
      );
      expect(await wireCode(role({ bind_secret_id: false, secret_id_bound_cidrs: "" }))).toMatch(
        /at least one constraint/,
      );
    });

    it("keeps ids of roles apart, and no secret id of a role that was made again", async () => {
      await role({ role_id: "the-web" });
      await node.call("update", "auth/approle/role/other", { body: {} });
      const taken = node.call("update", "auth/approle/role/other/role-id", { body: { role_id: "the-web" } });
      expect(await wireCode(taken)).toMatch(/already in use/);
      const { secret_id } = await secretId();
      const { token } = await login("auth/approle/login", { role_id: "the-web", secret_id });
      await node.call("delete", "auth/approle/role/web");
      expect(await refusal("auth/approle/login", { role_id: "the-web", secret_id })).toMatch(/^invalid_request/);
      await role({ role_id: "the-web" });
      expect(await refusal("auth/approle/login", { role_id: "the-web", secret_id })).toMatch(/^invalid_request/);
      expect(await wireCode(node.call("update", "auth/token/renew-self", { token }))).toMatch(
        /does not exist during renewal/,
      );
      const tidied = await node.call("update", "auth/approle/tidy/secret-id");
      expect(JSON.stringify(tidied)).toContain("Removed 1 secret ids");
    });

    it("takes secret ids that are brought along, once, and each setting by itself", async () => {
      await role({});
      const bring = () =>
        wireCode(node.call("update", "auth/approle/role/web/custom-secret-id", { body: { secret_id: "mine" } }));
      expect(await bring()).toBe("ok");
      expect(await bring()).toMatch(/already registered/);
      await login("auth/approle/login", { role_id: await roleId(), secret_id: "mine" });
      const settings: readonly (readonly [string, string, unknown, unknown])[] = [
        ["policies", "token_policies", ["reader"], []],
        ["secret-id-num-uses", "secret_id_num_uses", 4, 0],
        ["secret-id-ttl", "secret_id_ttl", 60, 0],
        ["secret-id-bound-cidrs", "secret_id_bound_cidrs", ["10.0.0.0/8"], null],
        ["bound-cidr-list", "bound_cidr_list", ["10.0.0.0/8"], null],
        ["period", "token_period", 60, 0],
        ["token-num-uses", "token_num_uses", 9, 0],
        ["token-ttl", "token_ttl", 60, 0],
        ["token-max-ttl", "token_max_ttl", 60, 0],
        ["token-bound-cidrs", "token_bound_cidrs", ["10.0.0.0/8"], []],
      ];
      for (const [name, field, value, reset] of settings) {
        const path = `auth/approle/role/web/${name}`;
        await node.call("update", path, { body: { [field]: value } });
        expect(bodyOf(await node.call("read", path))).toEqual({ [field]: value });
        await node.call("delete", path);
        expect(bodyOf(await node.call("read", path))).toEqual({ [field]: reset });
      }
      for (const [name, old, value] of [
        ["policies", "policies", ["reader"]],
        ["period", "period", 60],
      ] as const) {
        await node.call("update", `auth/approle/role/web/${name}`, { body: { [old]: value } });
        expect(bodyOf(await node.call("read", `auth/approle/role/web/${name}`))).toEqual({ [`token_${old}`]: value });
      }
      for (const name of ["secret-id", "custom-secret-id", "role-id", "secret-id/lookup"]) {
        const body = { secret_id: "s", role_id: "r" };
        expect(await wireCode(node.call("update", `auth/approle/role/none/${name}`, { body }))).toBe(
          'unsupported_path: role "none" does not exist',
        );
      }
    });
  });

  describe("what may be set by itself", () => {
    it("lets nobody set anything else with it", async () => {
      const role = "auth/approle/role/own";
      await node.call("update", role, { body: { token_policies: "reader" } });
      const before = bodyOf(await node.call("read", role));
      const widened = { token_policies: "root", policies: "root", token_bound_cidrs: [], bind_secret_id: false };
      const result = await node.call("update", `${role}/token-ttl`, { body: { ...widened, token_ttl: 60 } });
      expect(result).toMatchObject({
        warnings: [
          "Endpoint ignored these unrecognized parameters: [bind_secret_id policies token_bound_cidrs token_policies]",
        ],
      });
      expect(bodyOf(await node.call("read", role))).toEqual({ ...(before as object), token_ttl: 60 });
      expect(await wireCode(node.call("update", `${role}/token-ttl`, { body: widened }))).toBe(
        "invalid_request: missing token_ttl",
      );
    });

    it("is not taken away by saying nothing of it", async () => {
      await node.call("update", "auth/userpass/users/own", { body: { password: "p", token_policies: "reader" } });
      const path = "auth/userpass/users/own/policies";
      expect(await wireCode(node.call("update", path, { body: {} }))).toBe("invalid_request: missing token_policies");
      expect(bodyOf(await node.call("read", "auth/userpass/users/own"))).toMatchObject({ token_policies: ["reader"] });
      await node.call("update", path, { body: { policies: "" } });
      expect(bodyOf(await node.call("read", "auth/userpass/users/own"))).toMatchObject({ token_policies: [] });
    });
  });

  describe("an auth method that is taken away", () => {
    it("takes its tokens along at once, and their children; orphans live on", async () => {
      await node.call("update", "auth/userpass/users/alice", { body: { password: "p", token_policies: "maker" } });
      await node.call("update", "sys/policies/acl/maker", {
        body: { policy: 'path "auth/token/create*" { capabilities = ["update", "sudo"] }' },
      });
      const made = async (body: object, token: string): Promise<string> => {
        const result = await node.call("update", "auth/token/create", { body, token });
        if (result.kind !== "data" || result.auth === undefined) throw new Error("no auth");
        return Buffer.from(result.auth.clientToken).toString();
      };
      const { token } = await login("auth/userpass/login/alice", { password: "p" });
      const child = await made({}, token);
      const orphan = await made({ no_parent: true }, token);
      const batch = await made({ type: "batch", ttl: "1h" }, token);
      await node.call("update", "sys/auth/other", { body: { type: "userpass" } });
      const lives = (presented: string) => wireCode(node.call("read", "auth/token/lookup-self", { token: presented }));
      for (const each of [token, child, orphan, batch]) expect(await lives(each)).toBe("ok");
      await node.call("delete", "sys/auth/userpass");
      for (const each of [token, child, batch]) expect(await lives(each)).toMatch(/^permission_denied/);
      expect(await lives(orphan)).toBe("ok");
    });
  });
});
