/** What the front door refuses by itself is recorded as what the core refuses is. */
import { kvFactory } from "@strongroom/secrets";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RawClient } from "./testing/raw-client.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;
let seen: number;
beforeEach(async () => {
  server = await startTestServer(kvFactory, { maxRequestBytes: 200_000 });
  seen = server.node.auditRecords().length;
});
afterEach(() => server.close());

interface Seen {
  readonly type: string;
  readonly error?: string;
  readonly request: {
    readonly id: string;
    readonly path?: string;
    readonly remote_address: string;
    readonly remote_port: number;
  };
}

const records = (): Seen[] => server.node.auditRecords().slice(seen) as unknown as Seen[];

describe("the HTTP door", () => {
  it.each([
    ["a method that no path has", "PURGE", "/v1/secret/data/a", {}, 405, "secret/data/a"],
    ["a path outside of the API", "GET", "/favicon.ico", {}, 404, "/favicon.ico"],
    ["two tokens", "GET", "/v1/secret/data/a", { headers: ["Authorization: Bearer other"] }, 400, "/v1/secret/data/a"],
    ["a bad target", "GET", "/v1/secret/../sys/x?token=hvs.canary", {}, 400, "/v1/secret/../sys/x"],
    [
      "an encoded body",
      "POST",
      "/v1/secret/data/a",
      { body: "x", headers: ["Content-Encoding: gzip"] },
      415,
      "secret/data/a",
    ],
    ["a large body", "POST", "/v1/secret/data/a", { body: "x".repeat(200_001) }, 413, "secret/data/a"],
    [
      "a large body without a token",
      "POST",
      "/v1/secret/data/a",
      { body: "x".repeat(70_000), token: null },
      403,
      "secret/data/a",
    ],
  ] as const)("records that it refused %s", async (_what, method, target, options, status, path) => {
    expect((await server.request(method, target, options)).status).toBe(status);
    expect(records()).toMatchObject([
      { type: "request", error: expect.any(String) as string, request: { path, remote_address: "127.0.0.1" } },
      { type: "response", error: expect.any(String) as string, request: { path } },
    ]);
    expect(records()[0]?.request.id).toBe(records()[1]?.request.id);
    expect(records()[0]?.request.remote_port).toBeGreaterThan(0);
    expect(JSON.stringify(records())).not.toContain("hvs.canary");
  });

  it("records what is no HTTP, with who sent it", async () => {
    const client = await RawClient.open(server.port, "http");
    await client.send(Buffer.from("\u0016\u0003\u0001 hello\r\n\r\n"));
    expect((await client.response())?.status).toBe(400);
    client.close();
    await expect.poll(() => records().length).toBe(2);
    expect(records()[0]).toMatchObject({
      error: "the request is not valid HTTP/1.1",
      request: { remote_address: "127.0.0.1" },
    });
  });

  it("names each request that failed, in body and header, as its records do", async () => {
    const failed = [
      await server.request("PURGE", "/v1/secret/data/a"),
      await server.request("GET", "/v1/secret/data/none"),
      await server.request("GET", "/v1/sys/nothing"),
      await server.request("PUT", "/v1/sys/policies/acl/p", { body: "{}" }),
      await server.request("GET", "/v1/secret/data/a", { token: "hvs.unknown" }),
      await server.request("GET", "/v1/secret/../a"),
    ];
    const client = await server.open();
    await client.send("no HTTP at all\r\n\r\n");
    failed.push((await client.response()) as (typeof failed)[number]);
    client.close();
    await expect.poll(() => records().length).toBe(2 * failed.length);
    const recorded = records().map(({ request }) => request.id);
    for (const { headers, body } of failed) {
      const named = /^Strongroom-Request-Id: (.*)$/m.exec(headers)?.[1];
      expect(recorded).toContain(named);
      const { errors, request_id } = JSON.parse(body) as { errors: string[]; request_id?: string };
      expect(request_id).toBe(errors.length === 0 ? undefined : named);
    }
    const read = await server.request("GET", "/v1/sys/mounts");
    expect(read.headers).not.toContain("Strongroom-Request-Id");
  });

  it("records the headers that are named with every request, whatever becomes of it (CVE-2026-46358, CVE-2024-2877)", async () => {
    const at = "/v1/sys/config/auditing/request-headers";
    await server.request("POST", `${at}/X-Trace`, { body: "{}" });
    await server.request("POST", `${at}/X-Secret`, { body: '{"hmac":true}' });
    seen = server.node.auditRecords().length;
    const headers = ["X-Trace: t-1", "X-Secret: canary-header", "X-Other: o"];
    await server.request("GET", "/v1/secret/data/a", { headers });
    await server.request("GET", "/v1/secret/data/a", { headers, token: "hvs.unknown" });
    await server.request("GET", "/v1/secret/data/a", { headers: [...headers, "X-Vault-Wrap-TTL: 60"] });
    await server.request("POST", "/v1/sys/wrapping/unwrap", { headers, token: null, body: '{"token":"no"}' });
    await server.request("PUT", "/v1/sys/unseal", { headers, token: null, body: "{}" });
    await server.request("PURGE", "/v1/secret/data/a", { headers });
    await server.request("POST", "/v1/secret/data/a", { headers, body: "{" });
    expect(records()).toHaveLength(14);
    const hmac = expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/) as string;
    for (const { request } of records()) {
      expect(request).toMatchObject({ headers: { "x-trace": ["t-1"], "x-secret": [hmac] } });
    }
    expect(JSON.stringify(records())).not.toMatch(/canary-header|x-other/i);
  });

  it("shows nothing of a body that it could not read (CVE-2025-4166, CVE-2025-52893)", async () => {
    const canary = "canary-7d1b";
    const bodies = [
      `{"data":"${canary}"}`,
      `{"data":{"a":"${canary}"`,
      `{"data":{"${canary}`,
      `{"data":{"a":${canary}}}`,
      `{"data":{"a":1,"a":"${canary}"}}`,
      `["${canary}"]`,
      `data=${canary}`,
      `${canary}`,
    ];
    for (const body of bodies) {
      const answer = await server.request("POST", "/v1/secret/data/a", { body });
      expect([answer.status, answer.body.includes(canary)], body).toEqual([400, false]);
    }
    expect(JSON.stringify(records())).not.toContain(canary);
  });

  it("answers 500 to what it refuses and cannot record", async () => {
    server.node.auditDisk.freeBytes = 10;
    const refused = await server.request("PURGE", "/v1/secret/data/a");
    expect(refused.status).toBe(500);
    expect(refused.body.toString()).toContain("audit_unavailable");
    expect((await server.request("GET", "/v1/secret/data/a")).status).toBe(500);
    expect((await server.request("GET", "/v1/sys/health")).status).toBe(200);
  });

  it("records each request once, with its peer's port, whatever is answered", async () => {
    await server.request("POST", "/v1/secret/data/a", { body: '{"data":{"x":"1"}}' });
    await server.request("GET", "/v1/secret/data/a");
    await server.request("LIST", "/v1/secret/metadata/");
    await server.request("GET", "/v1/secret/data/none");
    await server.request("POST", "/v1/secret/data/a", { body: "{not json" });
    expect(records().map(({ type }) => type)).toEqual(Array.from({ length: 5 }, () => ["request", "response"]).flat());
    expect(new Set(records().map(({ request }) => request.id)).size).toBe(5);
    expect(records().every(({ request }) => request.remote_port > 0)).toBe(true);
  });
});
