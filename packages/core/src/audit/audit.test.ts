import { userpassFactory } from "@strongroom/auth";
import { fromUtf8, utf8 } from "@strongroom/runtime";
import { kvFactory } from "@strongroom/secrets";
import { beforeEach, describe, expect, it } from "vitest";
import { openPair, ROLES } from "../testing/node-pair.ts";
import { bodyOf, TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

type AuditRecord = Record<string, unknown> & {
  readonly type: string;
  readonly error?: string;
  readonly auth?: Record<string, unknown>;
  readonly request: Record<string, unknown> & { readonly id: string; readonly path: string };
  readonly response?: Record<string, unknown>;
};

let node: TestNode;
let seen: number;

/** Since the test's beginning. */
const records = (): AuditRecord[] => node.auditRecords().slice(seen) as AuditRecord[];
const put = (name: string, data: object) => node.call("update", `secret/data/${name}`, { body: { data } });
const hash = async (input: string): Promise<string> => {
  const at = "sys/audit-hash/file";
  return (bodyOf(await node.call("update", at, { body: { input } })) as { hash: string }).hash;
};
const enable = (path: string, options: object, type = "file") =>
  node.call("update", `sys/audit/${path}`, { body: { type, options } });

describe.each(ROLES)("asked of the %s", (role) => {
  beforeEach(async () => {
    ({ node } = await openPair(role, [kvFactory]));
    await node.call("update", "sys/mounts/secret", { body: { type: "kv", options: { version: "2" } } });
    seen = node.auditRecords().length;
  });

  describe("a request", () => {
    it("has one record of itself and one of its answer, joined by its id, whatever becomes of it", async () => {
      await put("a", { x: "1" });
      await node.call("read", "secret/data/a");
      await node.call("list", "secret/metadata/");
      await node.call("delete", "secret/data/a");
      await wireCode(node.call("read", "secret/data/none"));
      await wireCode(node.call("update", "secret/data/a", { body: { data: {}, options: { cas: 9 } } }));
      await wireCode(node.call("read", "nowhere/x"));
      await wireCode(node.call("read", "secret/data/a", { token: "hvs.wrong" }));
      await wireCode(node.call("read", "secret/data/a", { token: null }));
      await wireCode(node.call("update", "secret/data/a", { body: [1] }));
      await node.call("help", "secret/data/a");
      const all = records();
      expect(all).toHaveLength(22);
      for (let i = 0; i < all.length; i += 2) {
        expect([all[i]?.type, all[i + 1]?.type]).toEqual(["request", "response"]);
        expect(all[i + 1]?.request.id).toBe(all[i]?.request.id);
      }
      expect(new Set(all.map(({ request }) => request.id)).size).toBe(11);
    });

    it("is recorded with who asks, for what, and what was answered", async () => {
      await put("a", { password: "s3cret" });
      await enable("file", { file_path: "discard" });
      const [request, response] = records();
      expect(request).toMatchObject({
        type: "request",
        auth: {
          client_token: await hash(node.rootToken),
          display_name: "root",
          policies: ["root"],
          policy_results: { allowed: true },
          token_type: "service",
        },
        request: {
          operation: "create",
          mount_point: "secret/",
          mount_type: "kv",
          mount_class: "secret",
          path: "secret/data/a",
          data: { data: { password: await hash("s3cret") } },
          remote_address: "127.0.0.1",
        },
      });
      expect(response).toMatchObject({ type: "response", response: { mount_type: "kv", data: { version: 1 } } });
    });

    it("that is refused says why, and that policy did not allow it", async () => {
      await node.call("update", "sys/policies/acl/none", { body: { policy: 'path "x" { capabilities = ["read"] }' } });
      const made = await node.call("update", "auth/token/create", { body: { policies: ["none"] } });
      const token = fromUtf8((made as { auth: { clientToken: Uint8Array } }).auth.clientToken);
      seen = node.auditRecords().length;
      await wireCode(node.call("read", "secret/data/a", { token }));
      const [request, response] = records();
      for (const record of [request, response]) {
        expect(record).toMatchObject({
          auth: { policies: ["default", "none"], policy_results: { allowed: false } },
          error: expect.stringContaining("permission denied") as string,
        });
      }
      await wireCode(node.call("read", "secret/data/a", { token: "hvs.unknown" }));
      expect(records().at(-1)).toMatchObject({ error: "permission denied" });
      expect(records().at(-1)?.auth).toBeUndefined();
    });

    it("holds an HMAC where a canary was, whatever carried it", async () => {
      const canary = "canary-2b7f";
      await put("a", { [`key`]: canary, list: [canary], deep: { a: canary } });
      await node.call("read", "secret/data/a");
      await node.call("read", "secret/data/a", { query: new Map([["version", ["1"]]]) });
      await wireCode(node.call("read", "secret/data/a", { token: canary }));
      await wireCode(node.call("update", "secret/data/a", { body: { data: { x: canary }, options: { cas: 77 } } }));
      await wireCode(node.call("update", "secret/data/b", { body: [canary] }));
      await node.call("update", "auth/token/create", { body: { meta: {}, id: undefined, display_name: "d" } });
      const text = node.auditDisk.lines().join("\n");
      expect(text).not.toContain(canary);
      expect(text).not.toContain(node.rootToken);
    });

    it("is recorded in full when its parameters are odd, on one line", async () => {
      await wireCode(node.call("read", "secret/data/a\u2028b\u0007"));
      expect(records().map(({ request }) => request.path)).toEqual([
        "secret/data/a\u2028b\u0007",
        "secret/data/a\u2028b\u0007",
      ]);
    });

    it("that makes a token has its HMACs in the answer's record", async () => {
      await enable("file", { file_path: "discard" });
      seen = node.auditRecords().length;
      const made = await node.call("update", "auth/token/create", { body: { policies: ["default"], ttl: "1h" } });
      const { clientToken, accessor } = (made as { auth: { clientToken: Uint8Array; accessor: string } }).auth;
      expect(records()[1]?.response).toMatchObject({
        auth: {
          client_token: await hash(fromUtf8(clientToken)),
          accessor: await hash(accessor),
          policies: ["default"],
        },
      });
    });

    it("that is answered without a body names its mount, as one that is refused does", async () => {
      await node.call("delete", "secret/data/a");
      await wireCode(node.call("read", "secret/data/none"));
      await wireCode(node.call("update", "secret/data/a", { body: {} }));
      const answers = records().filter(({ type }) => type === "response");
      expect(answers.map(({ response }) => response?.["mount_point"])).toEqual(["secret/", "secret/", "secret/"]);
      expect(answers.every(({ response }) => !("data" in (response ?? {})))).toBe(true);
    });

    it("that is a login says in its answer's record who it was", async () => {
      const people = await openPair(role, [userpassFactory], {
        kdf: {
          hash: async (password) => fromUtf8(password),
          verify: async (password, hash) => fromUtf8(password) === hash,
        },
      });
      node = people.node;
      await node.call("update", "sys/auth/userpass", { body: { type: "userpass" } });
      await node.call("update", "auth/userpass/users/ann", { body: { password: "p", token_policies: "app" } });
      seen = node.auditRecords().length;
      await node.call("update", "auth/userpass/login/ann", { token: null, body: { password: "p" } });
      await wireCode(node.call("update", "auth/userpass/login/ann", { token: null, body: { password: "no" } }));
      const [asked, answered, , refused] = records();
      expect(asked?.["auth"]).toBeUndefined();
      expect(answered?.["auth"]).toMatchObject({
        display_name: "userpass-ann",
        policies: ["app", "default"],
        metadata: { username: "ann" },
      });
      expect(answered?.["auth"]).toEqual(answered?.response?.["auth"]);
      expect(refused?.["auth"]).toBeUndefined();
    });

    it("shows what its mount was tuned to show, and nothing else", async () => {
      const tune = { audit_non_hmac_request_keys: "note", audit_non_hmac_response_keys: "note" };
      await node.call("update", "sys/mounts/secret/tune", { body: tune });
      seen = node.auditRecords().length;
      await put("a", { note: "shown", password: "hidden" });
      await node.call("read", "secret/data/a");
      const [request, , , response] = records();
      expect(request?.request["data"]).toMatchObject({ data: { note: "shown" } });
      expect(response?.response).toMatchObject({ data: { data: { note: "shown" } } });
      expect(node.auditDisk.lines().join("\n")).not.toContain("hidden");
    });
  });

  describe("what is open to anybody", () => {
    it("is recorded where it changes something, without shares and keys, and not where it only looks", async () => {
      const fresh = new TestNode([kvFactory]);
      await fresh.initialize();
      await fresh.call("read", "sys/health");
      await fresh.call("read", "sys/seal-status");
      await fresh.call("read", "sys/leader");
      await fresh.call("update", "sys/seal");
      await wireCode(fresh.call("update", "sys/unseal", { body: { key: "00".repeat(33) } }));
      const all = fresh.auditRecords() as AuditRecord[];
      expect(all.map(({ type, request }) => `${type} ${request.path}`)).toEqual([
        "request sys/init",
        "response sys/init",
        "request sys/unseal",
        "response sys/unseal",
        "request sys/unseal",
        "response sys/unseal",
        "request sys/seal",
        "response sys/seal",
        "request sys/unseal",
        "response sys/unseal",
      ]);
      const text = fresh.auditDisk.lines().join("\n");
      for (const secret of [...fresh.unsealKeys, fresh.rootToken]) expect(text).not.toContain(secret);
      expect(all[1]?.response).toMatchObject({ data: { root_token: "redacted" } });
      expect(all.at(-1)?.error).toBeDefined();
    });

    it("and what a sealed node refuses is recorded as well", async () => {
      await node.call("update", "sys/seal");
      seen = node.auditRecords().length;
      await wireCode(node.call("read", "secret/data/a"));
      expect(records()).toMatchObject([
        { type: "request", request: { path: "secret/data/a", client_token: "redacted" } },
        { type: "response", error: expect.stringContaining("sealed") as string },
      ]);
    });
  });

  describe("with a full disk", () => {
    it("nothing is executed, and nothing answered", async () => {
      await put("a", { x: "1" });
      node.auditDisk.freeBytes = 10;
      const commits = node.store.commits;
      expect(await wireCode(put("b", { x: "1" }))).toMatch(/^audit_unavailable: .*nothing is executed/);
      expect(await wireCode(node.call("read", "secret/data/a"))).toMatch(/^audit_unavailable/);
      expect(await wireCode(node.call("update", "sys/seal"))).toMatch(/^audit_unavailable/);
      expect(await wireCode(node.call("read", "secret/data/a", { token: "x" }))).toMatch(/^audit_unavailable/);
      expect(node.store.commits).toBe(commits);
      expect(node.barrier.sealed).toBe(false);
      node.auditDisk.freeBytes = Number.POSITIVE_INFINITY;
      (node.store.clock as unknown as { advance(ms: number): void }).advance(200);
      expect(await wireCode(node.call("read", "secret/data/b"))).not.toMatch(/audit/);
    });

    it("a write that took effect and cannot be recorded is answered as one whose outcome is unknown", async () => {
      const commit = node.store.commit.bind(node.store);
      node.store.commit = async (...args) => {
        const verdict = await commit(...args);
        node.auditDisk.freeBytes = 0;
        return verdict;
      };
      expect(await wireCode(put("b", { x: "1" }))).toMatch(/^audit_outcome_unknown: .*may have taken effect/);
      node.store.commit = commit;
      node.auditDisk.freeBytes = Number.POSITIVE_INFINITY;
      (node.store.clock as unknown as { advance(ms: number): void }).advance(200);
      expect(bodyOf(await node.call("read", "secret/data/b"))).toMatchObject({ data: { x: "1" } });
    });
  });

  describe("audit devices", () => {
    const list = async () => bodyOf(await node.call("read", "sys/audit"));

    it("are enabled, shown without credentials, and disabled", async () => {
      await enable("file", { file_path: "/var/log/a.log", mode: "0640" });
      await enable("web", { uri: "https://log.example/", headers: '{"Authorization":"Bearer canary"}' }, "http");
      expect(await list()).toEqual({
        "file/": {
          type: "file",
          description: "",
          options: { file_path: "/var/log/a.log", mode: "0640" },
          local: false,
          path: "file/",
        },
        "web/": {
          type: "http",
          description: "",
          options: { uri: "https://log.example/", headers: "[redacted]" },
          local: false,
          path: "web/",
        },
      });
      expect(node.core.auditDevices()).toMatchObject([{ path: "file/" }, { path: "web/" }]);
      await node.call("delete", "sys/audit/file");
      await node.call("delete", "sys/audit/never-was");
      expect(node.core.auditDevices()).toMatchObject([{ path: "web/" }]);
      expect(node.auditDisk.lines().join("\n")).not.toContain("canary");
    });

    it("are refused where another is, or something is wrong with them", async () => {
      await enable("file", { file_path: "discard" });
      expect(await wireCode(enable("file", { file_path: "discard" }))).toBe(
        "invalid_request: path already in use: file/",
      );
      expect(await wireCode(enable("file/below", { file_path: "discard" }))).toContain("path already in use");
      expect(await wireCode(enable("other", { file_path: "discard", log_raw: true }))).toMatch(
        /^invalid_audit_device: log_raw/,
      );
      expect(await wireCode(enable("other", {}, "carrier-pigeon"))).toMatch(/^invalid_audit_device: unknown/);
      expect(await wireCode(enable("../x", { file_path: "discard" }))).toMatch(/^invalid_/);
      expect(await list()).toMatchObject({ "file/": {} });
    });

    it("that take nothing on the node that is asked are enabled only without the test", async () => {
      const refusing = new TestNode([kvFactory], {
        auditDevices: { statuses: () => [], probe: () => Promise.reject(new Error("connection refused")) },
      });
      await refusing.initialize();
      const options = { address: "127.0.0.1:9" };
      const make = (more: object) =>
        refusing.call("update", "sys/audit/s", { body: { type: "socket", options: { ...options, ...more } } });
      expect(await wireCode(make({}))).toMatch(/^invalid_request: the device takes nothing \(connection refused\)/);
      expect(refusing.core.auditDevices()).toEqual([]);
      await make({ skip_test: "true" });
      expect(refusing.core.auditDevices()).toMatchObject([{ path: "s/" }]);
    });

    it("that fail are told by sys/health and sys/audit-status", async () => {
      const statuses = [{ path: "s/", type: "socket", error: "gone", lagBytes: 7, delivered: 3 }];
      const failing = new TestNode([kvFactory], { auditDevices: { statuses: () => statuses, probe: async () => {} } });
      await failing.initialize();
      expect(bodyOf(await failing.call("read", "sys/health"))).toMatchObject({ audit_devices_failing: 1 });
      expect(bodyOf(await failing.call("read", "sys/audit-status"))).toEqual({
        devices: { "s/": { type: "socket", error: "gone", lag_bytes: 7, delivered: 3 } },
      });
    });

    it("that show accessors have them shown in the stream, until none does any more", async () => {
      const accessor = (): string => String(records().at(-1)?.auth?.["accessor"]);
      await enable("file", { file_path: "discard", hmac_accessor: "false" });
      await node.call("list", "secret/metadata/");
      expect(accessor()).not.toContain("hmac");
      await node.call("delete", "sys/audit/file");
      await node.call("list", "secret/metadata/");
      expect(accessor()).toContain("hmac-sha256:");
    });

    it("are for those with sudo", async () => {
      await node.call("update", "sys/policies/acl/almost", {
        body: { policy: 'path "sys/*" { capabilities = ["create","read","update","delete","list"] }' },
      });
      const made = await node.call("update", "auth/token/create", { body: { policies: ["almost"] } });
      const token = fromUtf8((made as { auth: { clientToken: Uint8Array } }).auth.clientToken);
      for (const path of ["sys/audit", "sys/config/auditing/request-headers"]) {
        expect(await wireCode(node.call("read", path, { token }))).toMatch(/^permission_denied/);
      }
      const body = { type: "file", options: { file_path: "discard" } };
      expect(await wireCode(node.call("update", "sys/audit/x", { token, body }))).toMatch(/^permission_denied/);
    });
  });

  describe("headers of requests", () => {
    const header = (name: string) =>
      name === "x-correlation-id" ? ["c-1"] : name === "x-vault-token" ? [node.rootToken] : [];
    const ask = () =>
      node.core.handle({
        id: "r",
        operation: "list",
        path: "secret/metadata/",
        query: new Map(),
        remoteAddress: "127.0.0.1",
        namespace: "",
        deadlineMs: node.store.clock.monotonicMs() + 1000,
        token: utf8(node.rootToken),
        header,
      });
    const at = "sys/config/auditing/request-headers";

    it("are recorded once they are named, credentials only as HMACs", async () => {
      await ask();
      expect(records()[0]?.request["headers"]).toBeUndefined();
      await node.call("update", `${at}/X-Correlation-Id`, { body: {} });
      expect(await wireCode(node.call("update", `${at}/X-Vault-Token`, { body: {} }))).toContain("hmac=true only");
      await node.call("update", `${at}/X-Vault-Token`, { body: { hmac: true } });
      expect(bodyOf(await node.call("read", at))).toEqual({
        headers: { "x-correlation-id": { hmac: false }, "x-vault-token": { hmac: true } },
      });
      expect(bodyOf(await node.call("read", `${at}/x-correlation-id`))).toEqual({
        "x-correlation-id": { hmac: false },
      });
      seen = node.auditRecords().length;
      await ask();
      await enable("file", { file_path: "discard" });
      expect(records()[0]?.request["headers"]).toEqual({
        "x-correlation-id": ["c-1"],
        "x-vault-token": [await hash(node.rootToken)],
      });
      await node.call("delete", `${at}/X-Correlation-Id`);
      expect(await wireCode(node.call("read", `${at}/x-correlation-id`))).toContain("Could not find header");
    });
  });

  describe("audit-hash", () => {
    it("needs a device and an input", async () => {
      expect(await wireCode(node.call("update", "sys/audit-hash/file", { body: { input: "x" } }))).toContain(
        "unknown audit backend",
      );
      await enable("file", { file_path: "discard" });
      expect(await wireCode(node.call("update", "sys/audit-hash/file", { body: {} }))).toContain("is empty");
      expect(await hash("x")).toMatch(/^hmac-sha256:[0-9a-f]{64}$/);
    });
  });
});
