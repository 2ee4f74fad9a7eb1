import { createHmac } from "node:crypto";
import { RawJson } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { testSalt } from "../testing/salt.ts";
import { authJson, encodeAuth, requestJson, responseJson } from "./encode.ts";
import type { AuditAuth, AuditMount, AuditRequest } from "./types.ts";

const { salt } = testSalt();
const options = { salt, clearAccessors: false };
const hmac = (text: string): string =>
  `hmac-sha256:${createHmac("sha256", new Uint8Array(32).fill(7)).update(text).digest("hex")}`;

const MOUNT: AuditMount = {
  point: "secret/",
  type: "kv",
  accessor: "kv_1",
  runningVersion: "v1+builtin",
  class: "secret",
  clearRequestKeys: new Set(["note"]),
  clearResponseKeys: new Set(),
};
const AUTH: AuditAuth = {
  clientToken: utf8("hvs.token"),
  accessor: "acc",
  displayName: "token",
  policies: ["default", "dev"],
  tokenPolicies: ["default", "dev"],
  identityPolicies: [],
  noDefaultPolicy: true,
  metadata: new Map([["user", "ana"]]),
  numUses: 5,
  remainingUses: 3,
  entityId: "e1",
  tokenType: "service",
  tokenTtlSeconds: 3600,
  tokenIssueTimeMs: Date.UTC(2030, 0, 1),
};
const REQUEST: AuditRequest = {
  id: "r1",
  operation: "update",
  path: "secret/data/x",
  namespace: "",
  remoteAddress: "10.0.0.1",
  remotePort: 4711,
  clientToken: utf8("hvs.token"),
  mount: MOUNT,
  body: utf8('{"note":"clear","data":{"pw":"s3cret","n":1}}'),
  wrapTtlSeconds: 60,
  headers: new Map([["x-correlation-id", ["c1"]]]),
};

const keysOf = (json: string): string[] => Object.keys(JSON.parse(json) as object);

describe("a record", () => {
  it("has the members of Vault's auth, in Vault's order", () => {
    const json = authJson(encodeAuth(AUTH, options), { allowed: true, grantingPolicies: ["dev"] });
    expect(keysOf(json)).toEqual([
      "client_token",
      "accessor",
      "display_name",
      "policies",
      "token_policies",
      "no_default_policy",
      "policy_results",
      "metadata",
      "num_uses",
      "remaining_uses",
      "entity_id",
      "token_type",
      "token_ttl",
      "token_issue_time",
    ]);
    expect(JSON.parse(json)).toMatchObject({
      client_token: hmac("hvs.token"),
      accessor: hmac("acc"),
      policy_results: { allowed: true, granting_policies: [{ name: "dev", namespace_id: "root", type: "acl" }] },
      metadata: { user: "ana" },
      token_issue_time: "2030-01-01T00:00:00Z",
    });
  });

  it("has the members of Vault's request, in Vault's order", () => {
    const json = requestJson(REQUEST, encodeAuth(AUTH, options), options);
    expect(keysOf(json)).toEqual([
      "id",
      "client_id",
      "operation",
      "mount_point",
      "mount_type",
      "mount_accessor",
      "mount_running_version",
      "mount_class",
      "client_token",
      "client_token_accessor",
      "namespace",
      "path",
      "data",
      "remote_address",
      "remote_port",
      "wrap_ttl",
      "headers",
    ]);
    expect(JSON.parse(json)).toMatchObject({
      client_id: "e1",
      namespace: { id: "root" },
      data: { note: "clear", data: { pw: hmac("s3cret"), n: 1 } },
    });
  });

  it("names a client without an entity by its policies, as Vault does", () => {
    const idOf = (policies: readonly string[]): string => encodeAuth({ policies }, options).clientId;
    // As OpenBao 2.7 has them.
    expect(idOf(["root"])).toBe("0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8=");
    expect(idOf(["zeta", "default", "alpha"])).toBe("jwPYr3gqR2nXCKiRRXd8jsXLFIi6RextQ5CBAL39ow4=");
  });

  it("has the members of Vault's response, in Vault's order", () => {
    const json = responseJson(
      {
        data: { data: new RawJson(utf8('{"pw":"s3cret"}')), metadata: { created_time: "2030-01-01T00:00:00Z" } },
        leaseId: "secret/x/1",
        warnings: ["careful"],
        redirect: "https://other",
        headers: new Map([["X-Nonce", "n"]]),
        wrap: {
          ttlSeconds: 60,
          token: utf8("hvs.wrap"),
          accessor: "w",
          creationTimeMs: Date.UTC(2030, 0, 1),
          creationPath: "secret/x",
        },
      },
      MOUNT,
      false,
      options,
      authJson(encodeAuth({ clientToken: utf8("hvs.new"), accessor: "new" }, options), undefined),
    );
    expect(keysOf(json)).toEqual([
      "auth",
      "mount_point",
      "mount_type",
      "mount_accessor",
      "mount_running_plugin_version",
      "mount_class",
      "secret",
      "data",
      "warnings",
      "redirect",
      "wrap_info",
      "headers",
    ]);
    expect(JSON.parse(json)).toMatchObject({
      auth: { client_token: hmac("hvs.new"), accessor: hmac("new") },
      secret: { lease_id: "secret/x/1" },
      data: { data: { pw: hmac("s3cret") }, metadata: { created_time: "2030-01-01T00:00:00Z" } },
      headers: { "X-Nonce": [hmac("n")] },
      wrap_info: { ttl: 60, token: hmac("hvs.wrap"), accessor: hmac("w"), creation_time: "2030-01-01T00:00:00Z" },
    });
  });

  it("leaves out what is empty", () => {
    const bare = { id: "r", operation: "read", path: "p", namespace: "", remoteAddress: "", remotePort: 0 };
    expect(requestJson(bare, undefined, options)).toBe(
      '{"id":"r","operation":"read","namespace":{"id":"root"},"path":"p"}',
    );
    expect(responseJson({}, undefined, false, options)).toBe("");
    expect(authJson(undefined, undefined)).toBe("");
  });

  it("shows accessors where a device asks for them, and never a token", () => {
    const json = authJson(encodeAuth(AUTH, { salt, clearAccessors: true }), undefined);
    expect(JSON.parse(json)).toMatchObject({ accessor: "acc", client_token: hmac("hvs.token") });
  });

  it("counts the entries of a very long list, and writes out a shorter one", () => {
    const list = (length: number) =>
      JSON.parse(
        responseJson({ data: { keys: Array.from({ length }, (_, i) => `k${i}`) } }, undefined, true, options),
      ) as { data: { keys: unknown } };
    expect(list(1001).data.keys).toBe(1001);
    expect(list(1000).data.keys).toHaveLength(1000);
  });

  it("holds an answer that is not JSON as one HMAC", () => {
    const raw = { status: 200, contentType: "text/plain", body: utf8("canary") };
    expect(JSON.parse(responseJson({ raw }, undefined, false, options))).toEqual({
      data: { http_content_type: hmac("text/plain"), http_raw_body: hmac("canary"), http_status_code: 200 },
    });
  });

  it("records a query as data", () => {
    const query = new Map([
      ["version", ["2"]],
      ["x", ["a", "b"]],
      // Looks like the server's, and is the client's.
      ["born", ["1980-02-03T04:05:06Z"]],
    ]);
    const { body: _, mount: __, ...rest } = REQUEST;
    expect(JSON.parse(requestJson({ ...rest, query }, undefined, options))).toMatchObject({
      data: { version: hmac("2"), x: [hmac("a"), hmac("b")], born: hmac("1980-02-03T04:05:06Z") },
    });
  });
});
