import { tokenRowKey } from "@strongroom/barrier";
import { utf8 } from "@strongroom/runtime";
import { KEY_KIND, runTransaction } from "@strongroom/storage";
import { beforeEach, describe, expect, it } from "vitest";
import { ROLES } from "../testing/node-pair.ts";
import { authOf, bodyOf } from "../testing/test-node.ts";
import { TokenWorld } from "../testing/token-world.ts";
import { wireCode } from "../testing/wire-code.ts";

const DENIED = "permission_denied: permission denied";
const POLICY_DENIED = "permission_denied: 1 error occurred:\n\t* permission denied\n\n";

let world: TokenWorld;

const lookup = async (token: string): Promise<Record<string, unknown>> =>
  bodyOf(await world.call("read", "auth/token/lookup-self", { token })) as Record<string, unknown>;

describe.each(ROLES)("asked of the %s", (role) => {
  beforeEach(async () => {
    world = await TokenWorld.open([], role);
  });

  describe("a token", () => {
    it("is made with what was asked for, and shows it", async () => {
      const auth = await world.create({
        policies: ["app", "default"],
        ttl: "1h",
        meta: { owner: "me" },
        display_name: "build job #7",
        explicit_max_ttl: 7200,
      });
      expect(auth).toMatchObject({
        policies: ["app", "default"],
        tokenPolicies: ["app", "default"],
        leaseDurationSeconds: 3600,
        renewable: true,
        orphan: false,
        tokenType: "service",
        metadata: { owner: "me" },
        numUses: 0,
      });
      expect(auth.token).toMatch(/^hvs\.[0-9A-Za-z]{24}$/);
      expect(auth.accessor).toMatch(/^[0-9A-Za-z]{24}$/);
      expect(await lookup(auth.token)).toEqual({
        accessor: auth.accessor,
        creation_time: 1_893_456_000,
        creation_ttl: 3600,
        display_name: "token-build-job--7",
        entity_id: "",
        expire_time: "2030-01-01T01:00:00Z",
        explicit_max_ttl: 7200,
        id: auth.token,
        issue_time: "2030-01-01T00:00:00Z",
        meta: { owner: "me" },
        num_uses: 0,
        orphan: false,
        path: "auth/token/create",
        policies: ["app", "default"],
        renewable: true,
        ttl: 3600,
        type: "service",
      });
      expect(await wireCode(world.nodes[1].call("read", "secret/data/a", { token: auth.token }))).toBe("ok");
    });

    it("is looked up by its id, or without one as the request's own, by the old reads as well", async () => {
      const { token, accessor } = await world.create({ policies: ["maker"], ttl: "1h" });
      const ids = async (operation: "read" | "update", options: object): Promise<unknown> =>
        (bodyOf(await world.call(operation, "auth/token/lookup", options)) as { accessor: string }).accessor;
      expect([
        await ids("update", { body: { token } }),
        await ids("update", { token, body: {} }),
        await ids("update", { token, body: { token: "" } }),
        await ids("read", { token }),
        await ids("read", { query: new Map([["token", [token]]]) }),
      ]).toEqual(Array.from({ length: 5 }, () => accessor));
      expect(await lookup(world.nodes[0].rootToken)).toMatchObject({
        issue_time: "2030-01-01T00:00:00Z",
        renewable: false,
        expire_time: null,
      });
    });

    it("stands in no row in clear, nor does what is asked by it; its lease and indexes name it by a keyed hash", async () => {
      const { token } = await world.create({ policies: ["app"], ttl: "1h" });
      await world.call("update", "cubbyhole/x", { token, body: { word: "canary-in-a-cubbyhole" } });
      const canaries = [token, token.slice(4), "canary-in-a-cubbyhole"].map((text) => Buffer.from(text));
      for (const { key, row } of await world.store.rows()) {
        for (const canary of canaries) {
          expect(Buffer.from(key).includes(canary) || Buffer.from(row.value).includes(canary)).toBe(false);
        }
      }
    });

    it("has no more policies than its parent, whatever it asks for (T-08)", async () => {
      const by = { token: (await world.create({ policies: ["maker", "reader"] })).token };
      expect((await world.create({ policies: ["reader"] }, by)).policies).toEqual(["default", "reader"]);
      expect((await world.create({ policies: ["reader"], no_default_policy: true }, by)).policies).toEqual(["reader"]);
      expect((await world.create({}, by)).policies).toEqual(["default", "maker", "reader"]);
      for (const policies of [[], ["default", "maker", "reader"]]) {
        const made = await world.create({ policies, no_default_policy: true }, by);
        expect(made.policies).toEqual(["maker", "reader"]);
      }
      const refusals: readonly (readonly [object, string])[] = [
        [{ policies: ["app"] }, "invalid_request: child policies must be subset of parent"],
        [{ id: "mine" }, "invalid_request: root or sudo privileges required to specify token id"],
        [{ no_parent: true }, "invalid_request: root or sudo privileges required to create orphan token"],
        [{ period: "1h" }, "invalid_request: root or sudo privileges required to create periodic token"],
        [{ num_uses: -1 }, "invalid_request: number of uses cannot be negative"],
        [{ ttl: "-1h" }, "invalid_field: ttl must be positive"],
        [{ ttl: "300ms" }, "invalid_field: ttl is less than a second, which would mean none"],
        [{ ttl: "1e9" }, 'invalid_field: ttl must be a duration, as 90 or "1h30m"'],
        [{ ttl: 9_223_372_036_854_776_000 }, 'invalid_field: ttl must be a duration, as 90 or "1h30m"'],
        [{ type: "root" }, "invalid_request: invalid 'token_type' value"],
      ];
      for (const [body, code] of refusals) {
        expect(await world.code("update", "auth/token/create", { body, ...by }), JSON.stringify(body)).toBe(code);
      }
      const long = await world.create({ policies: ["reader"], ttl: "999999999" }, by);
      expect(long.leaseDurationSeconds).toBe(2_764_800);
    });

    it("is root only by root, however the name is written (CVE-2025-5999)", async () => {
      const by = { token: (await world.create({ policies: ["operator"] })).token };
      for (const name of ["root", "ROOT", " root", "Root "]) {
        expect(await world.code("update", "auth/token/create", { body: { policies: [name] }, ...by }), name).toBe(
          "invalid_request: root tokens may not be created without parent token being root",
        );
      }
      expect((await world.create({ policies: [" ROOT ", "app"] })).policies).toEqual(["root"]);
      expect(await world.code("update", "auth/token/create", { body: { policies: ["Response-Wrapping"] } })).toBe(
        'invalid_request: cannot assign policy "response-wrapping"',
      );
      const expiring = await world.create({ policies: ["root"], ttl: "1h" });
      expect(await world.code("update", "auth/token/create", { body: {}, token: expiring.token })).toBe(
        "invalid_request: expiring root tokens cannot create non-expiring root tokens",
      );
    });

    it("warns of policies that are not there", async () => {
      const result = await world.call("update", "auth/token/create", { body: { policies: ["nowhere"] } });
      expect(result).toMatchObject({ warnings: ['Policy "nowhere" does not exist'] });
    });

    it("may have an id of its own with sudo, once, and never one that looks like a drawn one", async () => {
      expect((await world.create({ id: "my-own-token" })).token).toBe("my-own-token");
      expect(await world.works("my-own-token")).toBe(true);
      const again = { body: { id: "my-own-token" } };
      expect(await world.code("update", "auth/token/create", again)).toMatch(/duplicate ID/);
      for (const id of ["hvs.x", "a b", 'a"b', "é", "x".repeat(513)]) {
        expect(await world.code("update", "auth/token/create", { body: { id } }), id).toMatch(
          /^invalid_request: (a )?custom/,
        );
      }
    });

    it("is refused from its end on, swept or not, and leaves nothing behind when it is swept", async () => {
      const before = await world.census();
      const { token } = await world.create({ policies: ["app"], ttl: "10s" });
      await world.call("update", "cubbyhole/x", { token, body: { a: 1 } });
      world.time.advance(9_999);
      expect(await world.works(token)).toBe(true);
      world.time.advance(1);
      expect(await world.works(token)).toBe(false);
      expect(await world.code("update", "auth/token/lookup", { body: { token } })).toBe("permission_denied: bad token");
      await world.background();
      expect(await world.census()).toEqual(before);
    });

    it("is worth nothing as an accessor's name, nor an accessor as a token (T-06)", async () => {
      const { token, accessor } = await world.create({ policies: ["maker"] });
      expect(await world.code("read", "auth/token/lookup-self", { token: accessor })).toBe(DENIED);
      expect(await world.code("list", "auth/token/accessors/", { token })).toBe(POLICY_DENIED);
      const found = bodyOf(await world.call("update", "auth/token/lookup-accessor", { body: { accessor } }));
      expect(found).toMatchObject({ id: "", accessor, policies: ["default", "maker"] });
      expect(JSON.stringify(found)).not.toContain(token);
      expect(await world.code("update", "auth/token/lookup-accessor", { body: { accessor: "x" } })).toBe(
        "invalid_request: invalid accessor",
      );
      const all = bodyOf(await world.call("list", "auth/token/accessors/")) as { keys: string[] };
      expect(all.keys).toContain(accessor);
      expect(all.keys).toHaveLength(2);
    });

    it("that is bound to networks works from these alone, and so do its children (CVE-2019-18616)", async () => {
      await world.call("update", "auth/token/roles/near", { body: { token_bound_cidrs: "10.0.0.0/8,::1" } });
      const near = await world.call("update", "auth/token/create/near", { body: { policies: ["maker", "reader"] } });
      const { token } = authOf(near);
      const from = (remoteAddress: string, path = "secret/data/a"): Promise<string> =>
        world.code("read", path, { token, remoteAddress });
      expect(await from("127.0.0.1")).toBe(DENIED);
      expect(await from("10.1.2.3")).toBe("ok");
      expect(await from("::ffff:10.1.2.3")).toBe("ok");
      expect(await from("::1")).toBe("ok");
      expect(await world.code("help", "secret/data/a", { token })).toBe(DENIED);
      const child = await world.create({ policies: ["reader"] }, { token, remoteAddress: "10.1.2.3" });
      expect(await world.code("read", "secret/data/a", { token: child.token })).toBe(DENIED);
      expect(await world.code("read", "secret/data/a", { token: child.token, remoteAddress: "10.9.9.9" })).toBe("ok");
    });
  });

  describe("a batch token", () => {
    it("carries all that it is, has no row and cannot be renewed, revoked or made into others", async () => {
      const before = await world.census();
      const { token, accessor, renewable, tokenType } = await world.create({
        policies: ["maker", "app"],
        type: "batch",
        ttl: "1h",
      });
      expect(token).toMatch(/^hvb\.[A-Za-z0-9_-]+$/);
      expect([accessor, renewable, tokenType]).toEqual(["", false, "batch"]);
      expect(await world.census()).toEqual(before);
      expect(await lookup(token)).toMatchObject({ type: "batch", policies: ["app", "default", "maker"], ttl: 3600 });
      expect(await world.code("update", "secret/data/b", { token, body: { data: {} } })).toBe("ok");
      const refusals: readonly (readonly [string, object, string])[] = [
        ["auth/token/create", {}, "invalid_request: batch tokens cannot create more tokens"],
        ["auth/token/renew-self", {}, "invalid_request: batch tokens cannot be renewed"],
        ["auth/token/revoke-self", {}, "invalid_request: batch tokens cannot be revoked"],
        ["auth/token/revoke", { token }, "invalid_request: batch tokens cannot be revoked"],
        ["auth/token/renew", { token }, "invalid_request: batch tokens cannot be renewed"],
        ["cubbyhole/x", { a: 1 }, 'invalid_request: cubbyhole operations are only supported by "service" type tokens'],
      ];
      for (const [path, body, code] of refusals)
        expect(await world.code("update", path, { token, body }), path).toBe(code);
      world.time.advance(3_600_000);
      expect(await world.works(token)).toBe(false);
    });

    it("has neither period, uses, an id nor root", async () => {
      for (const [name, value] of [
        ["period", "1h"],
        ["num_uses", 1],
        ["explicit_max_ttl", "1h"],
        ["id", "x"],
      ]) {
        const body = { type: "batch", policies: ["app"], [name as string]: value };
        expect(await world.code("update", "auth/token/create", { body })).toBe(
          `invalid_request: batch tokens cannot have "${name}" set`,
        );
      }
      expect(await world.code("update", "auth/token/create", { body: { type: "batch", ttl: "1h" } })).toBe(
        "invalid_request: batch tokens cannot be root tokens",
      );
    });

    it("ends with its parent, unless it is an orphan, and is good in no other spelling", async () => {
      const parent = await world.create({ policies: ["maker"] });
      const child = await world.create({ type: "batch" }, { token: parent.token });
      const orphan = authOf(
        await world.call("update", "auth/token/create-orphan", { body: { type: "batch" }, token: parent.token }),
      );
      expect([await world.works(child.token), await world.works(orphan.token)]).toEqual([true, true]);
      await world.call("update", "auth/token/revoke", { body: { token: parent.token } });
      expect([await world.works(child.token), await world.works(orphan.token)]).toEqual([false, true]);
      for (const forged of [
        `${orphan.token}=`,
        `${orphan.token.slice(0, -1)}`,
        "hvb.",
        "hvb.AAAAAQ",
        `${orphan.token}A`,
      ]) {
        expect(await world.works(forged), forged).toBe(false);
      }
      const bytes = Buffer.from(orphan.token.slice(4), "base64url");
      for (let at = 0; at < bytes.length; at += 7) {
        const bent = Buffer.from(bytes);
        bent[at] = (bent[at] as number) ^ 1;
        expect(await world.works(`hvb.${bent.toString("base64url")}`)).toBe(false);
      }
    });
  });

  describe("renewal", () => {
    it("moves the end on, never past the explicit maximum, and never to no end at all (T-02, CVE-2021-32923)", async () => {
      const { token } = await world.create({ policies: ["app"], ttl: "3s", explicit_max_ttl: "4s" });
      let last = "";
      for (let passedMs = 0; passedMs < 6000; passedMs += 50) {
        world.time.advance(50);
        last = await world.code("update", "auth/token/renew-self", { token, body: { increment: "1h" } });
        if (!(await world.works(token))) {
          expect(passedMs + 50).toBeGreaterThanOrEqual(3000);
          expect(passedMs + 50).toBeLessThanOrEqual(4000);
          break;
        }
        const { ttl, expire_time } = await lookup(token);
        expect(ttl).toBeLessThanOrEqual(4);
        expect(expire_time).not.toBeNull();
      }
      expect(last).toBe(DENIED);
    });

    it("takes what is asked, else what was granted at first, and refuses nonsense (T-08)", async () => {
      const { token, accessor } = await world.create({ policies: ["app", "maker"], ttl: "1h" });
      const renew = async (body: object, path = "renew-self"): Promise<unknown> => {
        const { token: id, leaseDurationSeconds } = authOf(
          await world.call("update", `auth/token/${path}`, { token, body }),
        );
        return [id === "" ? "" : "id", leaseDurationSeconds];
      };
      world.time.advance(1_000_000);
      expect(await renew({})).toEqual(["id", 3600]);
      expect(await renew({ increment: 60 })).toEqual(["id", 60]);
      expect(await renew({ token, increment: "2h" }, "renew")).toEqual(["id", 7200]);
      expect(await renew({ accessor, increment: "50d" }, "renew-accessor")).toEqual(["", 2_763_800]);
      expect(await lookup(token)).toMatchObject({ last_renewal: "2030-01-01T00:16:40Z", creation_ttl: 3600 });
      for (const increment of [-1, "1e9", "9223372036854775808", {}, "x"]) {
        const code = await world.code("update", "auth/token/renew-self", { token, body: { increment } });
        expect(code, JSON.stringify(increment)).toMatch(/^invalid_field: /);
      }
      world.time.advance(2_700_000_000);
      expect(await world.works(token)).toBe(true);
      world.time.advance(100_000_000);
      expect(await world.works(token)).toBe(false);
    });

    it("of a periodic token goes on for ever", async () => {
      const { token } = await world.create({ policies: ["app"], period: "1h" });
      for (let hour = 0; hour < 2000; hour += 100) {
        world.time.advance(3_500_000);
        expect(authOf(await world.call("update", "auth/token/renew-self", { token })).leaseDurationSeconds).toBe(3600);
      }
      world.time.advance(3_600_000);
      expect(await world.works(token)).toBe(false);
    });

    it("is refused to what cannot be renewed", async () => {
      const fixed = await world.create({ policies: ["app"], ttl: "1h", renewable: false });
      expect(await world.code("update", "auth/token/renew-self", { token: fixed.token })).toBe(
        "invalid_request: lease is not renewable",
      );
      expect(await world.code("update", "auth/token/renew-self")).toBe("invalid_request: lease is not renewable");
      expect(await world.code("update", "auth/token/renew", { body: { token: "hvs.none" } })).toBe(
        "invalid_request: token not found",
      );
    });
  });

  describe("tidying", () => {
    it("is answered at once, and deletes accessors and children that lead nowhere", async () => {
      const { token } = await world.create({ policies: ["app"] });
      const before = await world.census();
      const gone = await world.create({ policies: ["app"] });
      const rowKey = tokenRowKey(world.nodes[0].barrier.hashTokenId(utf8(gone.token)));
      await runTransaction(world.store, (tx) => tx.delete(rowKey), { mode: "write", deadlineMs: 1e9 });
      expect(await world.call("update", "auth/token/tidy")).toMatchObject({ status: 202 });
      await world.background();
      const after = await world.census();
      expect(after.get(KEY_KIND.accessor)).toBe(before.get(KEY_KIND.accessor));
      expect(await world.works(token)).toBe(true);
    });
  });
});
