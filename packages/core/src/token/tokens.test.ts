import { tokenRowKey } from "@strongroom/barrier";
import { utf8 } from "@strongroom/runtime";
import { KEY_KIND, runTransaction } from "@strongroom/storage";
import { beforeEach, describe, expect, it } from "vitest";
import { authOf, bodyOf } from "../testing/test-node.ts";
import { TokenWorld } from "../testing/token-world.ts";
import { wireCode } from "../testing/wire-code.ts";

const DENIED = "permission_denied: permission denied";
const POLICY_DENIED = "permission_denied: 1 error occurred:\n\t* permission denied\n\n";

let world: TokenWorld;

beforeEach(async () => {
  world = await TokenWorld.open();
});

const lookup = async (token: string): Promise<Record<string, unknown>> =>
  bodyOf(await world.call("read", "auth/token/lookup-self", { token })) as Record<string, unknown>;

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
      [{ type: "root" }, 'invalid_request: invalid "type" value "root"'],
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
      "permission_denied: bad token",
    );
  });
});

describe("revocation", () => {
  it("takes a whole tree at once and on every worker; orphans and strangers live on (T-01)", async () => {
    const before = await world.census();
    const stranger = await world.create({ policies: ["app"] });
    const parent = await world.create({ policies: ["maker"] });
    const by = { token: parent.token };
    const child = await world.create({}, by);
    const grandchildren = await Promise.all(Array.from({ length: 5 }, () => world.create({}, { token: child.token })));
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

  it("makes no children, and what a refused request had written is not written", async () => {
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
    ]) {
      expect(await world.code("update", "auth/token/roles/x", { body }), JSON.stringify(body)).toMatch(/^invalid_/);
    }
    expect(await world.code("update", "auth/token/roles/.x", { body: {} })).toMatch(/^invalid_/);
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
