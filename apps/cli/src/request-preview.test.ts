import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Harness, startHarness } from "./testing/harness.ts";

const MOUNT = { data: { path: "secret/", type: "kv", options: { version: "2" } } };

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness({ "GET /v1/sys/internal/ui/mounts/secret/app": [200, MOUNT] });
});
afterEach(() => harness.close());

describe("-output-curl-string", () => {
  const curl = (...args: string[]) => harness.run([...args, "-output-curl-string"]);

  it("prints the request, without the token in use, and sends nothing", async () => {
    const { code, out } = await curl("write", "-namespace=team", "-wrap-ttl=5m", "a/b c", "v=it's");
    expect([code, out]).toEqual([
      0,
      `curl -X PUT -H 'X-Vault-Request: true' -H "X-Vault-Token: $(strongroom print token)" ` +
        `-H 'X-Vault-Namespace: team' -H 'X-Vault-Wrap-TTL: 5m' -H 'Content-Type: application/json' ` +
        `-d '{"v":"it'\\''s"}' '${harness.address}/v1/a/b%20c'\n`,
    ]);
    expect(harness.seen).toEqual([]);
  });

  it("asks what it has to know, and prints the rest", async () => {
    const { out } = await curl("kv", "get", "-version=3", "secret/app");
    expect(out).toContain(`'${harness.address}/v1/secret/data/app?version=3'`);
    expect(harness.seen.map(({ url }) => url)).toEqual(["/v1/sys/internal/ui/mounts/secret/app"]);
  });

  it("names a token that is not the one in use", async () => {
    expect((await curl("unwrap", "hvs.wrapping")).out).toContain("-H 'X-Vault-Token: hvs.wrapping'");
  });

  it("is a command that a shell runs as it was meant", async () => {
    const { out } = await curl("write", "a", "v=$(false) `false` 'x'");
    const shown = execFileSync("sh", ["-c", `strongroom() { echo t; }; curl() { printf '%s\\n' "$@"; }; ${out}`]);
    expect(shown.toString().split("\n")).toEqual(
      expect.arrayContaining(["X-Vault-Token: t", JSON.stringify({ v: "$(false) `false` 'x'" })]),
    );
  });

  it("passes certificates on by their files", async () => {
    const directory = mkdtempSync(join(tmpdir(), "strongroom-curl-"));
    const file = join(directory, "ca.pem");
    writeFileSync(file, "x");
    const { out } = await curl("read", `-ca-path=${directory}`, `-client-cert=${file}`, `-client-key=${file}`, "a");
    rmSync(directory, { recursive: true });
    expect(out).toContain(`curl --capath '${directory}' --cert '${file}' --key '${file}' -H`);
    expect((await curl("read", "-client-cert=x", "a")).code).toBe(1);
  });
});

describe("-output-policy", () => {
  const policy = async (...args: string[]) => (await harness.run([...args, "-output-policy"])).out;

  it.each([
    ["read a/b", "a/b", '"read"'],
    ["list a/b", "a/b", '"list"'],
    ["write a/b x=y", "a/b", '"create", "update"'],
    ["patch a/b x=y", "a/b", '"patch"'],
    ["delete a/b", "a/b", '"delete"'],
    ["kv put secret/app x=y", "secret/data/app", '"create", "update"'],
  ])("of %j names what it takes", async (line, path, capabilities) => {
    expect(await policy(...line.split(" "))).toBe(`path "${path}" {\n  capabilities = [${capabilities}]\n}\n`);
    expect(harness.seen.every(({ method }) => method === "GET")).toBe(true);
  });

  it("names sudo where the server says that the path is root-protected", async () => {
    harness.routes = { "GET /v1/sys/audit": [200, { openapi: { paths: { "/audit": { "x-vault-sudo": true } } } }] };
    expect(await policy("audit", "list")).toContain('capabilities = ["read", "sudo"]');
    expect(harness.seen.map(({ url }) => url)).toEqual(["/v1/sys/audit?help=1"]);
  });
});

describe("-header", () => {
  it("sends what is given, and none of those that have flags of their own", async () => {
    harness.routes = { "GET /v1/a": [200, { data: {} }] };
    expect((await harness.run(["read", "-header=X-One=1=2", "-header", "x-two= b", "a"])).code).toBe(0);
    expect(harness.seen[0]?.headers).toMatchObject({ "x-one": "1=2", "x-two": "b" });
    for (const header of ["X-Vault-Token=hvs.x", "nothing", "a b=c", "x=a\nb"])
      expect((await harness.run(["read", `-header=${header}`, "a"])).code, header).toBe(1);
    expect(harness.seen.length).toBe(1);
  });
});
