/** Answers that come before their request was complete. */
import type { Timers } from "@strongroom/runtime";
import { nodeTimers } from "@strongroom/runtime/node";
import { kvFactory } from "@strongroom/secrets";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer(kvFactory);
});

afterAll(() => server.close());

describe("an answer that comes early", () => {
  it.each(["http", "https"] as const)("is heard over %s: the connection outlives it for a moment", async (protocol) => {
    const due: (() => void)[] = [];
    const after: Timers["after"] = (_delayMs, callback) => {
      due.push(callback);
      return () => {};
    };
    const own = await startTestServer(kvFactory, { protocol, timers: { ...nodeTimers, after } });
    const client = await own.open();
    await client.send("POST /v1/secret/data/x HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n{");
    expect((await client.response())?.status).toBe(403);
    const end = client.response();
    // A connection that was closed would be reset by the first of these.
    await client.send(...Array<string>(20).fill(" ".repeat(1000)));
    expect(await Promise.race([end, Promise.resolve("open")])).toBe("open");
    for (const run of due) run();
    expect(await end).toBeUndefined();
    await own.close();
  });

  it("is the last: no request behind it is run", async () => {
    const client = await server.open();
    await client.send("POST /v1/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{");
    expect((await client.response())?.status).toBe(404);
    const body = '{"data":{"behind":1}}';
    const token = `X-Vault-Token: ${server.node.rootToken}`;
    const behind = `PUT /v1/secret/data/behind HTTP/1.1\r\nHost: x\r\n${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    await client.send(`}${behind}`);
    expect(await client.response()).toBeUndefined();
    expect((await server.request("GET", "/v1/secret/data/behind")).status).toBe(404);
  });
});
