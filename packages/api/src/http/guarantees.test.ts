/** Promises of docs/guarantees.md that the HTTP door keeps: what is too large for a stranger is not even waited for. */
import { kvFactory } from "@strongroom/secrets";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer(kvFactory);
});
afterEach(() => server.close());

/** The answer to a request's head alone, without a byte of the body that it announces. */
async function answerToHead(target: string, token: string): Promise<number | undefined> {
  const client = await server.open();
  await client.send(
    `PUT ${target} HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token: ${token}\r\nContent-Length: 70000\r\n\r\n`,
  );
  const response = await client.response();
  client.close();
  return response?.status;
}

it("a body of more than 64 KiB is refused before it is read, without a good token", async () => {
  expect(await answerToHead("/v1/sys/unseal", "hvs.bad")).toBe(413);
  expect(await answerToHead("/v1/secret/data/x", "hvs.bad")).toBe(403);
});
