/** The lease endpoints, each asked of the node that leads or of another that does not. */
import { VirtualTime } from "@strongroom/runtime/testing";
import { MemoryStore } from "@strongroom/storage/testing";
import { beforeEach, describe, expect, it } from "vitest";
import type { CoreResult } from "../request.ts";
import { leaseEngine, OutsideWorld } from "../testing/lease-engine.ts";
import { bodyOf, TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

const HOUR_MS = 3_600_000;

let time: VirtualTime;
let outside: OutsideWorld;
/** Its background work is the leader's; the other's does none. */
let leader: TestNode;
let follower: TestNode;

beforeEach(async () => {
  time = new VirtualTime();
  const store = new MemoryStore({ clock: time, timers: time });
  outside = new OutsideWorld();
  leader = new TestNode([leaseEngine(outside)], { store });
  await leader.initialize();
  follower = new TestNode([leaseEngine(outside)], { seed: 2, store, background: false });
  follower.unsealKeys = leader.unsealKeys;
  follower.rootToken = leader.rootToken;
  await follower.unseal();
  await leader.call("update", "sys/mounts/db", { body: { type: "lease-test", config: { max_lease_ttl: "10h" } } });
  await leader.call("update", "db/roles/app", { body: { ttl: "1h", max_ttl: "4h" } });
});

type Data = CoreResult & { readonly kind: "data" };
const grant = async (at = follower, path = "db/creds/app"): Promise<{ id: string; result: Data }> => {
  const result = (await at.call("read", path)) as Data;
  return { id: result.lease?.leaseId ?? "", result };
};
const lookup = async (id: string): Promise<Record<string, unknown> | undefined> => {
  try {
    return bodyOf(await follower.call("update", "sys/leases/lookup", { body: { lease_id: id } })) as never;
  } catch {
    return undefined;
  }
};
const failure = (path: string, body: unknown = {}, at = follower): Promise<string> =>
  wireCode(at.call("update", path, { body }));

describe.each(["leader", "follower"] as const)("asked of the %s", (which) => {
  const node = (): TestNode => (which === "leader" ? leader : follower);

  it("a read that grants answers with a lease, made in the same command", async () => {
    const { commits } = leader.store;
    const { id, result } = await grant(node());
    expect(leader.store.commits - commits).toBe(1);
    expect(id).toMatch(/^db\/creds\/app\/[0-9A-Za-z]{24}$/);
    expect(result).toMatchObject({ lease: { renewable: true, ttlSeconds: 3600 } });
    expect(await lookup(id)).toEqual({
      id,
      issue_time: "2030-01-01T00:00:00Z",
      expire_time: "2030-01-01T01:00:00Z",
      last_renewal: null,
      renewable: true,
      ttl: 3600,
    });
  });

  it("a lease is renewed within the greatest time of its role, by either path", async () => {
    const { id } = await grant(node());
    time.advance(HOUR_MS / 2);
    const renewed = await node().call("update", "sys/leases/renew", { body: { lease_id: id, increment: 7200 } });
    expect(renewed).toMatchObject({ data: null, lease: { leaseId: id, renewable: true, ttlSeconds: 7200 } });
    const capped = await node().call("update", `sys/renew/${id}`, { body: { increment: "9h" } });
    expect(capped).toMatchObject({
      lease: { ttlSeconds: 3.5 * 3600 },
      warnings: ['TTL of "9h" exceeded the effective max_ttl of "3h30m"; TTL value is capped accordingly'],
    });
    expect(await lookup(id)).toMatchObject({ last_renewal: "2030-01-01T00:30:00Z", ttl: 12_600 });
  });

  it("a lease is revoked, and its effect undone, before the answer", async () => {
    const { id } = await grant(node());
    for (const path of ["sys/leases/revoke", "sys/revoke"]) {
      expect(await node().call("update", path, { body: { lease_id: id } })).toEqual({ kind: "empty" });
      expect([await lookup(id), outside.live.size]).toEqual([undefined, 0]);
    }
    expect(outside.asked).toHaveLength(1);
  });

  it("or queued, with an answer at once", async () => {
    const { id } = await grant(node());
    const queued = await node().call("update", `sys/leases/revoke/${id}`, { body: { sync: false } });
    expect(queued).toMatchObject({ kind: "data", status: 202, data: null });
    await expect.poll(() => outside.live.size).toBe(0);
  });

  it("all leases under a prefix are revoked, and no others", async () => {
    await leader.call("update", "db/roles/apple", { body: {} });
    for (let i = 0; i < 20; i++) await grant(node());
    const other = await grant(node(), "db/creds/apple");
    expect(await node().call("update", "sys/leases/revoke-prefix/db/creds/app")).toEqual({ kind: "empty" });
    expect([await lookup(other.id), outside.live.size]).toMatchObject([{ ttl: 36_000 }, 1]);
    expect(await node().call("list", "sys/leases/lookup/db/creds")).toMatchObject({ data: { keys: ["apple/"] } });
    await node().call("update", "sys/revoke-prefix/db", { body: { sync: false } });
    await expect.poll(() => outside.live.size).toBe(0);
  });

  it("a mount that is disabled is out of reach at once, then its leases are revoked, then its rows are gone", async () => {
    const before = (await leader.store.rows()).length;
    for (let i = 0; i < 300; i++) await grant(node());
    await node().call("delete", "sys/mounts/db");
    expect(await wireCode(node().call("read", "db/creds/app"))).toMatch(/^unsupported_path/);
    await expect.poll(() => outside.live.size, { timeout: 10_000 }).toBe(0);
    // The mount had a row of its own, for the role.
    await expect.poll(async () => (await leader.store.rows()).length, { timeout: 10_000 }).toBe(before - 1);
  });
});

describe("leases", () => {
  it("are listed by their paths, by who has sudo", async () => {
    const { id } = await grant();
    const keys = async (path: string): Promise<unknown> => bodyOf(await follower.call("list", path));
    expect(await keys("sys/leases/lookup/")).toEqual({ keys: ["db/"] });
    expect(await keys("sys/leases/lookup/db/")).toEqual({ keys: ["creds/"] });
    expect(await keys("sys/leases/lookup/db/creds/app/")).toEqual({ keys: [id.split("/").at(-1)] });
    expect(await follower.call("list", "sys/leases/lookup/nothing/")).toEqual({ kind: "not-found" });
  });

  it("refuse what they cannot", async () => {
    await leader.call("update", "db/roles/once", { body: { renewable: false } });
    const { id } = await grant();
    const fixed = await grant(leader, "db/creds/once");
    const table: readonly (readonly [string, unknown, string])[] = [
      ["sys/leases/lookup", { lease_id: "db/creds/app/none" }, "invalid lease"],
      ["sys/leases/lookup", {}, "lease_id must be specified"],
      ["sys/leases/lookup", { lease_id: `${id}x`.repeat(300) }, "invalid lease"],
      ["sys/leases/lookup", { lease_id: "../../sys/x" }, "invalid lease"],
      ["sys/leases/renew", { lease_id: "none" }, "lease not found"],
      ["sys/leases/renew", { lease_id: fixed.id }, "lease is not renewable"],
      ["sys/leases/renew", { lease_id: id, increment: "soon" }, "increment"],
      ["sys/leases/revoke", {}, "lease_id must be specified"],
    ];
    for (const [path, body, words] of table) expect(await failure(path, body), path).toContain(words);
    expect(await failure("sys/leases/revoke", { lease_id: "db/creds/app/none" })).toBe("ok");
  });

  it("that are over by the log's time are not renewed, worked off or not", async () => {
    const { id } = await grant();
    await leader.core.background.close();
    time.advance(HOUR_MS);
    expect(await failure("sys/leases/renew", { lease_id: id })).toBe("invalid_request: lease expired");
  });

  it("are not renewed past the second that is left", async () => {
    await leader.core.background.close();
    await leader.call("update", "db/roles/brief", { body: { ttl: "10s", max_ttl: "10s" } });
    const { id } = await grant(leader, "db/creds/brief");
    time.advance(9001);
    expect(await failure("sys/leases/renew", { lease_id: id, increment: 60 })).toContain("past the max TTL");
    expect(await lookup(id)).toMatchObject({ ttl: 0, expire_time: "2030-01-01T00:00:10Z" });
  });

  it("say with their revocation that it failed, and are tried again", async () => {
    const { id } = await grant();
    outside.failing = true;
    expect(await failure("sys/leases/revoke", { lease_id: id })).toBe(
      "invalid_request: failed to revoke: the outside world does not answer; it is tried again",
    );
    expect(await lookup(id)).toMatchObject({ state: "revoking", revoke_error: "the outside world does not answer" });
    expect(await failure("sys/leases/revoke-prefix/db")).toContain("failed to revoke");
    outside.failing = false;
    for (let i = 0; i < 12; i++) {
      time.advance(1000);
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await expect.poll(() => outside.live.size).toBe(0);
  });

  it("that cannot be revoked are counted and listed, keep their mount closing, and go by force", async () => {
    const rows = (await leader.store.rows()).length;
    const { id } = await grant();
    const accessor = (bodyOf(await leader.call("read", "sys/mounts/db")) as { accessor: string }).accessor;
    outside.failing = true;
    await leader.call("delete", "sys/mounts/db");
    for (let i = 0; i < 50; i++) {
      time.advance(10_000);
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await expect
      .poll(async () => bodyOf(await follower.call("read", "sys/leases/count")))
      .toEqual({ counts: { [accessor]: 1 }, lease_count: 1 });
    expect(bodyOf(await follower.call("read", "sys/leases"))).toEqual({
      lease_count: 1,
      leases: [{ error: "the outside world does not answer", lease_id: id }],
    });
    expect(await failure("sys/leases/renew", { lease_id: id })).toContain("lease not found");
    // A new mount at the path is another one, and hides nothing of the old.
    await leader.call("update", "sys/mounts/db", { body: { type: "lease-test" } });
    expect(await follower.call("update", "sys/leases/revoke-force/db")).toEqual({ kind: "empty" });
    await leader.call("delete", "sys/mounts/db");
    await expect.poll(async () => (await leader.store.rows()).length).toBe(rows - 1);
    expect(outside.live.size).toBe(1);
  });

  const tokenOf = async (body: unknown): Promise<string> => {
    const made = await leader.call("update", "auth/token/create", { body });
    if (made.kind !== "data" || made.auth === undefined) throw new Error("no token was made");
    return Buffer.from(made.auth.clientToken).toString("latin1");
  };

  it("of a batch token end with it, and cannot be renewed past it", async () => {
    await leader.call("update", "sys/policies/acl/app", {
      body: { policy: 'path "db/creds/*" { capabilities = ["read"] }' },
    });
    const token = await tokenOf({ type: "batch", ttl: "10m", policies: ["app"] });
    const result = (await follower.call("read", "db/creds/app", { token })) as Data;
    expect(result.lease).toMatchObject({ renewable: false, ttlSeconds: 600 });
    expect(await failure("sys/leases/renew", { lease_id: result.lease?.leaseId })).toContain("lease is not renewable");
    for (let i = 0; i < 61; i++) {
      time.advance(10_000);
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await expect.poll(() => outside.live.size).toBe(0);
  });

  it("of a service token end when it is revoked, and nobody else's do", async () => {
    const token = await tokenOf({ ttl: "2h", policies: ["root"] });
    const own = (await follower.call("read", "db/creds/app", { token })) as Data;
    const other = await grant();
    await follower.call("update", "auth/token/revoke", { body: { token } });
    await expect.poll(() => lookup(own.lease?.leaseId ?? "")).toBeUndefined();
    expect([outside.live.size, await lookup(other.id)]).toMatchObject([1, { ttl: 3600 }]);
  });

  it("are nobody's to look up, renew or revoke who is not allowed to, by any path", async () => {
    const { id } = await grant();
    await leader.call("update", "sys/policies/acl/own", {
      body: { policy: 'path "db/creds/mine" { capabilities = ["read"] }' },
    });
    const token = await tokenOf({ policies: ["own"], no_default_policy: true });
    for (const path of ["leases/lookup", "leases/renew", "leases/revoke", "renew", "revoke"]) {
      const body = { lease_id: id };
      expect(await wireCode(follower.call("update", `sys/${path}`, { token, body })), path).toMatch(
        /^permission_denied/,
      );
      if (path === "leases/lookup") continue;
      expect(await wireCode(follower.call("update", `sys/${path}/${id}`, { token })), path).toMatch(
        /^permission_denied/,
      );
    }
    for (const path of ["leases/revoke-prefix/db", "leases/revoke-force/db", "revoke-prefix/db", "revoke-force/db"]) {
      expect(await wireCode(follower.call("update", `sys/${path}`, { token })), path).toMatch(/^permission_denied/);
    }
    expect(await lookup(id)).toMatchObject({ ttl: 3600 });
  });

  it("and their lists need sudo, as prefixes and force do", async () => {
    await grant();
    const policy = 'path "sys/*" { capabilities = ["read", "list", "update"] }';
    await leader.call("update", "sys/policies/acl/operator", { body: { policy } });
    const token = await tokenOf({ policies: ["operator"], no_default_policy: true });
    for (const path of ["sys/leases/lookup/", "sys/leases/lookup/db/"]) {
      expect(await wireCode(follower.call("list", path, { token })), path).toMatch(/^permission_denied/);
    }
    expect(await wireCode(follower.call("read", "sys/leases", { token }))).toMatch(/^permission_denied/);
    for (const path of ["revoke-prefix/db", "leases/revoke-force/db", "remount"]) {
      expect(await wireCode(follower.call("update", `sys/${path}`, { token, body: {} })), path).toMatch(
        /^permission_denied/,
      );
    }
    expect(await wireCode(follower.call("update", "sys/auth/x", { token, body: { type: "x" } }))).toMatch(
      /^permission_denied/,
    );
    expect(outside.live.size).toBe(1);
  });

  it("are not given with a token's last use", async () => {
    const token = await tokenOf({ policies: ["root"], num_uses: 1 });
    expect(await wireCode(follower.call("read", "db/creds/app", { token }))).toContain("token had one use left");
    expect(await wireCode(follower.call("read", "auth/token/lookup-self", { token }))).toMatch(/^permission_denied/);
    expect(bodyOf(await follower.call("list", "sys/leases/lookup/"))).not.toMatchObject({ keys: ["db/"] });
  });

  it("are tidied in the background", async () => {
    expect(await follower.call("update", "sys/leases/tidy")).toMatchObject({ status: 202 });
    await expect.poll(async () => leader.core.background.run("lease-tasks")).toBeUndefined();
  });

  it("end at their mount's time when that is shorter than their role's", async () => {
    await leader.call("update", "sys/mounts/db/tune", { body: { max_lease_ttl: "30m" } });
    const { result } = await grant();
    expect(result).toMatchObject({ lease: { ttlSeconds: 1800 } });
  });
});
