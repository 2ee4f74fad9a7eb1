import { hostname } from "node:os";
import { kvFactory } from "@strongroom/secrets";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer(kvFactory);
});

afterAll(() => server.close());

const TOLD_TO_NOBODY = new RegExp(
  String.raw`127\.0\.0\.1|${hostname()}|\.ts\b|node_modules|node:internal|\bat .*:\d+:\d+|${process.cwd()}`,
);
const METHODS = ["GET", "PUT", "POST", "DELETE", "PATCH", "LIST", "SCAN", "OPTIONS", "SOURCE", "QUERY", "BREW"];
const PATHS = [
  "/v1/secret/data/a",
  "/v1/secret/metadata/",
  "/v1/secret/config",
  "/v1/secret/delete/a",
  "/v1/sys/mounts",
  "/v1/sys/mounts/x",
  "/v1/sys/health",
  "/v1/sys/init",
  "/v1/sys/unseal",
  "/v1/sys/internal/ui/mounts/secret/a",
  "/v1/auth/token/lookup",
  "/v1/sys/storage/raft/join-token",
  "/v1/%2e",
  "/",
];
const BODIES = [
  "",
  "{}",
  "[]",
  "{",
  '{"data":{}}',
  '{"data":null,"options":{"cas":"x"}}',
  '{"key":[]}',
  '{"versions":[1e999,-1,"a"]}',
  '{"type":"kv","options":{"version":2},"config":[]}',
  '{"type":{},"path":"../x"}',
  '{"token":"","ttl":-1,"max_versions":{}}',
  '{"__proto__":{"a":1}}',
  '"\\ud800"',
  "\u0000",
];
const HEADERS = [
  "X-Vault-Namespace: a",
  "Content-Type: application/merge-patch+json",
  "Content-Type: ;",
  "Connection: close",
  "X-Vault-Wrap-TTL: 1",
  "Authorization: Bearer",
  "Expect: 100-continue",
  "X-A: \t",
];

describe("whatever comes", () => {
  it("gets an answer below 500, and the server goes on", async () => {
    const request = fc.record({
      method: fc.constantFrom(...METHODS),
      path: fc.constantFrom(...PATHS),
      query: fc.constantFrom("", "?list=true", "?list=x", "?help=1", "?a=%zz", "?version=-1", "?standbycode=1"),
      headers: fc.subarray(HEADERS, { maxLength: 2 }),
      body: fc.constantFrom(...BODIES),
      withToken: fc.boolean(),
      cut: fc.nat({ max: 400 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 3 }), async (requests) => {
        const client = await server.open();
        for (const { method, path, query, headers, body, withToken, cut } of requests) {
          const lines = [`${method} ${path}${query} HTTP/1.1`, "Host: localhost", ...headers];
          if (withToken) lines.push(`X-Vault-Token: ${server.node.rootToken}`);
          if (body !== "") lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
          const text = `${lines.join("\r\n")}\r\n\r\n${body}`;
          await client.send(text.slice(0, cut), text.slice(cut));
        }
        client.end();
        for (const { status, headers, body } of await client.rest()) {
          expect(status).toBeLessThan(500);
          // CVE-2021-3024: no address, host name, file or stack.
          if (status >= 400) expect(`${headers}\n${body}`).not.toMatch(TOLD_TO_NOBODY);
        }
        client.close();
      }),
      { numRuns: 80 },
    );
    expect((await server.request("GET", "/v1/sys/health")).status).toBe(200);
  });

  it("even if it is no HTTP at all", async () => {
    const piece = fc.constantFrom(
      "LIST ",
      "GET ",
      "/",
      "v1/",
      " HTTP/1.1",
      "\r\n",
      "\n",
      "Host: x",
      "\r\n\r\n",
      "\u0000",
      "a",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 25 }), async (pieces) => {
        const client = await server.open();
        await client.send(pieces.join(""));
        client.end();
        for (const { status } of await client.rest()) expect(status).toBeLessThan(500);
        client.close();
      }),
      { numRuns: 150 },
    );
    expect((await server.request("GET", "/v1/sys/health")).status).toBe(200);
  });
});
