/** What flags and the environment say of the way to the server. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Harness, run, startHarness } from "./testing/harness.ts";

let harness: Harness;

beforeEach(async () => {
  harness = await startHarness({ "GET /v1/a": [200, { data: { v: "1" } }], "PUT /v1/a": [204] });
});

afterEach(() => harness.close());

const read = (environment: Readonly<Record<string, string>>, ...flags: string[]) =>
  harness.run(["read", ...flags, "-field=v", "a"], { environment });

describe("the server's address", () => {
  const nowhere = "http://127.0.0.1:1";

  it("is an agent's where one is named, and a flag wins over the environment", async () => {
    expect((await read({ VAULT_ADDR: nowhere, VAULT_AGENT_ADDR: harness.address })).out).toBe("1");
    expect((await read({ VAULT_AGENT_ADDR: nowhere }, `-address=${harness.address}`)).out).toBe("1");
    expect((await read({}, `-address=${nowhere}`, `-agent-address=${harness.address}`)).out).toBe("1");
  });

  it("is asked for of a proxy where one is named", async () => {
    harness.routes = { "GET http://vault.invalid/v1/a": [200, { data: { v: "proxied" } }] };
    for (const name of ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY", "STRONGROOM_PROXY_ADDR"]) {
      const { out } = await read({ VAULT_ADDR: "http://vault.invalid", [name]: harness.address });
      expect([name, out]).toEqual([name, "proxied"]);
    }
    const proxy = harness.address.replace("//", "//me:pass@");
    const environment = { VAULT_ADDR: "http://vault.invalid", VAULT_PROXY_ADDR: proxy };
    const curl = await harness.run(["read", "-output-curl-string", "a"], { environment });
    expect(curl.out).toContain(`curl --proxy '${harness.address}' -H`);
  });

  it("is not asked for of what is no proxy, whose password is not repeated", async () => {
    const { code, err } = await read({ VAULT_PROXY_ADDR: "me:pass@host" });
    expect([code, err]).toEqual([1, expect.stringMatching(/^Invalid VAULT_PROXY_ADDR .*: it looks like http/)]);
    expect(err).not.toContain("pass");
  });

  it("is not looked for by a CA's fingerprint through a proxy", async () => {
    const environment = { VAULT_ADDR: "https://vault.invalid", VAULT_PROXY_ADDR: harness.address };
    const { code, err } = await harness.run(["read", `-ca-fingerprint=${"00".repeat(32)}`, "a"], { environment });
    expect([code, err, harness.seen]).toEqual([1, expect.stringContaining("give it by -ca-cert"), []]);
  });
});

describe("Vault's headers of their own", () => {
  it("are sent where they are asked for", async () => {
    await read({}, "-mfa=totp:123456", "-policy-override");
    await read({ VAULT_MFA: "totp:1" });
    await read({});
    expect(harness.seen.map(({ headers }) => [headers["x-vault-mfa"], headers["x-vault-policy-override"]])).toEqual([
      ["totp:123456", "true"],
      ["totp:1", undefined],
      [undefined, undefined],
    ]);
  });
});

describe("VAULT_MAX_RETRIES", () => {
  const status = async (code: number, command: readonly string[], retries?: string): Promise<number> => {
    harness.seen.length = 0;
    harness.routes = { "GET /v1/a": [code, { errors: [] }], "PUT /v1/a": [code, { errors: [] }] };
    await harness.run(command, { environment: retries === undefined ? {} : { VAULT_MAX_RETRIES: retries } });
    return harness.seen.length;
  };

  it("has reads sent again after what may pass, and writes after what cannot have been done", async () => {
    const [get, put] = [
      ["read", "a"],
      ["write", "a", "v=1"],
    ] as const;
    expect([await status(503, get), await status(503, get, "0")]).toEqual([1, 1]);
    const tries = async (command: readonly string[]): Promise<readonly number[]> => {
      const counts = [];
      for (const code of [400, 404, 412, 429, 500, 501, 503]) counts.push(await status(code, command, "1"));
      return counts;
    };
    expect(await tries(get)).toEqual([1, 1, 2, 2, 2, 1, 2]);
    expect(await tries(put)).toEqual([1, 1, 2, 2, 1, 1, 2]);
  }, 30_000);

  it("gives what comes when the server is there again", async () => {
    const server = createServer((_request, response) => response.end(JSON.stringify({ data: { v: "late" } })));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const environment = { VAULT_ADDR: `http://127.0.0.1:${port}`, VAULT_MAX_RETRIES: "5" };
    const reading = run(["read", "-field=v", "a"], { environment });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    expect((await reading).out).toBe("late");
    await new Promise((resolve) => server.close(resolve));
  }, 30_000);

  it("never repeats a write whose connection broke", async () => {
    let connections = 0;
    const server = createServer((request) => {
      connections++;
      request.socket.resetAndDestroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const environment = { VAULT_ADDR: address, VAULT_MAX_RETRIES: "1" };
    expect((await run(["write", "a", "v=1"], { environment })).code).toBe(2);
    expect(connections).toBe(1);
    expect((await run(["read", "a"], { environment })).code).toBe(2);
    expect(connections).toBe(3);
    await new Promise((resolve) => server.close(resolve));
  });

  it("is a whole number", async () => {
    const { code, err } = await read({ VAULT_MAX_RETRIES: "-1" });
    expect([code, err]).toEqual([1, 'Invalid VAULT_MAX_RETRIES "-1": it is a whole number.\n']);
  });
});

describe("VAULT_CLIENT_TIMEOUT", () => {
  it("ends the wait for an answer", async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const timeout of ["1", "1s"]) {
      const environment = { VAULT_ADDR: address, VAULT_CLIENT_TIMEOUT: timeout };
      const { code, err } = await run(["read", "a"], { environment });
      expect([code, err]).toEqual([2, expect.stringContaining("no answer within 1 s;")]);
    }
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it("is a number of seconds or a duration, and 0 is for ever", async () => {
    for (const timeout of ["0", "90", "2m", "9000h"])
      expect((await read({ VAULT_CLIENT_TIMEOUT: timeout })).out).toBe("1");
    for (const timeout of ["soon", "-1"]) {
      const { code, err } = await read({ VAULT_CLIENT_TIMEOUT: timeout });
      expect([code, err]).toEqual([1, expect.stringContaining(`Invalid VAULT_CLIENT_TIMEOUT "${timeout}"`)]);
    }
  });
});
