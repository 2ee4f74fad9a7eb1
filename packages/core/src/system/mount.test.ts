import { defineBackend, definePath } from "@strongroom/logical";
import { kvFactory } from "@strongroom/secrets";
import { LIMITS, runTransaction } from "@strongroom/storage";
import { beforeEach, describe, expect, it } from "vitest";
import { decodeMountTable, encodeMountTable, PLAIN_MOUNT } from "../mount-entry.ts";
import { Mounts } from "../mounts.ts";
import { openPair, ROLES } from "../testing/node-pair.ts";
import { bodyOf, type TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

const people = {
  type: "people",
  category: "auth",
  create: () =>
    defineBackend({
      type: "people",
      help: "People.",
      paths: [
        definePath({
          pattern: "who",
          fields: {},
          operations: {
            read: { summary: "Who.", handler: (context) => ({ kind: "data", data: { at: context.mount.path } }) },
          },
          synopsis: "Who.",
          description: "Who.",
        }),
      ],
    }),
} as const;

let node: TestNode;
let other: TestNode;

const refusal = (at: TestNode, path: string, body: unknown): Promise<string> =>
  wireCode(at.call("update", path, { body }));
const read = async (path: string): Promise<Record<string, unknown>> =>
  bodyOf(await other.call("read", path)) as Record<string, unknown>;

describe.each(ROLES)("asked of the %s", (role) => {
  /** What is written at the one is seen at the other, and the reverse. */
  beforeEach(async () => {
    ({ node, other } = await openPair(role, [kvFactory, people]));
  });

  describe("sys/auth", () => {
    it("enables, shows and disables auth methods below auth/", async () => {
      await other.call("update", "sys/auth/team/people", { body: { type: "people", description: "d" } });
      expect(Object.keys(await read("sys/auth"))).toEqual(["team/people/", "token/"]);
      expect((await read("sys/auth"))["team/people/"]).toMatchObject({
        type: "people",
        description: "d",
        config: { default_lease_ttl: 0, token_type: "default-service" },
        accessor: expect.stringMatching(/^auth_people_[0-9a-f]{8}$/),
      });
      expect(await read("sys/auth/token")).toMatchObject({ type: "token" });
      expect(Object.keys(await read("sys/mounts"))).toEqual(["sys/"]);
      expect(bodyOf(await node.call("read", "auth/team/people/who"))).toEqual({ at: "auth/team/people/" });
      await node.call("delete", "sys/auth/team/people");
      expect(await wireCode(other.call("read", "auth/team/people/who"))).toMatch(/^unsupported_path/);
      expect(await wireCode(node.call("read", "sys/auth/team/people"))).toBe(
        "invalid_request: No auth engine at team/people/",
      );
    });

    it("refuses what is no auth method, and its own token method's removal", async () => {
      expect(await refusal(node, "sys/auth/x", { type: "kv" })).toBe(
        "invalid_request: plugin not found in the catalog: kv",
      );
      expect(await refusal(node, "sys/mounts/x", { type: "people" })).toContain(
        "plugin not found in the catalog: people",
      );
      expect(await wireCode(node.call("delete", "sys/auth/token"))).toMatch(
        /^invalid_request: token credential backend/,
      );
      for (const at of ["token", "token/x"]) {
        expect(await refusal(node, `sys/auth/${at}`, { type: "people" }), at).toMatch(/^invalid_request/);
      }
      expect(await refusal(node, "sys/mounts/auth/x", { type: "kv", options: { version: "2" } })).toBe(
        'invalid_request: cannot mount "auth/x/"',
      );
    });
  });

  describe("sys/mounts", () => {
    it("shows again what is said of a mount and means nothing here, or clients would make it anew", async () => {
      const said = { local: true, seal_wrap: true, external_entropy_access: true };
      await node.call("update", "sys/mounts/kv", { body: { type: "kv-v2", ...said } });
      await node.call("update", "sys/mounts/kv/tune", { body: { description: "tuned" } });
      expect(await read("sys/mounts/kv")).toMatchObject({ ...said, description: "tuned" });
      await node.call("update", "sys/mounts/plain", { body: { type: "kv-v2" } });
      expect(await read("sys/mounts/plain")).toMatchObject({
        local: false,
        seal_wrap: false,
        external_entropy_access: false,
      });
    });

    it("shows no option that the engine has for itself", async () => {
      await node.call("update", "sys/mounts/kv", { body: { type: "kv-v1" } });
      await node.call("update", "kv/a", { body: { n: 1 } });
      await node.call("update", "sys/mounts/kv/tune", { body: { options: { version: "2" } } });
      const shown = [
        await read("sys/mounts/kv"),
        (await read("sys/mounts"))["kv/"],
        await read("sys/mounts/kv/tune"),
        await read("sys/internal/ui/mounts/kv/a"),
        ((await read("sys/internal/ui/mounts"))["secret"] as Record<string, unknown>)["kv/"],
      ] as readonly { readonly options: object }[];
      expect(shown.map(({ options }) => options)).toEqual(shown.map(() => ({ version: "2" })));
      await other.call("update", "sys/mounts/kv/tune", { body: { options: { version: "2" } } });
      expect(await read("kv/data/a")).toMatchObject({ data: { n: 1 } });
    });
  });

  describe("tuning", () => {
    it("shows the times that are in force, and changes what it names", async () => {
      await node.call("update", "sys/mounts/kv", { body: { type: "kv-v2", config: { max_lease_ttl: "1h" } } });
      expect(await read("sys/mounts/kv/tune")).toEqual({
        default_lease_ttl: 3600,
        description: "",
        force_no_cache: false,
        max_lease_ttl: 3600,
        options: { version: "2" },
      });
      await other.call("update", "sys/mounts/kv/tune", {
        body: {
          default_lease_ttl: "10m",
          max_lease_ttl: "system",
          description: "changed",
          listing_visibility: "unauth",
          passthrough_request_headers: "X-One,X-Two",
          allowed_response_headers: ["X-Three"],
          audit_non_hmac_request_keys: ["a", "a", ""],
          audit_non_hmac_response_keys: "b",
        },
      });
      await node.call("update", "sys/mounts/kv/tune", { body: { force_no_cache: true } });
      expect(await read("sys/mounts/kv/tune")).toEqual({
        default_lease_ttl: 600,
        description: "changed",
        force_no_cache: true,
        max_lease_ttl: 2_764_800,
        options: { version: "2" },
        allowed_response_headers: ["X-Three"],
        audit_non_hmac_request_keys: ["a"],
        audit_non_hmac_response_keys: ["b"],
        passthrough_request_headers: ["X-One", "X-Two"],
        listing_visibility: "unauth",
      });
      expect((await read("sys/mounts/kv"))["config"]).toMatchObject({ default_lease_ttl: 600, max_lease_ttl: 0 });
    });

    it("stores lockouts and the type of tokens of auth methods, and shows them as Vault does", async () => {
      await node.call("update", "sys/auth/p", { body: { type: "people", config: { token_type: "batch" } } });
      const lockout = {
        lockout_threshold: "7",
        lockout_duration: "15m",
        lockout_counter_reset_duration: 60,
        lockout_disable: false,
      };
      await node.call("update", "sys/auth/p/tune", { body: { user_lockout_config: lockout } });
      await node.call("update", "sys/auth/p/tune", { body: { user_lockout_config: { lockout_disable: true } } });
      expect(await read("sys/auth/p/tune")).toMatchObject({
        token_type: "batch",
        user_lockout_threshold: 7,
        user_lockout_duration: 900,
        user_lockout_counter_reset_duration: 60,
        user_lockout_disable: true,
      });
      expect((await read("sys/auth/p"))["config"]).toMatchObject({
        user_lockout_config: { lockout_threshold: 7, lockout_duration: 900, lockout_disable: true },
      });
    });

    it("reaches the mounts that every cluster has", async () => {
      await node.call("update", "sys/auth/token/tune", { body: { default_lease_ttl: "1h" } });
      expect(await read("sys/mounts/auth/token/tune")).toMatchObject({ default_lease_ttl: 3600 });
      await other.call("update", "sys/mounts/auth/token/tune", { body: { max_lease_ttl: "2h" } });
      expect(await read("sys/mounts/sys/tune")).toMatchObject({ default_lease_ttl: expect.any(Number) });
      expect(await read("sys/auth/token/tune")).toMatchObject({ default_lease_ttl: 3600, max_lease_ttl: 7200 });
    });

    it("refuses what cannot be, and changes nothing", async () => {
      await node.call("update", "sys/mounts/kv", { body: { type: "kv-v2", config: { max_lease_ttl: "1h" } } });
      const before = await read("sys/mounts/kv");
      const table: readonly (readonly [string, unknown])[] = [
        ["sys/mounts/none/tune", {}],
        // Whoever may tune mounts must not bring keys, tokens and what is wrapped into the audit.
        ["sys/mounts/sys/tune", { audit_non_hmac_response_keys: "keys" }],
        ["sys/mounts/cubbyhole/tune", { audit_non_hmac_response_keys: "response" }],
        ["sys/mounts/kv/tune", { default_lease_ttl: "2h" }],
        ["sys/mounts/kv/tune", { max_lease_ttl: -1 }],
        ["sys/mounts/kv/tune", { listing_visibility: "open" }],
        ["sys/mounts/kv/tune", { options: { version: "9" } }],
        ["sys/mounts/kv/tune", { token_type: "batch" }],
        ["sys/mounts/kv/tune", { audit_non_hmac_request_keys: Array.from({ length: 101 }, (_, i) => `k${i}`) }],
        // Each creation of a token says what it is to be.
        ["sys/auth/token/tune", { token_type: "batch" }],
        ["sys/auth/token/tune", { user_lockout_config: { nonsense: 1 } }],
        ["sys/auth/token/tune", { user_lockout_config: { lockout_threshold: -1 } }],
      ];
      for (const [path, body] of table) {
        expect(await refusal(node, path, body), `${path} ${JSON.stringify(body)}`).toMatch(
          /^(invalid|unsupported_backend)/,
        );
      }
      expect(await read("sys/mounts/kv")).toEqual(before);
    });

    it("falls back to what the server's configuration says", async () => {
      const mounts = new Mounts(node.barrier, [kvFactory], { defaultLeaseTtlSeconds: 60, maxLeaseTtlSeconds: 120 });
      await node.call("update", "sys/mounts/kv", { body: { type: "kv-v2", config: { default_lease_ttl: 300 } } });
      const { result } = await runTransaction(node.store, (tx) => mounts.table(tx, "read"), {
        mode: "read",
        deadlineMs: 1000,
      });
      expect(result.token.info.config).toMatchObject({ defaultLeaseTtlSeconds: 60, maxLeaseTtlSeconds: 120 });
      expect(result.byPath.get("kv/")?.info.config).toEqual({ defaultLeaseTtlSeconds: 120, maxLeaseTtlSeconds: 120 });
    });
  });

  describe("sys/remount", () => {
    const move = async (at: TestNode, from: string, to: string): Promise<string> => {
      const body = bodyOf(await at.call("update", "sys/remount", { body: { from, to } }));
      return (body as { migration_id: string }).migration_id;
    };

    it("moves an engine with all it holds, and rewrites nothing but the table", async () => {
      await node.call("update", "sys/mounts/old", { body: { type: "kv-v2" } });
      await node.call("update", "old/data/a", { body: { data: { n: 1 } } });
      const before = new Map(
        (await node.store.rows()).map(({ key, row }) => [Buffer.from(key).toString("hex"), row.revision]),
      );
      const id = await move(other, "old", "new/place/");
      const changed = (await node.store.rows()).filter(({ key, row }) => {
        const revision = before.get(Buffer.from(key).toString("hex"));
        return revision === undefined || revision.index !== row.revision.index;
      });
      // The table, the list of moves, the epoch.
      expect(changed).toHaveLength(3);
      expect(bodyOf(await node.call("read", "new/place/data/a"))).toMatchObject({ data: { n: 1 } });
      expect(await wireCode(node.call("read", "old/data/a"))).toMatch(/^unsupported_path/);
      expect(await read(`sys/remount/status/${id}`)).toEqual({
        migration_id: id,
        migration_info: { source_mount: "old/", status: "success", target_mount: "new/place/" },
      });
      expect(await node.call("read", "sys/remount/status/none")).toEqual({ kind: "not-found" });
    });

    it("moves auth methods too", async () => {
      await node.call("update", "sys/auth/p", { body: { type: "people" } });
      await move(node, "auth/p", "auth/team/q");
      expect(bodyOf(await other.call("read", "auth/team/q/who"))).toEqual({ at: "auth/team/q/" });
    });

    it("refuses collisions, reserved places and changes of kind", async () => {
      for (const at of ["a/b", "c"]) await node.call("update", `sys/mounts/${at}`, { body: { type: "kv-v2" } });
      await node.call("update", "sys/auth/p", { body: { type: "people" } });
      const table: readonly (readonly [string | undefined, string | undefined, string])[] = [
        ["c", "a/b", "path is already in use at a/b/"],
        ["c", "a", "path is already in use at a/b/"],
        ["c", "a/b/d", "path is already in use at a/b/"],
        ["none", "d", 'no matching mount at "none/"'],
        ["c", "sys/d", 'cannot mount "sys/d/"'],
        ["sys", "d", 'cannot remount "sys/"'],
        ["c", "auth/d", "cannot become"],
        ["auth/p", "d", "cannot become"],
        ["auth/token", "auth/d", "token credential backend"],
        ["auth/p", "auth/token/d", "path is already in use at token/"],
        ["c", "c/", "the same as"],
        [undefined, "c", "must be specified"],
        ["c", "..", "a mount's path is made of"],
      ];
      for (const [from, to, words] of table) {
        expect(await refusal(node, "sys/remount", { from, to }), `${from} ${to}`).toContain(words);
      }
      expect(Object.keys(await read("sys/mounts"))).toEqual(["a/b/", "c/", "sys/"]);
    });

    it("of two moves to one place at a time, one wins", async () => {
      for (const at of ["a", "b"]) await node.call("update", `sys/mounts/${at}`, { body: { type: "kv-v2" } });
      const codes = await Promise.all([wireCode(move(node, "a", "c")), wireCode(move(other, "b", "c"))]);
      expect(codes.sort()).toEqual(["invalid_request: path is already in use at c/", "ok"]);
    });
  });

  describe("the mount table", () => {
    it("holds thousands of mounts in its one row", () => {
      const entry = { ...PLAIN_MOUNT, path: "team/kv/", type: "kv", uuid: "u".repeat(36), accessor: "kv_00000000" };
      const mounts = Array.from({ length: 4000 }, (_, i) => ({
        ...entry,
        path: `team-${i}/kv/`,
        options: { version: "2" },
      }));
      const state = { mounts, closing: [], tuned: [{ ...entry, forceNoCache: true }] };
      const bytes = encodeMountTable(state);
      expect(bytes.length).toBeLessThan(LIMITS.rowBytes);
      expect(decodeMountTable(bytes)).toEqual(state);
    });

    it("reads the first version, whose closing mounts were uuids", () => {
      const stored = {
        version: 1,
        mounts: [{ path: "secret/", type: "kv", uuid: "u", accessor: "a" }],
        closing: ["v"],
      };
      const table = decodeMountTable(Buffer.from(JSON.stringify(stored)));
      expect(table.mounts[0]).toMatchObject({ path: "secret/", tokenType: "default-service", formerPaths: [] });
      expect(table.closing.map(({ uuid }) => uuid)).toEqual(["v"]);
    });
  });
});
