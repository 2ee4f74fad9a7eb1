import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { COMMANDS } from "./commands.ts";
import { type Harness, run, startHarness } from "./testing/harness.ts";

const SEALED = {
  type: "shamir",
  initialized: true,
  sealed: true,
  t: 3,
  n: 5,
  progress: 1,
  nonce: "abc",
  version: "0.1.0",
  storage_type: "raft",
};
const OPEN = { ...SEALED, sealed: false, progress: 0, nonce: "", cluster_name: "c", cluster_id: "i" };
const LEADER = {
  ha_enabled: true,
  is_self: true,
  leader_address: "https://a:8200",
  raft_committed_index: 9,
  raft_applied_index: 8,
};

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());
beforeEach(() => {
  harness.routes = {};
  harness.seen.length = 0;
});
const last = () => harness.seen.at(-1);

describe("status", () => {
  it("exits 0 and tells who leads when the node is open", async () => {
    harness.routes = { "GET /v1/sys/seal-status": [200, OPEN], "GET /v1/sys/leader": [200, LEADER] };
    const { code, out } = await harness.run(["status"]);
    expect(code).toBe(0);
    expect(out).toContain("Sealed                 false");
    expect(out).toContain("Active Node Address    https://a:8200");
  });

  it("exits 2 when it is sealed, in every format", async () => {
    harness.routes = { "GET /v1/sys/seal-status": [200, SEALED], "GET /v1/sys/leader": [200, LEADER] };
    const { code, out } = await harness.run(["status"]);
    expect([code, out.includes("Unseal Progress        1/3")]).toEqual([2, true]);
    const json = await harness.run(["status", "-format=json"]);
    expect([json.code, JSON.parse(json.out)]).toEqual([2, SEALED]);
  });

  it("exits 1 when nobody answers or the answer is an error", async () => {
    const environment = { VAULT_ADDR: "http://127.0.0.1:1" };
    const { code, err } = await harness.run(["status"], { environment });
    expect(code).toBe(1);
    expect(err).toContain("Is the server running there?");
    expect((await harness.run(["status"])).code).toBe(1);
  });
});

describe("operator init", () => {
  const answer = { keys: ["00ff", "01ff"], keys_base64: ["AP8=", "Af8="], root_token: "hvs.root" };

  it("prints the shares and the root token once", async () => {
    harness.routes = { "PUT /v1/sys/init": [200, answer] };
    const { code, out } = await harness.run(["operator", "init", "-key-shares=2", "-key-threshold=2"]);
    expect(code).toBe(0);
    expect(out).toContain("Unseal Key 1: AP8=\nUnseal Key 2: Af8=\n\nInitial Root Token: hvs.root\n");
    expect(last()?.body).toBe('{"secret_shares":2,"secret_threshold":2}');
    await harness.run(["operator", "init", "-n=1", "-t=1"]);
    expect(last()?.body).toBe('{"secret_shares":1,"secret_threshold":1}');
  });

  it("prints JSON as Vault's tool does", async () => {
    harness.routes = { "PUT /v1/sys/init": [200, answer] };
    expect(JSON.parse((await harness.run(["operator", "init", "-format=json"])).out)).toEqual({
      unseal_keys_b64: ["AP8=", "Af8="],
      unseal_keys_hex: ["00ff", "01ff"],
      unseal_shares: 5,
      unseal_threshold: 3,
      root_token: "hvs.root",
    });
  });

  it("tells by -status whether it was done", async () => {
    harness.routes = { "GET /v1/sys/init": [200, { initialized: true }] };
    expect((await harness.run(["operator", "init", "-status"])).code).toBe(0);
    harness.routes = { "GET /v1/sys/init": [200, { initialized: false }] };
    expect((await harness.run(["operator", "init", "-status"])).code).toBe(2);
    harness.routes = { "GET /v1/sys/init": [500, { errors: ["internal error"] }] };
    expect((await harness.run(["operator", "init", "-status"])).code).toBe(1);
  });

  it("exits 2 with the server's words when it came second", async () => {
    harness.routes = { "PUT /v1/sys/init": [400, { errors: ["Vault is already initialized"] }] };
    const { code, err } = await harness.run(["operator", "init"]);
    expect([code, err.includes("* Vault is already initialized")]).toEqual([2, true]);
  });
});

describe("operator unseal", () => {
  beforeEach(() => {
    harness.routes = { "PUT /v1/sys/unseal": [200, SEALED] };
  });

  it("asks for the share without showing it", async () => {
    const { code, out, err } = await harness.run(["operator", "unseal"], { typed: " AP8= " });
    expect([code, last()?.body]).toEqual([0, '{"key":"AP8="}']);
    expect(err).toBe("Unseal Key (will be hidden): ");
    expect(out).toContain("Unseal Progress   1/3");
    expect(out + err).not.toContain("AP8=");
  });

  it("reads it from standard input, or takes it as an argument with a warning on a terminal", async () => {
    await harness.run(["operator", "unseal", "-"], { input: "AP8=\n" });
    expect(last()?.body).toBe('{"key":"AP8="}');
    const { err } = await harness.run(["operator", "unseal", "AP8="], { interactive: true });
    expect([last()?.body, err.includes("history")]).toEqual(['{"key":"AP8="}', true]);
  });

  it("resets, and refuses an empty share", async () => {
    await harness.run(["operator", "unseal", "-reset"]);
    expect(last()?.body).toBe('{"reset":true}');
    expect((await harness.run(["operator", "unseal"], { typed: "" })).code).toBe(1);
  });

  it("never gives a share to a server whose certificate is not checked, off loopback", async () => {
    const unchecked = { VAULT_SKIP_VERIFY: "true", VAULT_ADDR: "https://vault.example:8200" };
    for (const args of [["unseal"], ["init"]]) {
      const { code, err } = await harness.run(["operator", ...args], { typed: "AP8=", environment: unchecked });
      expect([code, err.includes("-ca-fingerprint")]).toEqual([1, true]);
    }
    const flag = ["-tls-skip-verify", "-address=https://10.0.0.1:8200"];
    expect((await harness.run(["operator", "unseal", ...flag], { typed: "AP8=" })).code).toBe(1);
    expect(harness.seen).toEqual([]);
  });
});

describe("operator seal and raft", () => {
  it("seals", async () => {
    harness.routes = { "PUT /v1/sys/seal": [204] };
    expect(await harness.run(["operator", "seal"])).toMatchObject({ code: 0, out: "Success! The node is sealed.\n" });
  });

  it("seals every member, the node asked last, and names those that it could not", async () => {
    const servers = [
      { node_id: "node-0", api_address: harness.address },
      { node_id: "node-1", api_address: "http://127.0.0.1:1" },
    ];
    harness.routes = {
      "GET /v1/sys/storage/raft/configuration": [200, { data: { config: { servers } } }],
      "PUT /v1/sys/seal": [204],
    };
    const { code, out, err } = await harness.run(["operator", "seal", "-cluster"]);
    expect(out).toBe(`Sealed: the node asked (${harness.address})\n`);
    expect(err).toContain("Not sealed: node-1 (http://127.0.0.1:1)");
    expect(code).toBe(2);
    harness.routes = {
      ...harness.routes,
      "GET /v1/sys/storage/raft/configuration": [200, { data: { config: { servers: [servers[0]] } } }],
    };
    expect((await harness.run(["operator", "seal", "-cluster"])).code).toBe(0);
  });

  it("lists the peers", async () => {
    const servers = [
      { node_id: "node-0", address: "127.0.0.1:8201", leader: true, voter: true },
      { node_id: "node-1", address: "127.0.0.1:8211", leader: false, voter: false },
    ];
    harness.routes = { "GET /v1/sys/storage/raft/configuration": [200, { data: { config: { servers } } }] };
    expect((await harness.run(["operator", "raft", "list-peers"])).out).toBe(`Node     Address          State      Voter
----     -------          -----      -----
node-0   127.0.0.1:8201   leader     true
node-1   127.0.0.1:8211   follower   false
`);
  });

  it("removes a peer", async () => {
    harness.routes = { "POST /v1/sys/storage/raft/remove-peer": [204] };
    expect((await harness.run(["operator", "raft", "remove-peer", "node-1"])).code).toBe(0);
    expect(JSON.parse(last()?.body ?? "")).toEqual({ server_id: "node-1" });
  });

  it("makes a join token with the limits asked for", async () => {
    harness.routes = { "POST /v1/sys/storage/raft/join-token": [200, { data: { token: "srjoin.x" } }] };
    const limits = ["-name=node-1", "-cidr=10.0.0.0/8", "-ttl=5m", "-open"];
    const { out } = await harness.run(["operator", "raft", "join-token", "-field=token", ...limits]);
    expect(out).toBe("srjoin.x");
    expect(JSON.parse(last()?.body ?? "")).toEqual({ name: "node-1", cidr: "10.0.0.0/8", ttl: "5m", open: true });
  });
});

describe("read, write, list and delete", () => {
  it("read", async () => {
    harness.routes = { "GET /v1/secret/config": [200, '{"data":{"max_versions":1.50,"list":[1,"a"]}}'] };
    expect((await harness.run(["read", "secret/config", "x=1"])).out).toBe(
      "Key            Value\n---            -----\nlist           [1 a]\nmax_versions   1.50\n",
    );
    expect(last()?.url).toBe("/v1/secret/config?x=1");
    expect((await harness.run(["read", "-format=raw", "secret/config"])).out).toBe(
      '{"data":{"max_versions":1.50,"list":[1,"a"]}}',
    );
    expect((await harness.run(["read", "nothing/here"])).code).toBe(2);
  });

  it("write", async () => {
    harness.routes = { "PUT /v1/secret/config": [204] };
    const written = await harness.run(["write", "secret/config", "max_versions=5"]);
    expect([written.out, last()?.body]).toEqual(["Success! Data written to: secret/config\n", '{"max_versions":"5"}']);
    expect((await harness.run(["write", "secret/config"])).code).toBe(1);
    expect((await harness.run(["write", "-f", "secret/config"])).code).toBe(0);
  });

  it("list", async () => {
    harness.routes = { "GET /v1/secret/metadata": [200, { data: { keys: ["a", "b"] } }] };
    expect((await harness.run(["list", "-format=raw", "secret/metadata/"])).out).toBe("a\nb\n");
  });

  it("delete", async () => {
    harness.routes = { "DELETE /v1/secret/data/a%20b": [204] };
    expect((await harness.run(["delete", "secret/data/a b"])).out).toContain("Success!");
    expect((await harness.run(["delete", "secret/data/other"])).code).toBe(2);
  });
});

describe("token lookup", () => {
  it("shows the own token, or one from standard input", async () => {
    harness.routes = {
      "GET /v1/auth/token/lookup-self": [200, { data: { id: "hvs.test" } }],
      "POST /v1/auth/token/lookup": [200, { data: { id: "hvs.other" } }],
    };
    expect((await harness.run(["token", "lookup", "-field=id"])).out).toBe("hvs.test");
    expect((await harness.run(["token", "lookup", "-field=id", "-"], { input: "hvs.other\n" })).out).toBe("hvs.other");
    expect(last()?.body).toBe('{"token":"hvs.other"}');
  });
});

describe("errors from the server", () => {
  it.each([
    [503, ["Vault is sealed"], "strongroom operator unseal"],
    [403, ["1 error occurred:\n\t* permission denied\n\n"], "strongroom token lookup"],
    [501, [], "strongroom operator init"],
  ])("%i exits 2 and says what to do next", async (status, errors, advice) => {
    harness.routes = { "GET /v1/a": [status, { errors }] };
    const { code, err } = await harness.run(["read", "a"]);
    expect(code).toBe(2);
    expect(err).toContain(`URL: GET ${harness.address}/v1/a\nCode: ${status}. Errors:\n`);
    expect(err).toContain(advice);
    expect(err).not.toContain("hvs.test");
  });

  it("are named as the audit names them", async () => {
    harness.routes = { "GET /v1/a": [400, { errors: ["no"], request_id: "8b5cd2b6-a057" }] };
    expect((await harness.run(["read", "a"])).err).toContain("\n* no\n\nRequest: 8b5cd2b6-a057\n");
  });

  it("survives an answer that is not JSON", async () => {
    harness.routes = { "GET /v1/a": [502, "<html>"] };
    expect((await harness.run(["read", "a"])).code).toBe(2);
  });
});

describe("where and as whom", () => {
  it("prefers flags, then STRONGROOM_*, then VAULT_*, then ~/.vault-token", async () => {
    const home = mkdtempSync(join(tmpdir(), "strongroom-home-"));
    writeFileSync(join(home, ".vault-token"), "hvs.file\n");
    const token = async (environment: Record<string, string>) => {
      await run(["read", "a"], { environment: { STRONGROOM_ADDR: harness.address, HOME: home, ...environment } });
      return last()?.headers["x-vault-token"];
    };
    expect(await token({})).toBe("hvs.file");
    expect(await token({ VAULT_TOKEN: "v" })).toBe("v");
    expect(await token({ VAULT_TOKEN: "v", STRONGROOM_TOKEN: "s" })).toBe("s");
    rmSync(home, { recursive: true });
    const before = harness.seen.length;
    await harness.run(["read", `-address=${harness.address}`, "-namespace=team", "a"], {
      environment: { VAULT_ADDR: "http://127.0.0.1:1" },
    });
    expect(harness.seen.length).toBe(before + 1);
    expect(last()?.headers["x-vault-namespace"]).toBe("team");
  });

  it.each([
    [["-address=ftp://x"], {}, "Invalid address"],
    [["-ca-cert=/nonexistent.pem"], {}, "/nonexistent.pem"],
    [["-ca-fingerprint=abc"], {}, "64 hexadecimal digits"],
    [["-format=xml"], {}, "table, json, yaml, raw"],
    [[], { VAULT_FORMAT: "xml" }, "table, json, yaml, raw"],
  ])("refuses %j with %j", async (flags, environment, text) => {
    const { code, err } = await harness.run(["read", ...flags, "a"], { environment });
    expect([code, err.includes(text)]).toEqual([1, true]);
    expect(harness.seen).toEqual([]);
  });
});

describe("help", () => {
  it("shows all commands, and exits 0 when asked for", async () => {
    for (const word of ["help", "-h", "-help", "--help"]) {
      const { code, out } = await run([word]);
      expect(code).toBe(0);
      for (const name of Object.keys(COMMANDS)) expect(out).toContain(`  ${name}`);
    }
    expect((await run([])).code).toBe(1);
  });

  it.each(Object.keys(COMMANDS))("%s -h", async (name) => {
    const { code, out } = await run([...name.split(" "), "-h"]);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^Usage: strongroom ${name} `));
    expect((await run(["help", ...name.split(" ")])).out).toBe(out);
  });

  it("shows a group's commands", async () => {
    expect(await run(["operator", "raft", "-h"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("list-peers"),
    });
    expect(await run(["kv", "frobnicate"])).toMatchObject({ code: 1, err: expect.stringContaining("kv metadata put") });
  });

  it("suggests what was probably meant", async () => {
    expect((await run(["stauts"])).err).toContain('Did you mean "status"?');
    expect((await run(["frobnicate"])).err).not.toContain("Did you mean");
    expect((await run(["status", "-fromat=json"])).err).toContain("-format");
  });

  it("counts arguments", async () => {
    expect((await run(["read"])).err).toContain("Not enough arguments");
    expect((await run(["status", "x"])).err).toContain("Too many arguments");
  });

  it("prints the version in four ways", async () => {
    const outs = await Promise.all([["version"], ["-v"], ["-version"], ["--version"]].map((args) => run(args)));
    for (const { code, out } of outs) {
      expect(code).toBe(0);
      expect(out).toMatch(/^Strongroom v\d+\.\d+\.\d+ \(Node \d/);
    }
  });
});

describe("demo", () => {
  it.each([
    [["-nodes=0"], "1 to 99"],
    [["-nodes=2", "-tour"], "at least 3"],
    [["-base-port=65530"], "65536"],
  ])("refuses %j before it starts anything", async (flags, text) => {
    const { code, err } = await run(["demo", ...flags]);
    expect([code, err.includes(text)]).toEqual([1, true]);
  });
});
