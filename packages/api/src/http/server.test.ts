import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { kvFactory } from "@strongroom/secrets";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RawClient, RawResponse } from "./testing/raw-client.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer(kvFactory, { maxRequestBytes: 256 * 1024 });
});

afterAll(() => server.close());

const status = async (response: Promise<RawResponse>): Promise<number> => (await response).status;
const withoutIds = (text: string): string => text.replace(/"request_id":"[0-9a-f-]{36}"/g, '"request_id":"ID"');

describe("answers", () => {
  it("carry Vault's headers and bytes", async () => {
    const written = await server.request("POST", "/v1/secret/data/app", { body: '{"data":{"n":9007199254740993}}' });
    expect(written.status).toBe(200);
    const read = await server.request("GET", "/v1/secret/data/app");
    expect(read.headers.replace(/^Date: .*$/m, "Date: D").split("\r\n")).toEqual([
      "HTTP/1.1 200 OK",
      "Cache-Control: no-store",
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(read.body)}`,
      "Date: D",
      "Connection: keep-alive",
      "Keep-Alive: timeout=65",
    ]);
    expect(withoutIds(read.body)).toMatch(
      /^\{"request_id":"ID","lease_id":"","renewable":false,"lease_duration":0,"data":\{"data":\{"n":9007199254740993\},"metadata":\{.*\}\},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"kv"\}\n$/,
    );
  });

  it("have Vault's status for each kind of outcome", async () => {
    const root = server.node.rootToken;
    const table: readonly (readonly [string, string, Parameters<TestServer["request"]>[2], number, string])[] = [
      ["GET", "/v1/secret/data/nothing", {}, 404, '{"errors":[]}\n'],
      ["LIST", "/v1/secret/metadata/nothing", {}, 404, '{"errors":[]}\n'],
      ["DELETE", "/v1/secret/data/nothing", {}, 204, ""],
      [
        "GET",
        "/v1/other/x",
        {},
        404,
        '{"errors":["no handler for route \\"other/x\\". route entry not found."],"request_id":"ID"}\n',
      ],
      [
        "GET",
        "/v1/sys/nothing",
        {},
        404,
        '{"errors":["no handler for route \\"sys/nothing\\". route entry not found."],"request_id":"ID"}\n',
      ],
      ["GET", "/v1/", {}, 404, '{"errors":[]}\n'],
      ["GET", "/", {}, 404, '{"errors":[]}\n'],
      ["GET", "/ui/", {}, 404, '{"errors":[]}\n'],
      ["GET", "/V1/secret/data/app", {}, 404, '{"errors":[]}\n'],
      [
        "GET",
        "/v1/SYS/mounts",
        {},
        404,
        '{"errors":["no handler for route \\"SYS/mounts\\". route entry not found."],"request_id":"ID"}\n',
      ],
      ["GET", "/v1/secret/data/app", { token: null }, 403, '{"errors":["permission denied"],"request_id":"ID"}\n'],
      ["GET", "/v1/other/data/app", { token: "hvs.x" }, 403, '{"errors":["permission denied"],"request_id":"ID"}\n'],
      [
        "GET",
        "/v1/sys/seal",
        {},
        405,
        '{"errors":["1 error occurred:\\n\\t* unsupported operation\\n\\n"],"request_id":"ID"}\n',
      ],
      [
        "SCAN",
        "/v1/secret/metadata",
        {},
        405,
        '{"errors":["1 error occurred:\\n\\t* unsupported operation\\n\\n"],"request_id":"ID"}\n',
      ],
      [
        "GET",
        "/v1/secret/metadata?scan=true",
        {},
        405,
        '{"errors":["1 error occurred:\\n\\t* unsupported operation\\n\\n"],"request_id":"ID"}\n',
      ],
      ["OPTIONS", "/v1/secret/data/app", {}, 405, '{"errors":[]}\n'],
      ["TRACE", "/v1/secret/data/app", {}, 405, '{"errors":[]}\n'],
      [
        "PUT",
        "/v1/secret/data/app/",
        { body: "{}" },
        400,
        '{"errors":["cannot write to a path ending in \'/\'"],"request_id":"ID"}\n',
      ],
      ["PATCH", "/v1/secret/data/app", { body: '{"data":{}}', headers: ["Content-Type: application/json"] }, 415, ""],
      ["PATCH", "/v1/secret/data/app", { body: '{"data":{}}' }, 400, ""],
      ["PATCH", "/v1/secret/data/app", { body: '{"data":{}}', headers: ["Content-Type: no type"] }, 400, ""],
      [
        "PATCH",
        "/v1/secret/data/app",
        { body: '{"data":{}}', headers: ["Content-Type: Application/Merge-Patch+JSON; charset=utf-8"] },
        200,
        "",
      ],
      [
        "GET",
        "/v1/secret/metadata?list=maybe",
        {},
        400,
        '{"errors":["the query parameter \\"list\\" must be true or false"],"request_id":"ID"}\n',
      ],
      ["GET", "/v1/secret/metadata?list=true&scan=true", {}, 400, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-Vault-Wrap-TTL: -1"] }, 400, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-Vault-Wrap-TTL: 300ms"] }, 400, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-Vault-Wrap-TTL: x"] }, 400, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-Vault-Wrap-TTL: 60", "X-Vault-Wrap-Format: jwt"] }, 400, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-Vault-Wrap-TTL: 1m"] }, 200, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-Vault-Namespace: team"] }, 404, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-Vault-Namespace: root"] }, 200, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-Vault-Namespace: root/x"] }, 404, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-Vault-Namespace: a//b"] }, 400, ""],
      ["GET", "/v1/secret/data/app", { headers: [`X-Vault-Token: ${root}`] }, 400, ""],
      ["GET", "/v1/secret/data/app", { headers: ["Authorization: Bearer other"] }, 400, ""],
      ["GET", `/v1/secret/data/app?token=${root}`, { token: null }, 403, ""],
      ["POST", "/v1/secret/data/x", { body: '{"data":"<canary>"}' }, 400, ""],
      ["POST", "/v1/secret/data/x", { body: '{"data":{"a":' }, 400, ""],
      ["POST", "/v1/secret/data/x", { body: '{"data":{"a":1,"a":2}}' }, 400, ""],
      ["POST", "/v1/secret/data/x", { body: Buffer.from([0x7b, 0xff, 0x7d]) }, 400, ""],
      ["POST", "/v1/secret/data/x", { body: "\ufeff{}" }, 400, ""],
      ["POST", "/v1/secret/data/x", { body: "[".repeat(5000) }, 400, ""],
      ["POST", "/v1/secret/data/x?list=true", { body: '{"data":{}}' }, 200, ""],
      ["GET", "/v1/secret/data/app", { headers: ["X-HTTP-Method-Override: DELETE"] }, 200, ""],
      ["GET", "/v1/auth/token/lookup-self", {}, 200, ""],
      ["GET", "/v1/sys/mounts", {}, 200, ""],
      ["GET", "/v1/secret/data/app?help=1", {}, 200, ""],
    ];
    for (const [method, target, options, expected, body] of table) {
      const response = await server.request(method, target, options);
      expect(response.status, `${method} ${target} ${JSON.stringify(options)} ${response.body}`).toBe(expected);
      if (body !== "") expect(withoutIds(response.body), `${method} ${target}`).toBe(body);
      expect(response.headers).toMatch(/^Cache-Control: no-store$/m);
      expect(response.body).not.toContain("canary");
    }
  });

  it("take the token as a bearer too, and echo the namespace header", async () => {
    const headers = [`Authorization: Bearer ${server.node.rootToken}`, "X-Vault-Namespace: "];
    const response = await server.request("GET", "/v1/sys/mounts", { token: null, headers });
    expect(response.status).toBe(200);
  });

  it("to HEAD sys/health are a status and no body", async () => {
    expect(await headStatus(server.port, "/v1/sys/health?activecode=299")).toEqual([299, ""]);
    expect(await headStatus(server.port, "/v1/secret/data/app")).toEqual([405, ""]);
  });

  it("while sealed are 503 with Vault's words, and the open endpoints", async () => {
    const sealed = await startTestServer(kvFactory, { initialize: false });
    try {
      const closed = await sealed.request("GET", "/v1/secret/data/a", { token: "x" });
      expect([closed.status, withoutIds(closed.body)]).toEqual([
        503,
        '{"errors":["Vault is sealed"],"request_id":"ID"}\n',
      ]);
      expect(await status(sealed.request("GET", "/v1/sys/health", { token: null }))).toBe(501);
      expect((await sealed.request("GET", "/v1/sys/init", { token: null })).body).toBe('{"initialized":false}\n');
      const body = '{"secret_shares":1,"secret_threshold":1}';
      const init = await sealed.request("PUT", "/v1/sys/init", { token: null, body });
      expect(init.body).toMatch(
        /^\{"keys":\["[0-9a-f]{64}"\],"keys_base64":\["[A-Za-z0-9+/]{43}="\],"root_token":"hvs\.[A-Za-z0-9]{24}"\}\n$/,
      );
      const again = await sealed.request("PUT", "/v1/sys/init", { token: null, body });
      expect([again.status, withoutIds(again.body)]).toEqual([
        400,
        '{"errors":["Vault is already initialized"],"request_id":"ID"}\n',
      ]);
      const { keys } = JSON.parse(init.body) as { keys: string[] };
      const unseal = await sealed.request("PUT", "/v1/sys/unseal", {
        token: null,
        body: JSON.stringify({ key: keys[0] }),
      });
      expect(unseal.body).toMatch(/^\{"type":"shamir","initialized":true,"sealed":false,"t":1,"n":1,"progress":0,/);
    } finally {
      await sealed.close();
    }
  });
});

describe("bodies", () => {
  it("of nothing are an empty one, a blank one and null, which clients in Go send", async () => {
    for (const body of ["", " \r\n\t", "null", " null\n"]) {
      const made = await server.request("PUT", "/v1/auth/token/create", { body });
      expect([body, made.status]).toEqual([body, 200]);
      const wrapped = await server.request("GET", "/v1/secret/data/app", { headers: ["X-Vault-Wrap-TTL: 60"] });
      const { wrap_info: wrap } = JSON.parse(wrapped.body) as { wrap_info: { token: string } };
      expect((await server.request("PUT", "/v1/sys/wrapping/unwrap", { token: wrap.token, body })).status).toBe(200);
      const nothing = await server.request("PUT", "/v1/secret/data/app", { body });
      expect([nothing.status, nothing.body]).toEqual([400, expect.stringContaining("no data provided")]);
    }
  });

  it("past the limit are refused before they are sent, and the connection ends", async () => {
    const client = await server.open();
    const token = `X-Vault-Token: ${server.node.rootToken}`;
    await client.send(`POST /v1/secret/data/x HTTP/1.1\r\nHost: x\r\n${token}\r\nContent-Length: 262145\r\n\r\n{`);
    const [response, ...more] = await client.rest();
    expect(response?.status).toBe(413);
    expect(withoutIds(response?.body ?? "")).toBe('{"errors":["http: request body too large"],"request_id":"ID"}\n');
    expect(response?.headers).toMatch(/^Connection: close$/m);
    expect(more).toEqual([]);
  });

  it("past the limit in chunks are refused while they come", async () => {
    const client = await server.open();
    const token = `X-Vault-Token: ${server.node.rootToken}`;
    await client.send(`POST /v1/secret/data/x HTTP/1.1\r\nHost: x\r\n${token}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
    await client.send(chunk, chunk, chunk, chunk, "1\r\n \r\n");
    expect((await client.response())?.status).toBe(413);
    expect(await client.response()).toBeUndefined();
  });

  it("of anybody are small: more than 64 KiB needs a good token first", async () => {
    const body = `{"key":"${"0".repeat(70_000)}"}`;
    expect(await status(server.request("PUT", "/v1/sys/unseal", { token: null, body }))).toBe(413);
    expect(await status(server.request("PUT", "/v1/secret/data/x", { token: "hvs.bad", body }))).toBe(403);
    const data = `{"data":{"k":"${"0".repeat(70_000)}"}}`;
    expect(await status(server.request("PUT", "/v1/secret/data/x", { body: data }))).toBe(200);
  });

  it("with an encoding are not unpacked", async () => {
    const options = { body: "x", headers: ["Content-Encoding: gzip"] };
    expect(await status(server.request("PUT", "/v1/secret/data/x", options))).toBe(415);
  });

  it("that wait for the go-ahead get it only with a good token", async () => {
    const head = (token: string): string =>
      `PUT /v1/secret/data/x HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ${token}\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n`;
    const denied = await server.open();
    await denied.send(head("hvs.bad"));
    expect((await denied.rest()).map(({ status: code }) => code)).toEqual([403]);
    const granted = await server.open();
    await granted.send(head(server.node.rootToken));
    expect((await granted.response())?.status).toBe(100);
    await granted.send('{"data":{}}');
    expect((await granted.response())?.status).toBe(200);
    granted.close();
  });

  it("of reads are not waited for", async () => {
    const response = await server.request("GET", "/v1/secret/data/app", { body: "x".repeat(200_000) });
    expect(response.status).toBe(200);
  });
});

describe("attacks", () => {
  const token = (): string => `X-Vault-Token: ${server.node.rootToken}`;
  const smuggled = (): string => `GET /v1/sys/mounts HTTP/1.1\r\nHost: x\r\n${token()}\r\n\r\n`;

  it("on framing end the connection, and what is behind them is never run", async () => {
    const post = (...headers: string[]): string =>
      `POST /v1/secret/data/x HTTP/1.1\r\nHost: x\r\n${token()}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`;
    const heads: readonly string[] = [
      post("Content-Length: 4", "Transfer-Encoding: chunked"),
      post("Transfer-Encoding: chunked", "Content-Length: 4"),
      post("Content-Length: 4", "Content-Length: 5"),
      post("Content-Length: +5"),
      post("Content-Length: 0x5"),
      post("Transfer-Encoding: chunked, identity"),
      post("Transfer-Encoding: xchunked"),
      post("Transfer-Encoding: gzip"),
      post("Transfer-Encoding: gzip, chunked"),
      post("Transfer-Encoding : chunked"),
      post("X: a", " folded: b"),
      post("X: a\u0000b"),
      post("X\u0000: a"),
      "GET /v1/sys/mounts HTTP/1.1\nHost: x\n\n",
      "GET /v1/sys/mounts HTTP/1.1\r\n\r\n",
      "GET /v1/sys/mounts HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
      "GET /v1/sys/mounts HTTP/9.9\r\nHost: x\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    for (const head of heads) {
      const client = await server.open();
      await client.send(head + smuggled());
      const responses = await client.rest();
      expect(
        responses.every(({ status: code }) => code >= 400 && code < 500),
        head,
      ).toBe(true);
      expect(responses.length, head).toBeLessThanOrEqual(1);
    }
  });

  it("on the path reach nothing", async () => {
    const targets = [
      "http://evil/v1/sys/mounts",
      "*",
      "//v1/sys/mounts",
      "/v1//sys/mounts",
      "/v1/secret//data/app",
      "/v1/secret/data/x/../app",
      "/v1/secret/data/%2e%2e/app",
      "/v1/secret/data%2Fapp",
      "/v1/secret/data/app%00",
      "/v1/secret\\data\\app",
      "/v1/secret/data/%C0%AFapp",
      "/v1/secret/data/app%",
      "/v1/secret/data/ap%E2%80%8Bp",
    ];
    for (const target of targets) {
      const response = await server.request("GET", target);
      expect(response.status, target).toBe(400);
      expect(response.body).not.toContain("9007199254740993");
    }
  });

  it("with too many or too large headers are refused, whole", async () => {
    for (const count of [300, 2500]) {
      const many = Array.from({ length: count }, (_, i) => `A${i}: b`);
      expect(await status(server.request("GET", "/v1/sys/mounts", { headers: many })), `${count}`).toBe(431);
    }
    const large = [`X: ${"a".repeat(17 * 1024)}`];
    expect(await status(server.request("GET", "/v1/sys/mounts", { headers: large }))).toBe(431);
  });

  it("through a browser find no welcome: no CORS, and on loopback only loopback names", async () => {
    const response = await server.request("GET", "/v1/sys/health", { token: null, headers: ["Origin: https://evil"] });
    expect(response.headers.toLowerCase()).not.toContain("access-control");
    const dev = await startTestServer(kvFactory, { loopbackHostsOnly: true });
    try {
      const client = await dev.open();
      await client.send("GET /v1/sys/health HTTP/1.1\r\nHost: evil.example:8200\r\n\r\n");
      expect((await client.response())?.status).toBe(403);
      client.close();
      expect(await status(dev.request("GET", "/v1/sys/health"))).toBe(200);
    } finally {
      await dev.close();
    }
  });
});

describe("the server", () => {
  it("keeps connections, and ends them when it closes", async () => {
    const closing = await startTestServer(kvFactory);
    const client = await closing.open();
    for (let i = 0; i < 3; i++) {
      await client.send("GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n");
      expect((await client.response())?.status).toBe(200);
    }
    await Promise.all([closing.server.close(), closing.server.close()]);
    expect(await client.response()).toBeUndefined();
    await closing.node.core.close();
  });

  it("answers what is under way before it ends", async () => {
    const closing = await startTestServer(kvFactory);
    const client = await closing.open();
    const head = `PUT /v1/secret/data/x HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ${closing.node.rootToken}\r\n`;
    await client.send(`${head}Content-Length: 11\r\n\r\n{"data"`);
    await closing.request("GET", "/v1/sys/health");
    const closed = closing.server.close(2000);
    await client.send(":{}}");
    const response = await client.response();
    expect(response?.status).toBe(200);
    expect(response?.headers).toMatch(/^Connection: close$/m);
    await closed;
    await closing.node.core.close();
  });

  it("answers whoever had connected before it ends, though nobody had accepted that yet", async () => {
    const closing = await startTestServer(kvFactory);
    const waiting = closing.open();
    // The kernel has made the connection by now, and no turn has passed in which it could be accepted.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const closed = closing.server.close(2000);
    const client = await waiting;
    await client.send("GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n");
    expect((await client.response())?.status).toBe(200);
    await closed;
    await closing.node.core.close();
  });

  it("waits no longer than its grace for those that say nothing, not even a handshake", async () => {
    const closing = await startTestServer(kvFactory, { protocol: "https" });
    const mute = connect({ port: closing.port, host: "127.0.0.1" });
    const ended = new Promise<string>((resolve) => mute.on("close", () => resolve("closed")));
    mute.on("error", () => {});
    await new Promise<void>((resolve) => mute.once("connect", () => resolve()));
    await closing.server.close(10);
    expect(await ended).toBe("closed");
    await closing.node.core.close();
  });

  it("can show its metrics to anybody, when told to", async () => {
    const open = await startTestServer(kvFactory, { openMetrics: async () => "x 1\n" });
    try {
      expect((await open.request("GET", "/v1/sys/metrics", { token: null })).body).toBe("x 1\n");
    } finally {
      await open.close();
    }
    expect(await status(server.request("GET", "/v1/sys/metrics", { token: null }))).toBe(403);
  });

  it.each(["http", "https"] as const)(
    "holds so many connections of an address over %s, and no more",
    async (protocol) => {
      const small = await startTestServer(kvFactory, { protocol, maxConnectionsPerAddress: 2, initialize: false });
      const ask = "GET /v1/sys/seal-status HTTP/1.1\r\nHost: x\r\n\r\n";
      const answered = async (client: RawClient): Promise<boolean> => {
        await client.send(ask);
        return (await client.response()) !== undefined;
      };
      const first = await small.open();
      const second = await small.open();
      expect([await answered(first), await answered(second)]).toEqual([true, true]);
      const third = await small.open().then(answered, () => false);
      expect(third).toBe(false);
      first.close();
      // The server hears of the close a little later.
      let fourth = false;
      for (let i = 0; i < 200 && !fourth; i++) fourth = await small.open().then(answered, () => false);
      expect(fourth).toBe(true);
      await small.close();
    },
  );

  it("shares its port with other workers where the platform can", async () => {
    if (process.platform !== "linux") return;
    const first = await startTestServer(kvFactory, { reusePort: true });
    const second = await startTestServer(kvFactory, { reusePort: true, port: first.port });
    expect(second.port).toBe(first.port);
    await first.close();
    await second.close();
  });
});

function headStatus(port: number, path: string): Promise<readonly [number | undefined, string]> {
  return new Promise((resolve, reject) => {
    const agent = new Agent();
    const request = httpRequest({ port, host: "127.0.0.1", method: "HEAD", path, agent }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += String(chunk);
      });
      response.on("end", () => resolve([response.statusCode, body]));
    });
    request.on("error", reject);
    request.end();
  });
}
