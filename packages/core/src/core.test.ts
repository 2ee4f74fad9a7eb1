import { present } from "@strongroom/runtime";
import { kvFactory } from "@strongroom/secrets";
import { KEY_KIND, runTransaction } from "@strongroom/storage";
import { beforeEach, describe, expect, it } from "vitest";
import { bodyOf, TestNode } from "./testing/test-node.ts";
import { wireCode } from "./testing/wire-code.ts";

let node: TestNode;

beforeEach(async () => {
  node = new TestNode([kvFactory]);
  await node.initialize();
});

const mountKv = (path = "secret"): Promise<unknown> =>
  node.call("update", `sys/mounts/${path}`, { body: { type: "kv", options: { version: "2" } } });

describe("init and unseal", () => {
  it("gives shares and a root token once; every later init is refused", async () => {
    expect(node.unsealKeys).toHaveLength(3);
    expect(node.rootToken).toMatch(/^hvs\.[0-9A-Za-z]{24}$/);
    expect(await wireCode(node.call("update", "sys/init", { body: { secret_shares: 1, secret_threshold: 1 } }))).toBe(
      "already_initialized: Vault is already initialized",
    );
  });

  it("has one winner of twenty at a time", async () => {
    const fresh = new TestNode([kvFactory]);
    const inits = Array.from({ length: 20 }, () =>
      wireCode(fresh.call("update", "sys/init", { body: { secret_shares: 3, secret_threshold: 2 } })),
    );
    const codes = await Promise.all(inits);
    expect(codes.filter((code) => code === "ok")).toHaveLength(1);
    expect(new Set(codes)).toEqual(new Set(["ok", "already_initialized: Vault is already initialized"]));
  });

  it("holds shares and threshold to Vault's limits", async () => {
    const fresh = new TestNode([kvFactory]);
    const prefix = "invalid_request: invalid seal configuration: ";
    const table: readonly (readonly [unknown, unknown, string])[] = [
      [0, 0, `${prefix}shares must be at least one`],
      [5, 0, `${prefix}threshold must be at least one`],
      [5, 1, `${prefix}threshold must be greater than one for multiple shares`],
      [256, 3, `${prefix}shares must be less than 256`],
      [1, 2, `${prefix}threshold cannot be larger than shares`],
      [-1, 1, `${prefix}shares must be at least one`],
      [2.5, 2, "invalid_field: secret_shares must be a whole number"],
      ["5", 3, "invalid_field: secret_shares must be a whole number"],
    ];
    for (const [shares, threshold, code] of table) {
      const body = { secret_shares: shares, secret_threshold: threshold };
      expect(await wireCode(fresh.call("update", "sys/init", { body })), JSON.stringify(body)).toBe(code);
    }
    const pgp = { secret_shares: 1, secret_threshold: 1, pgp_keys: ["x"] };
    expect(await wireCode(fresh.call("update", "sys/init", { body: pgp }))).toMatch(/^invalid_request: pgp_keys/);
    const recovery = { secret_shares: 1, secret_threshold: 1, recovery_shares: 5, recovery_threshold: 3 };
    expect(await wireCode(fresh.call("update", "sys/init", { body: recovery }))).toMatch(/not applicable to seal type/);
    expect(bodyOf(await fresh.call("read", "sys/init"))).toEqual({ initialized: false });
    expect(await wireCode(fresh.call("update", "sys/unseal", { body: { key: "00" } }))).toMatch(/^not_initialized/);
  });

  it("serves nothing but the open endpoints while sealed, and names a wrong share at once", async () => {
    await mountKv();
    await node.call("update", "sys/seal");
    expect(await wireCode(node.call("read", "secret/data/a"))).toMatch(/^sealed/);
    expect(await wireCode(node.call("read", "nothing/here", { token: null }))).toMatch(/^sealed/);
    expect(bodyOf(await node.call("read", "sys/seal-status", { token: null }))).toEqual({
      type: "shamir",
      initialized: true,
      sealed: true,
      t: 2,
      n: 3,
      progress: 0,
      nonce: "",
      version: "0.1.0",
      build_date: "2030-01-01T00:00:00Z",
      migration: false,
      recovery_seal: false,
      storage_type: "raft",
    });
    const wrong = { key: "11".repeat(33) };
    expect(await wireCode(node.call("update", "sys/unseal", { body: wrong }))).toMatch(/^wrong_share/);
    expect(await wireCode(node.call("update", "sys/unseal", { body: { key: "zz" } }))).toMatch(/^invalid_share/);
    expect(await wireCode(node.call("update", "sys/unseal", { body: {} }))).toBe(
      "invalid_request: 'key' must be specified in request body as JSON, or 'reset' set to true",
    );
    const [first = "", second = ""] = node.unsealKeys;
    const once = bodyOf(await node.call("update", "sys/unseal", { body: { key: first }, token: null }));
    expect(once).toMatchObject({ sealed: true, progress: 1 });
    expect(bodyOf(await node.call("update", "sys/unseal", { body: { key: first } }))).toMatchObject({ progress: 1 });
    expect(bodyOf(await node.call("update", "sys/unseal", { body: { reset: true } }))).toMatchObject({ progress: 0 });
    await node.call("update", "sys/unseal", { body: { key: first } });
    const key = Buffer.from(second, "hex").toString("base64");
    expect(bodyOf(await node.call("update", "sys/unseal", { body: { key } }))).toMatchObject({
      sealed: false,
      cluster_name: "test-cluster",
    });
    expect(await node.call("list", "secret/metadata/")).toEqual({ kind: "not-found" });
  });

  it("wipes the share in the request's body", async () => {
    await node.call("update", "sys/seal");
    const share = node.unsealKeys[0] ?? "";
    const body = Buffer.from(JSON.stringify({ key: share }));
    await node.core.handle({
      id: "id",
      operation: "update",
      path: "sys/unseal",
      query: new Map(),
      remoteAddress: "",
      namespace: "",
      deadlineMs: 1000,
      body,
    });
    expect(body.includes(share)).toBe(false);
  });
});

describe("tokens", () => {
  it("answers alike for no token and a wrong one, on mounts that are there and not", async () => {
    await mountKv();
    const denied = "permission_denied: permission denied";
    for (const token of [null, "hvs.wrong", "x"]) {
      for (const path of ["secret/data/a", "nothing/a", "sys/mounts", "sys/nothing", "auth/token/lookup-self"]) {
        expect(await wireCode(node.call("read", path, { token })), path).toBe(denied);
        expect(await wireCode(node.call("update", path, { token, body: {} })), path).toBe(denied);
        expect(await wireCode(node.call("help", path, { token })), path).toBe(denied);
      }
    }
  });

  it("shows the root token to itself and by its id", async () => {
    const self = bodyOf(await node.call("read", "auth/token/lookup-self"));
    expect(self).toMatchObject({
      id: node.rootToken,
      policies: ["root"],
      ttl: 0,
      display_name: "root",
      type: "service",
    });
    expect(bodyOf(await node.call("update", "auth/token/lookup", { body: { token: node.rootToken } }))).toEqual(self);
    expect(await wireCode(node.call("update", "auth/token/lookup", { body: { token: "x" } }))).toBe(
      "permission_denied: bad token",
    );
  });

  it("that was revoked a moment ago finishes no write, not even on a node that has not heard of it", async () => {
    await mountKv();
    await node.call("update", "secret/data/a", { body: { data: {} } });
    const rows = await node.store.rows();
    const tokenRow = present(
      rows.find(({ key }) => key[0] === KEY_KIND.token),
      "init made a token",
    );
    node.store.lagBehind();
    await runTransaction(
      node.store,
      (tx) => {
        // The lagging state cannot guard what it does not show: the delete itself is unguarded.
        tx.delete(tokenRow.key);
      },
      { mode: "write", deadlineMs: 1000 },
    );
    for (const path of ["secret/data/a", "sys/mounts/x", "auth/token/lookup"]) {
      const body = { data: { late: true }, type: "kv-v2", token: "x" };
      expect(await wireCode(node.call("update", path, { body })), path).toBe("permission_denied: permission denied");
    }
    expect(await wireCode(node.call("read", "secret/data/a"))).toBe("permission_denied: permission denied");
    node.store.catchUp();
    expect(await wireCode(node.call("read", "secret/data/a"))).toBe("permission_denied: permission denied");
  });

  it("is in no row in clear", async () => {
    const canary = Buffer.from(node.rootToken.slice(4));
    for (const { key, row } of await node.store.rows()) {
      expect(Buffer.from(key).includes(canary) || Buffer.from(row.value).includes(canary)).toBe(false);
    }
  });
});

describe("mounts", () => {
  it("can be made, seen, used and taken away", async () => {
    expect(await mountKv("team/secret")).toEqual({ kind: "empty" });
    const mounts = bodyOf(await node.call("read", "sys/mounts")) as Record<string, { type: string; options: unknown }>;
    expect(Object.keys(mounts)).toEqual(["sys/", "team/secret/"]);
    expect(mounts["team/secret/"]).toMatchObject({ type: "kv", options: { version: "2" } });
    await node.call("update", "team/secret/data/a", { body: { data: { n: 1 } } });
    expect(bodyOf(await node.call("read", "team/secret/data/a"))).toMatchObject({ data: { n: 1 } });
    const info = bodyOf(await node.call("read", "sys/internal/ui/mounts/team/secret/data/a"));
    expect(info).toMatchObject({ path: "team/secret/", options: { version: "2" } });
    expect(await wireCode(node.call("read", "sys/internal/ui/mounts/other/x"))).toBe(
      'permission_denied: preflight capability check returned 403, please ensure client\'s policies grant access to path "other/x/"',
    );
    expect(await node.call("delete", "sys/mounts/team/secret")).toEqual({ kind: "empty" });
    expect(await wireCode(node.call("read", "team/secret/data/a"))).toBe(
      'unsupported_path: no handler for route "team/secret/data/a". route entry not found.',
    );
    expect(await node.call("delete", "sys/mounts/team/secret")).toEqual({ kind: "empty" });
  });

  it("leave no row behind, and the path starts empty when it is mounted again", async () => {
    const before = (await node.store.rows()).length;
    await mountKv();
    for (let i = 0; i < 700; i++) {
      await node.call("update", `secret/data/dir${i % 7}/k${i}`, { body: { data: { i } } });
    }
    await node.call("delete", "sys/mounts/secret");
    await node.core.background.run("mount-sweep");
    expect((await node.store.rows()).length).toBe(before);
    await mountKv();
    expect(await node.call("list", "secret/metadata/")).toEqual({ kind: "not-found" });
  });

  it("leave no row behind of writes that raced with their removal", async () => {
    const other = new TestNode([kvFactory], { seed: 2, store: node.store });
    other.unsealKeys = node.unsealKeys;
    await other.unseal();
    const before = (await node.store.rows()).length;
    for (let round = 0; round < 5; round++) {
      await mountKv();
      const writes = Array.from({ length: 40 }, (_, i) => {
        const body = { data: { i } };
        return wireCode(
          (i % 2 === 0 ? node : other).call("update", `secret/data/k${i % 9}`, { token: node.rootToken, body }),
        );
      });
      const removal = wireCode(other.call("delete", "sys/mounts/secret", { token: node.rootToken }));
      const codes = new Set((await Promise.all(writes)).map((code) => code.split(":")[0]));
      expect(await removal).toBe("ok");
      expect([...codes].every((code) => code === "ok" || code === "unsupported_path")).toBe(true);
      await other.core.background.run("mount-sweep");
      expect((await node.store.rows()).length).toBe(before);
    }
  });

  it("refuse conflicts, reserved paths, unknown types and bad names", async () => {
    await mountKv("a/b");
    const table: readonly (readonly [string, unknown, string])[] = [
      ["a/b", { type: "kv", options: { version: "2" } }, "invalid_request: path is already in use at a/b/"],
      ["a", { type: "kv-v2" }, "invalid_request: path is already in use at a/b/"],
      ["a/b/c", { type: "kv-v2" }, "invalid_request: path is already in use at a/b/"],
      ["sys/x", { type: "kv-v2" }, 'invalid_request: cannot mount "sys/x/"'],
      ["auth", { type: "kv-v2" }, 'invalid_request: cannot mount "auth/"'],
      ["c", { type: "nosuch" }, "invalid_request: plugin not found in the catalog: nosuch"],
      ["c", {}, "invalid_request: backend type must be specified as a string"],
      ["c", { type: "kv-v2", config: { default_lease_ttl: "2h", max_lease_ttl: "1h" } }, "invalid_field"],
      ["c", { type: "kv-v2", config: { default_lease_ttl: [] } }, "invalid_field"],
      ["ｓys", { type: "kv-v2" }, "invalid_path"],
      ["a b", { type: "kv-v2" }, "invalid_path"],
    ];
    for (const [path, body, code] of table) {
      expect(await wireCode(node.call("update", `sys/mounts/${path}`, { body })), path).toContain(code);
    }
    expect(await wireCode(node.call("delete", "sys/mounts/sys"))).toContain('cannot unmount "sys/"');
    expect(await wireCode(node.call("read", "sys/mounts/c"))).toBe("invalid_request: No secret engine mount at c/");
  });

  it("takes the alias kv-v2 and a config", async () => {
    const config = { default_lease_ttl: "1h", max_lease_ttl: 7200, force_no_cache: true, listing_visibility: "unauth" };
    await node.call("update", "sys/mounts/kv2", { body: { type: "kv-v2", config, description: "d" } });
    expect(bodyOf(await node.call("read", "sys/mounts/kv2"))).toMatchObject({
      type: "kv",
      options: { version: "2" },
      description: "d",
      config: { default_lease_ttl: 3600, max_lease_ttl: 7200, force_no_cache: true, listing_visibility: "unauth" },
    });
  });

  it("of two made at one path at a time, one wins", async () => {
    const codes = await Promise.all([wireCode(mountKv()), wireCode(mountKv())]);
    expect(codes.sort()).toEqual(["invalid_request: path is already in use at secret/", "ok"]);
  });

  it("are seen through the caches of another worker at once", async () => {
    const other = new TestNode([kvFactory], { seed: 2, store: node.store });
    const rootToken = node.rootToken;
    other.unsealKeys = node.unsealKeys;
    await other.unseal();
    const list = (): Promise<string> => wireCode(other.call("read", "secret/data/a", { token: rootToken }));
    expect(await list()).toMatch(/^unsupported_path/);
    await mountKv();
    expect(await list()).toBe("ok");
    await node.call("delete", "sys/mounts/secret");
    expect(await list()).toMatch(/^unsupported_path/);
  });

  it("that lag behind let no write into a mount that is gone", async () => {
    await mountKv();
    await node.call("read", "secret/data/a");
    const other = new TestNode([kvFactory], { seed: 2, store: node.store });
    other.unsealKeys = node.unsealKeys;
    await other.unseal();
    node.store.lagBehind();
    await node.call("delete", "sys/mounts/secret");
    const write = other.call("update", "secret/data/a", { token: node.rootToken, body: { data: {} } });
    expect(await wireCode(write)).toMatch(/^unsupported_path/);
    node.store.catchUp();
    await node.core.background.run("mount-sweep");
  });
});

describe("the core", () => {
  it("refuses writes to directories, bodies that are no objects, and repeated keys", async () => {
    await mountKv();
    expect(await wireCode(node.call("update", "secret/data/a/", { body: { data: {} } }))).toBe(
      "invalid_request: cannot write to a path ending in '/'",
    );
    for (const body of [[], "text", 5, true]) {
      expect(await wireCode(node.call("update", "secret/data/a", { body }))).toMatch(/JSON object/);
    }
    const request = { id: "id", query: new Map(), remoteAddress: "", namespace: "", deadlineMs: 1000 };
    const body = Buffer.from('{"data":{"a":1,"a":2}}');
    const token = Buffer.from(node.rootToken);
    const duplicate = node.core.handle({ ...request, operation: "update", path: "secret/data/a", token, body });
    expect(await wireCode(duplicate)).toMatch(/^duplicate_json_key/);
  });

  it("knows no namespace but the root", async () => {
    await mountKv();
    const request = { id: "id", query: new Map(), remoteAddress: "", namespace: "team", deadlineMs: 1000 };
    const token = Buffer.from(node.rootToken);
    const read = node.core.handle({ ...request, operation: "read", path: "secret/data/a", token });
    expect(await wireCode(read)).toMatch(/^unsupported_path/);
  });

  it("tells failed commits apart", async () => {
    await mountKv();
    node.store.failCommits("not-committed", "unknown-lost", "unavailable");
    const write = (): Promise<string> => wireCode(node.call("update", "secret/data/a", { body: { data: {} } }));
    expect(await write()).toMatch(/^not_committed/);
    expect(await write()).toMatch(/^outcome_unknown/);
    expect(await write()).toMatch(/^unavailable/);
    expect(await write()).toBe("ok");
  });

  it("helps those with a token", async () => {
    await mountKv();
    expect(bodyOf(await node.call("help", "secret/data/a"))).toMatchObject({ see_also: null });
    const audit = {
      openapi: "3.0.2",
      paths: { "/audit": expect.objectContaining({ "x-vault-sudo": true }) as unknown },
    };
    expect(bodyOf(await node.call("help", "sys/audit"))).toMatchObject({
      help: expect.stringContaining("takes the sudo capability"),
      openapi: audit,
    });
    expect(bodyOf(await node.call("help", "sys"))).toMatchObject({ openapi: audit });
    expect(bodyOf(await node.call("help", "sys/health"))).toMatchObject({
      help: expect.stringContaining("Open: it needs no token."),
    });
    expect(bodyOf(await node.call("help", "sys/mounts"))).toMatchObject({ see_also: null });
    for (const mount of ["sys", "sys/", "auth/token", "secret", "secret/"]) {
      expect(bodyOf(await node.call("help", mount)), mount).toMatchObject({
        help: expect.stringContaining("## PATHS"),
      });
    }
    for (const mount of ["sys", "sys/", "auth/token"]) {
      expect(await wireCode(node.call("read", mount)), mount).toMatch(/^unsupported_path/);
    }
    expect(await wireCode(node.call("help", "system"))).toMatch(/^unsupported_path/);
  });

  it("takes nothing more once closed", async () => {
    await node.core.close();
    await node.core.close();
    expect(await wireCode(node.call("read", "sys/health"))).toMatch(/^closing/);
    expect(await wireCode(node.core.checkToken({ remoteAddress: "127.0.0.1", deadlineMs: 1 }))).toMatch(/^closing/);
  });

  it("closes when what is under way is answered", async () => {
    await mountKv();
    const write = node.call("update", "secret/data/a", { body: { data: {} } });
    let closed = false;
    const closing = node.core.close().then(() => {
      closed = true;
    });
    expect(closed).toBe(false);
    expect(await write).toMatchObject({ kind: "data", status: 200 });
    await closing;
  });
});

describe("the cluster's endpoints", () => {
  it("tell the digest of this node's state, to who has a token", async () => {
    expect(bodyOf(await node.call("read", "sys/storage/raft/digest"))).toEqual({ index: 7, sha256: "5f".repeat(32) });
    expect(await wireCode(node.call("read", "sys/storage/raft/digest", { token: null }))).toMatch(/^permission_denied/);
  });

  it("name no address of a leader that has said none yet", async () => {
    const before = node.cluster.summary;
    const members = before.members.map((member) => ({ ...member, apiAddress: "", clusterAddress: "" }));
    node.cluster.summary = { ...before, members };
    expect(bodyOf(await node.call("read", "sys/leader", { token: null }))).toMatchObject({
      leader_address: "",
      leader_cluster_address: "",
    });
    node.cluster.summary = before;
  });

  it("show leader and members", async () => {
    expect(bodyOf(await node.call("read", "sys/leader", { token: null }))).toMatchObject({
      ha_enabled: true,
      is_self: true,
      leader_address: "https://127.0.0.1:8200",
      leader_cluster_address: "https://127.0.0.1:8201",
      raft_committed_index: 7,
    });
    expect(bodyOf(await node.call("read", "sys/storage/raft/configuration"))).toEqual({
      config: {
        index: 1,
        servers: [
          {
            node_id: "node-1",
            address: "127.0.0.1:8201",
            api_address: "https://127.0.0.1:8200",
            leader: true,
            voter: true,
            protocol_version: "1",
            id: "1",
          },
        ],
      },
    });
  });

  it("act once, and only for a token that may", async () => {
    const paths = ["sys/storage/raft/join-token", "sys/storage/raft/remove-peer", "sys/step-down", "sys/seal"];
    for (const path of paths) {
      expect(await wireCode(node.call("update", path, { token: null, body: { server_id: "2" } }))).toMatch(
        /^permission/,
      );
    }
    expect(node.cluster.calls).toEqual([]);
    const token = bodyOf(await node.call("update", "sys/storage/raft/join-token", { body: { name: "n2", ttl: "5m" } }));
    expect(token).toEqual({ token: "sr-join-token", expiration: "2030-01-01T00:00:00.000Z" });
    await node.call("update", "sys/storage/raft/remove-peer", { body: { server_id: "2" } });
    expect(await wireCode(node.call("update", "sys/storage/raft/remove-peer", { body: {} }))).toMatch(/no server id/);
    await node.call("update", "sys/step-down");
    expect(node.cluster.calls).toEqual(["join-token 300 n2 false", "remove-peer 2", "step-down"]);
  });

  it("report health with Vault's codes, and 200 for an open follower", async () => {
    const status = async (query: Record<string, string> = {}): Promise<number> => {
      const parameters = new Map(Object.entries(query).map(([name, value]) => [name, [value]]));
      const result = await node.call("read", "sys/health", { token: null, query: parameters });
      return result.kind === "plain" ? result.status : 0;
    };
    expect(await status()).toBe(200);
    node.store.setLeadership({ leader: false, raftTerm: 2 });
    expect(bodyOf(await node.call("read", "sys/health"))).toMatchObject({
      standby: true,
      sealed: false,
      disk_low: false,
    });
    node.cluster.summary = { ...node.cluster.summary, diskLow: true };
    expect(bodyOf(await node.call("read", "sys/health"))).toMatchObject({ disk_low: true });
    expect(await status()).toBe(200);
    expect(await status({ standbycode: "429" })).toBe(429);
    for (const standbyok of ["true", "1", ""]) expect(await status({ standbycode: "429", standbyok })).toBe(200);
    expect(await status({ standbycode: "429", standbyok: "false", perfstandbyok: "" })).toBe(429);
    await expect(status({ standbyok: "maybe" })).rejects.toThrow('field "standbyok": expected true or false');
    await node.call("update", "sys/seal");
    expect(await status()).toBe(503);
    expect(await status({ sealedcode: "299" })).toBe(299);
    for (const wrong of ["abc", "99", "600", "0x1ad", ""]) {
      await expect(status({ sealedcode: wrong }), wrong).rejects.toThrow("sealedcode");
    }
    const fresh = new TestNode([]);
    const uninitialised = await fresh.call("read", "sys/health");
    expect(uninitialised).toMatchObject({ kind: "plain", status: 501 });
  });

  it("print metrics as Prometheus reads them", async () => {
    const result = await node.call("read", "sys/metrics");
    expect(result).toMatchObject({ kind: "raw", contentType: "text/plain; version=0.0.4; charset=utf-8" });
    expect(result.kind === "raw" && Buffer.from(result.body).toString()).toContain("vault_core_handle_request_count");
  });
});
