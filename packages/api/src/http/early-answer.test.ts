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

  it("is given to what is not done here, such as a restore, with nothing read of the body", async () => {
    const gzip = Buffer.from("1f8b0800000000000003", "hex");
    const framings = ["Content-Length: 5000000000", "Transfer-Encoding: chunked"];
    const typed = ["Content-Type: application/x-www-form-urlencoded", "Content-Encoding: gzip"];
    const asked = [
      ["snapshot", server.node.rootToken, 400, "snapshot restore"],
      ["snapshot-force", server.node.rootToken, 400, "snapshot restore"],
      ["join", "hvs.bad", 400, "-join=TOKEN"],
      ["snapshot", "hvs.bad", 403, "permission denied"],
      ["snapshot-force", "hvs.bad", 403, "permission denied"],
    ] as const;
    const answers = asked.flatMap(([name, token, code, text]) =>
      framings.map(async (framing) => {
        const client = await server.open();
        const headers = ["Host: x", `X-Vault-Token: ${token}`, ...typed, framing];
        await client.send(`PUT /v1/sys/storage/raft/${name} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
        if (framing.startsWith("Content-Length")) await client.send(gzip);
        const [response, ...more] = await client.rest();
        expect([response?.status, more], name).toEqual([code, []]);
        expect(response?.body).toContain(text);
        expect(response?.headers).toMatch(/^Connection: close$/m);
      }),
    );
    await Promise.all(answers);
    const small = { body: "no=json&%" };
    expect((await server.request("POST", "/v1/sys/storage/raft/snapshot", small)).status).toBe(400);
  });
});
