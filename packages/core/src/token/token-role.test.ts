import { beforeEach, describe, expect, it } from "vitest";
import { ROLES } from "../testing/node-pair.ts";
import { authOf, bodyOf } from "../testing/test-node.ts";
import { TokenWorld } from "../testing/token-world.ts";

let world: TokenWorld;

describe.each(ROLES)("asked of the %s", (role) => {
  beforeEach(async () => {
    world = await TokenWorld.open([], role);
  });

  describe("token roles", () => {
    it("bound what tokens may be, and let others' policies be given", async () => {
      const role = {
        allowed_policies: "reader",
        allowed_policies_glob: "team-*-ro",
        orphan: true,
        renewable: false,
        path_suffix: "ci",
        token_explicit_max_ttl: "1h",
        token_num_uses: 3,
        token_no_default_policy: true,
      };
      expect(await world.code("update", "auth/token/roles/ci", { body: role })).toBe("ok");
      expect(bodyOf(await world.call("read", "auth/token/roles/ci"))).toMatchObject({
        name: "ci",
        allowed_policies: ["reader"],
        token_explicit_max_ttl: 3600,
        token_type: "default-service",
        orphan: true,
      });
      const by = { token: (await world.create({ policies: ["maker"] })).token };
      const make = (body: object): ReturnType<TokenWorld["code"]> =>
        world.code("update", "auth/token/create/ci", { body, ...by });
      const auth = authOf(await world.call("update", "auth/token/create/ci", { body: { ttl: "9h" }, ...by }));
      expect(auth).toMatchObject({
        policies: ["reader"],
        orphan: true,
        renewable: false,
        numUses: 3,
        leaseDurationSeconds: 3600,
      });
      const made = bodyOf(await world.call("update", "auth/token/lookup", { body: { token: auth.token } }));
      expect(made).toMatchObject({ path: "auth/token/create/ci/ci", role: "ci" });
      expect(await make({ policies: ["team-a-ro", "Reader"] })).toBe("ok");
      expect(await make({ policies: ["team-a-rw"] })).toMatch(/must be subset of the role's allowed policies/);
      expect(await make({ policies: ["root"] })).toMatch(/must be subset/);
      expect(bodyOf(await world.call("list", "auth/token/roles/"))).toEqual({ keys: ["ci"] });
      await world.call("delete", "auth/token/roles/ci");
      expect(await make({})).toBe("invalid_request: unknown role ci");
      expect(await world.call("read", "auth/token/roles/ci")).toEqual({ kind: "not-found" });
    });

    it("forbid what they forbid, in whatever case it is asked for", async () => {
      await world.call("update", "auth/token/roles/no", {
        body: { disallowed_policies: ["App"], disallowed_policies_glob: "adm*" },
      });
      for (const name of ["app", "APP", "admin", " ADMx"]) {
        expect(await world.code("update", "auth/token/create/no", { body: { policies: [name] } }), name).toMatch(
          /is disallowed by this role/,
        );
      }
      expect(await world.code("update", "auth/token/create/no", { body: { policies: ["reader"] } })).toBe("ok");
      // Who asks for none gets the parent's, unless they are forbidden.
      const parent = async (policies: readonly string[]): Promise<{ token: string }> => ({
        token: (await world.create({ policies })).token,
      });
      const inherited = await world.call("update", "auth/token/create/no", await parent(["maker", "reader"]));
      expect(authOf(inherited).policies).toEqual(["default", "maker", "reader"]);
      expect(await world.code("update", "auth/token/create/no", await parent(["app", "maker"]))).toMatch(
        /"app" is disallowed by this role/,
      );
      await world.call("update", "auth/token/roles/all", { body: { disallowed_policies_glob: "x" } });
      const by = { token: (await world.create({ policies: ["maker"] })).token };
      expect(await world.code("update", "auth/token/create/all", { body: { policies: ["root"] }, ...by })).toBe(
        "invalid_request: root tokens may not be created without parent token being root",
      );
    });

    it("keep their tokens from renewal once they are gone, and their period is today's", async () => {
      await world.call("update", "auth/token/roles/p", { body: { token_period: "1h" } });
      const { token } = authOf(await world.call("update", "auth/token/create/p", { body: { policies: ["app"] } }));
      await world.call("update", "auth/token/roles/p", { body: { token_period: "2h" } });
      expect(authOf(await world.call("update", "auth/token/renew-self", { token })).leaseDurationSeconds).toBe(7200);
      await world.call("delete", "auth/token/roles/p");
      expect(await world.code("update", "auth/token/renew-self", { token })).toBe(
        'invalid_request: original token role "p" could not be found, not renewing',
      );
    });

    it("are made of what can be kept", async () => {
      for (const body of [
        { token_type: "root" },
        { token_bound_cidrs: "10.0.0.0/99" },
        { token_num_uses: -1 },
        { path_suffix: "a/b" },
        { token_period: "-1h" },
        // None of which a batch token can be, so that no token could be made.
        { token_type: "batch" },
        { token_type: "batch", orphan: true },
        { token_type: "batch", orphan: true, renewable: false, token_period: "1h" },
        { token_type: "batch", orphan: true, renewable: false, token_explicit_max_ttl: "1h" },
      ]) {
        expect(await world.code("update", "auth/token/roles/x", { body }), JSON.stringify(body)).toMatch(/^invalid_/);
      }
      const batch = { token_type: "batch", orphan: true, renewable: false };
      expect(await world.code("update", "auth/token/roles/batch", { body: batch })).toBe("ok");
      expect(await world.code("update", "auth/token/create/batch", { body: { policies: ["app"] } })).toBe("ok");
      expect(await world.code("update", "auth/token/roles/.x", { body: {} })).toMatch(/^invalid_/);
    });
  });
});
