import { toHex } from "@strongroom/runtime";
import { nodeEntropy } from "@strongroom/runtime/node";
import { kvFactory } from "@strongroom/secrets";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer(kvFactory);
});

afterAll(() => server.close());

function drawId(offsetMs = 0): string {
  const time = (server.node.store.clock.wallMs() + offsetMs).toString(16).padStart(12, "0");
  const tail = toHex(nodeEntropy.bytes(8));
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(4)}`;
}

const post = (path: string, key: string, body = '{"data":{"n":1}}') =>
  server.request("POST", `/v1/secret/data/${path}`, { body, headers: [`Idempotency-Key: ${key}`] });
const withoutId = (text: string): string => text.replace(/"request_id":"[^"]*"/, "");

describe("Idempotency-Key", () => {
  it("makes a POST that is sent again one version, in quotes or without", async () => {
    const id = drawId();
    const first = await post("a", id);
    const second = await post("a", `"${id}"`);
    expect([first.status, second.status, withoutId(second.body)]).toEqual([200, 200, withoutId(first.body)]);
    expect(first.body).toContain('"version":1}');
  });

  it("is refused with a status for what is wrong with it", async () => {
    const id = drawId();
    await post("b", id);
    const table: readonly (readonly [Promise<{ status: number; body: string }>, number, string])[] = [
      [post("b", id, '{"data":{"n":2}}'), 409, "idempotency_key_reused: "],
      [post("b", "7"), 400, "idempotency_key_invalid: "],
      [post("b", '""'), 400, "idempotency_key_invalid: "],
      [post("b", drawId(-11 * 60_000)), 400, "idempotency_key_expired: "],
      [post("b", drawId(11 * 60_000)), 400, "idempotency_key_expired: "],
    ];
    for (const [answer, status, text] of table) {
      const { status: given, body } = await answer;
      expect(given, body).toBe(status);
      expect(body).toContain(text);
    }
    expect((await server.request("GET", "/v1/secret/data/b")).body).toContain('"version":1}');
  });

  it("means nothing to a read", async () => {
    const read = await server.request("GET", "/v1/secret/data/a", { headers: ["Idempotency-Key: 7"] });
    expect(read.status).toBe(200);
  });
});
