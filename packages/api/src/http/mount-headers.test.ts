import { echoEngine } from "@strongroom/core/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer(echoEngine("kv"));
});
afterAll(() => server.close());

it("headers pass over the wire where a mount was tuned for them, and nowhere else", async () => {
  const ask = () => server.request("GET", "/v1/secret/echo", { headers: ["X-One: 1", "x-one: 2", "Cookie: c"] });
  const before = await ask();
  expect(before.headers).not.toMatch(/x-nonce/i);
  expect(before.body).toContain('"data":{"headers":{}}');
  const body = JSON.stringify({ passthrough_request_headers: "X-ONE", allowed_response_headers: "X-Nonce" });
  expect((await server.request("POST", "/v1/sys/mounts/secret/tune", { body })).status).toBe(204);
  const after = await ask();
  expect(after.headers).toMatch(/^X-Nonce: nonce-of-echo$/m);
  expect(after.headers).not.toMatch(/x-other|x-torn|set-cookie/i);
  expect(after.body).toContain('"data":{"headers":{"x-one":["1","2"]}}');
});
