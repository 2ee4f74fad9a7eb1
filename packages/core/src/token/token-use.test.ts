import { KEY_KIND } from "@strongroom/storage";
import { beforeEach, describe, expect, it } from "vitest";
import { ROLES } from "../testing/node-pair.ts";
import { bodyOf } from "../testing/test-node.ts";
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

  describe("a use-limited token", () => {
    const uses = 50;

    it("works exactly as often as it may, whoever uses it at once on whatever worker", async () => {
      const { token } = await world.create({ policies: ["app"], num_uses: uses });
      const kinds = [
        () => world.nodes[0].call("read", "secret/data/a", { token }),
        () => world.nodes[1].call("update", "secret/data/b", { token, body: { data: { n: 1 } } }),
        () => world.nodes[1].call("list", "secret/metadata/", { token }),
        () => world.nodes[0].call("read", "auth/token/lookup-self", { token }),
      ] as const;
      const codes = await Promise.all(
        Array.from({ length: 200 }, (_, i) => wireCode((kinds[i % 4] as (typeof kinds)[0])())),
      );
      expect(codes.filter((code) => code === "ok")).toHaveLength(uses);
      expect(codes.filter((code) => code === DENIED)).toHaveLength(200 - uses);
      await world.background();
      expect((await world.census()).get(KEY_KIND.token)).toBe(1);
    });

    it("loses a use by a refusal as well, and tells how many are left", async () => {
      const { token } = await world.create({ policies: ["reader"], num_uses: 4 });
      expect(await world.code("read", "sys/mounts", { token })).toBe(POLICY_DENIED);
      expect(await world.code("read", "secret/data/none", { token })).toBe("ok");
      expect(await lookup(token)).toMatchObject({ num_uses: 1 });
      expect(await world.code("update", "secret/data/a", { token, body: { data: {} } })).toBe(POLICY_DENIED);
      expect(await world.code("read", "secret/data/a", { token })).toBe(DENIED);
    });

    it("makes no children, and loses uses by what it may not", async () => {
      const { token } = await world.create({ policies: ["maker", "app"], num_uses: 5 });
      expect(await world.code("update", "auth/token/create", { token, body: {} })).toBe(
        "invalid_request: restricted use token cannot generate child tokens",
      );
      const body = { data: { n: 9 }, options: { cas: 7 } };
      expect(await world.code("update", "secret/data/a", { token, body })).toMatch(/^check_and_set_mismatch/);
      expect(bodyOf(await world.call("read", "secret/data/a"))).toMatchObject({ data: { n: 1 } });
      expect(await world.code("update", "auth/token/renew-self", { token })).toBe("ok");
      expect(await lookup(token)).toMatchObject({ num_uses: 1 });
      expect(await world.code("update", "auth/token/revoke-self", { token })).toBe("ok");
      expect(await world.works(token)).toBe(false);
    });

    it("is not used up by a request whose command never took effect", async () => {
      const { token } = await world.create({ policies: ["reader"], num_uses: 1 });
      world.store.failCommits("not-committed");
      expect(await world.code("read", "secret/data/a", { token })).toMatch(/^not_committed/);
      expect(await world.code("read", "secret/data/a", { token })).toBe("ok");
      expect(await world.code("read", "secret/data/a", { token })).toBe(DENIED);
    });

    it("lists on a worker that lags behind what is there, not what was", async () => {
      const { token } = await world.create({ policies: ["app"], num_uses: 5 });
      world.store.lagBehind();
      await world.call("update", "secret/data/newer", { body: { data: {} } });
      const listed = bodyOf(await world.nodes[1].call("list", "secret/metadata/", { token })) as { keys: string[] };
      expect(listed.keys).toContain("newer");
    });
  });
});
