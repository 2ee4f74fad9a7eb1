import { kvFactory } from "@strongroom/secrets";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

const PROTOCOLS = ["http", "https"] as const;
const servers = new Map<string, TestServer>();

beforeAll(async () => {
  for (const protocol of PROTOCOLS) {
    const server = await startTestServer(kvFactory, { protocol });
    await server.request("POST", "/v1/secret/data/a", { body: '{"data":{"k":1}}' });
    servers.set(protocol, server);
  }
});

afterAll(async () => {
  for (const server of servers.values()) await server.close();
});

describe.each(PROTOCOLS)("LIST over %s", (protocol) => {
  const server = (): TestServer => servers.get(protocol) as TestServer;
  const head = (method: string, target: string, ...headers: string[]): string =>
    [
      `${method} ${target} HTTP/1.1`,
      "Host: localhost",
      `X-Vault-Token: ${server().node.rootToken}`,
      ...headers,
      "",
      "",
    ].join("\r\n");
  const list = (): string => head("LIST", "/v1/secret/metadata");

  it("answers as GET with list=true does", async () => {
    const bodies = [];
    for (const request of [
      list(),
      head("GET", "/v1/secret/metadata?list=true"),
      head("LIST", "/v1/secret/metadata/"),
    ]) {
      const client = await server().open();
      await client.send(request);
      const response = await client.response();
      client.close();
      expect(response?.status).toBe(200);
      bodies.push(response?.body.replace(/"request_id":"[^"]*"/, ""));
    }
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).toContain('"data":{"keys":["a"]}');
  });

  it("arrives whole, whatever the pieces", async () => {
    const request = list();
    const client = await server().open();
    for (let cut = 1; cut < 20; cut++) {
      await client.send(request.slice(0, cut), request.slice(cut));
      expect((await client.response())?.status, `cut at ${cut}`).toBe(200);
    }
    await client.send(...request.slice(0, 12).split(""), request.slice(12, -1), request.slice(-1));
    expect((await client.response())?.status).toBe(200);
    client.close();
  });

  it("may follow any complete request on its connection", async () => {
    const client = await server().open();
    const body = '{"data":{"k":2}}';
    const length = `Content-Length: ${body.length}`;
    const befores = [
      [head("POST", "/v1/secret/data/a", length) + body],
      [head("POST", "/v1/secret/data/a", length), body],
      [head("POST", "/v1/secret/data/a", length), body.slice(0, 5), body.slice(5)],
      [head("POST", "/v1/secret/data/a", "Transfer-Encoding: chunked"), "10\r\n", `${body}\r\n`, "0\r\n\r\n"],
      [head("GET", "/v1/secret/data/a")],
      [head("DELETE", "/v1/secret/data/nothing")],
      [head("LINK", "/v1/secret/data/a")],
      [list()],
      [head("SCAN", "/v1/secret/metadata")],
    ];
    for (const before of befores) {
      await client.send(...before);
      expect((await client.response())?.status).toBeDefined();
      await client.send(list());
      expect((await client.response())?.status, before[0]?.slice(0, 40)).toBe(200);
    }
    client.close();
  });

  it("is refused with a body, and the connection ends", async () => {
    for (const header of ["Content-Length: 1", "Transfer-Encoding: chunked"]) {
      const client = await server().open();
      await client.send(`${head("LIST", "/v1/secret/metadata", header)}0\r\n\r\n`);
      const responses = await client.rest();
      expect(responses.map(({ status }) => status)).toEqual([400]);
      expect(responses[0]?.headers).toMatch(/^Connection: close$/m);
    }
  });

  it("is refused when it is pipelined, before or behind another request", async () => {
    const get = head("GET", "/v1/secret/data/a");
    const behind = await server().open();
    await behind.send(get + list());
    expect((await behind.rest()).map(({ status }) => status)).toEqual([200, 400]);
    const before = await server().open();
    await before.send(list() + get);
    expect((await before.rest()).map(({ status }) => status)).toEqual([200, 400]);
    const twice = await server().open();
    await twice.send(list() + list());
    expect((await twice.rest()).map(({ status }) => status)).toEqual([200, 400]);
  });

  it("inside a message is data, never a method", async () => {
    const body = '{"data":{"k":"LIST /v1/secret/metadata HTTP/1.1"}}';
    const cut = body.indexOf("LIST ");
    const client = await server().open();
    await client.send(
      head("POST", "/v1/secret/data/b", `Content-Length: ${body.length}`),
      body.slice(0, cut),
      body.slice(cut),
    );
    expect((await client.response())?.status).toBe(200);
    await client.send(
      "GET /v1/secret/data/b HTTP/1.1\r\nHost: localhost\r\nX-Note: ",
      `LIST x\r\n${head("", "").slice(12)}`,
    );
    expect((await client.response())?.status).toBe(400);
    client.close();
    const read = await server().request("GET", "/v1/secret/data/b");
    expect(read.body).toContain('"k":"LIST /v1/secret/metadata HTTP/1.1"');
  });

  it("behind the start of another request is not looked at", async () => {
    const client = await server().open();
    await client.send(`${head("GET", "/v1/secret/data/a")}SOURCE /v1/secret/metadata HTTP/1.1\r\nX: `);
    expect((await client.response())?.status).toBe(200);
    await client.send(`LIST y\r\nHost: localhost\r\nX-Vault-Token: ${server().node.rootToken}\r\n\r\n`);
    expect((await client.rest()).map(({ status }) => status)).toEqual([400]);
  });

  it("is spelt in capitals, with one blank, and its carrier belongs to the server", async () => {
    for (const line of ["list /v1/secret/metadata", "LISTS /v1/x", "LIST\t/v1/x", "\r\nLIST /v1/x"]) {
      const client = await server().open();
      await client.send(`${line} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      expect(
        (await client.rest()).map(({ status }) => status),
        line,
      ).toEqual([400]);
    }
    const client = await server().open();
    await client.send(head("SOURCE", "/v1/secret/metadata/"));
    expect((await client.rest()).map(({ status }) => status)).toEqual([400]);
  });

  it("leaves a connection that ends in the middle of its name alone", async () => {
    const client = await server().open();
    await client.send("LIS");
    client.end();
    expect((await client.rest()).map(({ status }) => status)).toEqual([400]);
  });
});
