import { KEY_KIND } from "@strongroom/storage";
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

  describe("revocation", () => {
    it("takes a whole tree at once and on every worker; orphans and strangers live on (T-01)", async () => {
      const before = await world.census();
      const stranger = await world.create({ policies: ["app"] });
      const parent = await world.create({ policies: ["maker"] });
      const by = { token: parent.token };
      const child = await world.create({}, by);
      const grandchildren = await Promise.all(
        Array.from({ length: 5 }, () => world.create({}, { token: child.token })),
      );
      const orphan = authOf(await world.call("update", "auth/token/create-orphan", { body: {}, token: child.token }));
      await world.call("update", "cubbyhole/x", { token: child.token, body: { a: 1 } });
      expect(await world.code("update", "auth/token/revoke", { body: { token: parent.token } })).toBe("ok");
      for (const { token } of [parent, child, ...grandchildren]) expect(await world.works(token)).toBe(false);
      for (const { token } of [orphan, stranger]) expect(await world.works(token)).toBe(true);
      await world.background();
      for (const { token } of [orphan, stranger]) await world.call("update", "auth/token/revoke", { body: { token } });
      await world.background();
      expect(await world.census()).toEqual(before);
    });

    it("by oneself, by accessor, and of what is not there", async () => {
      const own = await world.create({ policies: ["app"] });
      expect(await world.code("update", "auth/token/revoke-self", { token: own.token })).toBe("ok");
      expect(await world.works(own.token)).toBe(false);
      const named = await world.create({ policies: ["app"] });
      const body = { accessor: named.accessor };
      expect(await world.call("update", "auth/token/revoke-accessor", { body })).toEqual({ kind: "empty" });
      expect(await world.works(named.token)).toBe(false);
      expect(await world.call("update", "auth/token/revoke-accessor", { body: { accessor: "none" } })).toMatchObject({
        warnings: ["No token found with this accessor"],
      });
      expect(await world.code("update", "auth/token/revoke", { body: { token: "hvs.none" } })).toBe("ok");
      expect(await world.code("update", "auth/token/revoke", { body: {} })).toBe("invalid_request: missing token ID");
    });

    it("that spares the children takes sudo and makes them orphans", async () => {
      const parent = await world.create({ policies: ["maker"] });
      const child = await world.create({ policies: ["maker"] }, { token: parent.token });
      const grandchild = await world.create({}, { token: child.token });
      const body = { token: parent.token };
      expect(await world.code("update", "auth/token/revoke-orphan", { body, token: child.token })).toBe(POLICY_DENIED);
      expect(await world.code("update", "auth/token/revoke-orphan", { body })).toBe("ok");
      expect(await world.works(parent.token)).toBe(false);
      expect(await lookup(child.token)).toMatchObject({ orphan: true });
      await world.background();
      expect([await world.works(child.token), await world.works(grandchild.token)]).toEqual([true, true]);
      await world.call("update", "auth/token/revoke", { body: { token: child.token } });
      expect(await world.works(grandchild.token)).toBe(false);
    });

    it("leaves no child that was born while it went on", async () => {
      const parent = await world.create({ policies: ["maker"] });
      const born: string[] = [];
      const births = Array.from({ length: 40 }, async (_, i) => {
        const node = world.nodes[i % 2 === 0 ? 0 : 1];
        for (let turn = 0; turn < i; turn++) await Promise.resolve();
        try {
          born.push(authOf(await node.call("update", "auth/token/create", { body: {}, token: parent.token })).token);
        } catch {
          // It came too late.
        }
      });
      const revoked = (async () => {
        for (let turn = 0; turn < 12; turn++) await Promise.resolve();
        await world.nodes[1].call("update", "auth/token/revoke", { body: { token: parent.token } });
      })();
      await Promise.all([revoked, ...births]);
      expect(born.length).toBeGreaterThan(0);
      expect(born.length).toBeLessThan(40);
      for (const token of born) expect(await world.works(token)).toBe(false);
      await world.background();
      const census = await world.census();
      expect(census.get(KEY_KIND.token)).toBe(1);
      expect(census.get(KEY_KIND.accessor)).toBe(1);
    });

    it("that died after its mark is finished by the sweep of whoever leads next", async () => {
      const before = await world.census();
      const parent = await world.create({ policies: ["maker"] });
      const child = await world.create({}, { token: parent.token });
      const grandchild = await world.create({}, { token: child.token });
      // The command that marks commits; nothing after it does.
      const commit = world.store.commit.bind(world.store);
      let commits = 0;
      world.store.commit = (draft, options) => {
        if (commits++ === 1) world.store.failCommits("unavailable");
        return commit(draft, options);
      };
      const code = await world.code("update", "auth/token/revoke", { body: { token: parent.token } });
      world.store.commit = commit;
      expect(code).toMatch(/^unavailable/);
      expect(await world.works(parent.token)).toBe(false);
      world.store.setLeadership({ leader: true, raftTerm: 9 });
      await world.nodes[1].core.background.run("token-sweep");
      for (const { token } of [child, grandchild]) expect(await world.works(token)).toBe(false);
      await world.nodes[1].core.background.run("token-sweep");
      expect(await world.census()).toEqual(before);
    });

    it("asked for again marks what the first one could not", async () => {
      const parent = await world.create({ policies: ["maker"] });
      const child = await world.create({}, { token: parent.token });
      const body = { token: parent.token };
      const commit = world.store.commit.bind(world.store);
      let commits = 0;
      world.store.commit = (draft, options) => {
        if (commits++ === 1) world.store.failCommits("unavailable");
        return commit(draft, options);
      };
      await world.code("update", "auth/token/revoke", { body });
      world.store.commit = commit;
      expect(await world.works(child.token)).toBe(true);
      expect(await world.code("update", "auth/token/revoke", { body })).toBe("ok");
      expect(await world.works(child.token)).toBe(false);
    });

    it("is known to a worker that lags behind: a secret written after it is not read with the token", async () => {
      const { token } = await world.create({ policies: ["app"] });
      expect(await world.code("read", "secret/data/a", { token })).toBe("ok");
      world.store.lagBehind();
      await world.call("update", "auth/token/revoke", { body: { token } });
      await world.call("update", "secret/data/a", { body: { data: { n: 2 } } });
      for (const node of world.nodes) {
        expect(await wireCode(node.call("read", "secret/data/a", { token }))).toBe(DENIED);
        expect(await wireCode(node.call("update", "secret/data/a", { token, body: { data: {} } }))).toBe(DENIED);
        expect(await wireCode(node.call("list", "secret/metadata/", { token }))).toBe(DENIED);
      }
    });

    it("reaches tokens of expired parents through their leases", async () => {
      const parent = await world.create({ policies: ["maker"], ttl: "10s" });
      const child = await world.create({ ttl: "1h" }, { token: parent.token });
      world.time.advance(10_000);
      await world.background();
      expect(await world.works(child.token)).toBe(false);
    });
  });
});
