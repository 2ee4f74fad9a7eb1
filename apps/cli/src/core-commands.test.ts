import { execFileSync, spawn } from "node:child_process";
import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Harness, startHarness } from "./testing/harness.ts";

const AUTH = {
  auth: {
    client_token: "hvs.new",
    accessor: "acc",
    lease_duration: 3600,
    renewable: true,
    token_policies: ["default"],
    policies: ["default"],
    metadata: { username: "alice" },
  },
};

let harness: Harness;
let home: string;

beforeEach(async () => {
  harness = await startHarness();
  home = mkdtempSync(join(tmpdir(), "strongroom-cli-"));
});

afterEach(async () => {
  await harness.close();
  rmSync(home, { recursive: true, force: true });
});

/** What a command sends: `[command line, request, body]`. */
const REQUESTS: readonly (readonly [string, string, unknown?])[] = [
  ["auth enable userpass", "POST /v1/sys/auth/userpass", { type: "userpass" }],
  [
    "auth enable -path=people/ -description=x userpass",
    "POST /v1/sys/auth/people",
    { type: "userpass", description: "x" },
  ],
  ["auth disable people/", "DELETE /v1/sys/auth/people"],
  ["auth tune -max-lease-ttl=48h people", "POST /v1/sys/auth/people/tune", { max_lease_ttl: "48h" }],
  [
    "auth enable -token-type=batch -local -seal-wrap -user-lockout-threshold=3 userpass",
    "POST /v1/sys/auth/userpass",
    {
      type: "userpass",
      config: { token_type: "batch", user_lockout_config: { lockout_threshold: 3 } },
      local: true,
      seal_wrap: true,
    },
  ],
  [
    "auth tune -user-lockout-duration=5m -user-lockout-counter-reset-duration=1m -user-lockout-disable=true people",
    "POST /v1/sys/auth/people/tune",
    {
      user_lockout_config: {
        lockout_duration: "5m",
        lockout_counter_reset_duration: "1m",
        lockout_disable: "true",
      },
    },
  ],
  ["auth move a b", "POST /v1/sys/remount", { from: "auth/a/", to: "auth/b/" }],
  ["secrets enable -path=team -version=2 kv", "POST /v1/sys/mounts/team", { type: "kv", options: { version: "2" } }],
  [
    "secrets enable -force-no-cache -options=version=1 -max-lease-ttl=2h kv",
    "POST /v1/sys/mounts/kv",
    { type: "kv", config: { max_lease_ttl: "2h", force_no_cache: true }, options: { version: "1" } },
  ],
  ["secrets disable team", "DELETE /v1/sys/mounts/team"],
  ["secrets tune -default-lease-ttl=1h team", "POST /v1/sys/mounts/team/tune", { default_lease_ttl: "1h" }],
  ["secrets move a/ b/", "POST /v1/sys/remount", { from: "a/", to: "b/" }],
  ["kv enable-versioning team/", "POST /v1/sys/mounts/team/tune", { options: { version: "2" } }],
  ["policy delete app", "DELETE /v1/sys/policies/acl/app"],
  [
    "token create -policy=a -policy=b,c -ttl=1h -use-limit=3 -orphan -metadata=k=v=w",
    "POST /v1/auth/token/create",
    { policies: ["a", "b", "c"], ttl: "1h", num_uses: 3, meta: { k: "v=w" }, no_parent: true },
  ],
  ["token create -role=ci", "POST /v1/auth/token/create/ci", {}],
  ["token renew -increment=2h", "POST /v1/auth/token/renew-self", { increment: "2h" }],
  ["token renew -i=2h t", "POST /v1/auth/token/renew", { token: "t", increment: "2h" }],
  ["token lookup -accessor acc", "POST /v1/auth/token/lookup-accessor", { accessor: "acc" }],
  ["token renew -accessor acc", "POST /v1/auth/token/renew-accessor", { accessor: "acc" }],
  ["token revoke -self", "PUT /v1/auth/token/revoke-self", {}],
  ["token revoke -accessor acc", "PUT /v1/auth/token/revoke-accessor", { accessor: "acc" }],
  ["token revoke -mode=orphan t", "PUT /v1/auth/token/revoke-orphan", { token: "t" }],
  ["token capabilities secret/data/a", "POST /v1/sys/capabilities-self", { paths: ["secret/data/a"] }],
  ["token capabilities t secret/data/a", "POST /v1/sys/capabilities", { token: "t", paths: ["secret/data/a"] }],
  ["lease lookup db/creds/a/1", "PUT /v1/sys/leases/lookup", { lease_id: "db/creds/a/1" }],
  ["lease renew -increment=1h l", "PUT /v1/sys/leases/renew", { lease_id: "l", increment: "1h" }],
  ["lease renew -i 1h l", "PUT /v1/sys/leases/renew", { lease_id: "l", increment: "1h" }],
  ["lease revoke l", "PUT /v1/sys/leases/revoke", { lease_id: "l" }],
  ["lease revoke -prefix db/", "PUT /v1/sys/leases/revoke-prefix/db", {}],
  ["lease revoke -force -prefix db/", "PUT /v1/sys/leases/revoke-force/db", {}],
  ["audit enable file file_path=/tmp/a", "PUT /v1/sys/audit/file", { type: "file", options: { file_path: "/tmp/a" } }],
  [
    "audit enable -path=siem -description=d -local socket address=h:1",
    "PUT /v1/sys/audit/siem",
    { type: "socket", options: { address: "h:1" }, description: "d", local: true },
  ],
  ["audit disable file/", "DELETE /v1/sys/audit/file"],
  ["read /db/x/", "GET /v1/db/x"],
  ["write /db/x/ a=1", "PUT /v1/db/x", { a: "1" }],
  ["patch /db/x/ a=1", "PATCH /v1/db/x", { a: "1" }],
  ["list /db/x/", "GET /v1/db/x?list=true"],
  ["path-help /db/x/", "GET /v1/db/x?help=1"],
  ["delete db/x a=1 b=2", "DELETE /v1/db/x?a=1&b=2"],
  ["write -f sys/step-down", "PUT /v1/sys/step-down", {}],
  ["patch secret/data/a data=1", "PATCH /v1/secret/data/a", { data: "1" }],
  ["unwrap w", "PUT /v1/sys/wrapping/unwrap", {}],
  ["operator raft transfer-leader node-2", "PUT /v1/sys/storage/raft/transfer-leader", { server_id: "node-2" }],
  ["operator members", "GET /v1/sys/ha-status"],
  ["version-history", "GET /v1/sys/version-history?list=true"],
  ["operator raft promote node-2", "PUT /v1/sys/storage/raft/promote", { server_id: "node-2" }],
  [
    "operator raft autopilot set-config -min-quorum=5",
    "POST /v1/sys/storage/raft/autopilot/configuration",
    { min_quorum: "5" },
  ],
  [
    "operator rekey -init -n 4 -t 2",
    "PUT /v1/sys/rekey/init",
    { secret_shares: 4, secret_threshold: 2, require_verification: true },
  ],
  ["operator rekey -verify -nonce=ab share", "PUT /v1/sys/rekey/verify", { key: "share", nonce: "ab" }],
];

describe("a command", () => {
  for (const [line, request, body] of REQUESTS) {
    it(line, async () => {
      harness.routes = { [request.replace(/\?.*/, "")]: [200, { data: {} }] };
      const { code, err } = await harness.run(line.split(" "), { environment: { VAULT_TOKEN: "t" } });
      expect([code, err]).toEqual([0, ""]);
      const [seen] = harness.seen;
      expect(`${seen?.method} ${seen?.url}`).toBe(request);
      expect(seen?.body === "" ? undefined : JSON.parse(seen?.body ?? "null")).toEqual(body);
    });
  }

  it.each([
    ["delete secret/a", "DELETE /v1/secret/a"],
    ["kv delete team/a", "DELETE /v1/team/data/a"],
    ["kv undelete -versions=1 team/a", "PUT /v1/team/undelete/a"],
    ["kv destroy -versions=1 team/a", "PUT /v1/team/destroy/a"],
    ["kv metadata put -max-versions=2 team/a", "PUT /v1/team/metadata/a"],
    ["kv metadata patch -max-versions=2 team/a", "PATCH /v1/team/metadata/a"],
    ["kv enable-versioning team", "POST /v1/sys/mounts/team/tune"],
    ["operator raft remove-peer n", "POST /v1/sys/storage/raft/remove-peer"],
    ["operator raft autopilot set-config -min-quorum=5", "POST /v1/sys/storage/raft/autopilot/configuration"],
  ])("%s says that it is done to people alone, and does nothing where it could not say so", async (line, request) => {
    harness.routes = {
      "GET /v1/sys/internal/ui/mounts/team/a": [
        200,
        { data: { path: "team/", type: "kv", options: { version: "2" } } },
      ],
      [request]: [204],
    };
    expect((await harness.run(line.split(" "))).out).toMatch(/^Success! /);
    const environment = { VAULT_FORMAT: "json" };
    expect(await harness.run(line.split(" "), { environment })).toEqual({ code: 0, out: "", err: "" });
    harness.seen.length = 0;
    const { code } = await harness.run([...line.split(" "), "-format=xml"]);
    expect([code, harness.seen.filter(({ method }) => method !== "GET")]).toEqual([1, []]);
  });

  it("asks for a wrapped answer, and shows what comes back", async () => {
    const wrap = { token: "hvs.w", accessor: "a", ttl: 300, creation_time: "2030", creation_path: "secret/data/a" };
    harness.routes = { "GET /v1/secret/data/a": [200, { wrap_info: wrap }] };
    const { out } = await harness.run(["read", "-wrap-ttl=5m", "secret/data/a"]);
    expect(harness.seen[0]?.headers["x-vault-wrap-ttl"]).toBe("5m");
    expect(out).toMatch(/wrapping_token:? +hvs\.w/);
    expect(out).toMatch(/wrapping_token_ttl:? +5m0s/);
  });
});

describe("what is shown of the cluster", () => {
  it("is a row for each node, and for each version", async () => {
    const node = { hostname: "n1", api_address: "https://a:1", cluster_address: "https://a:2", active_node: true };
    const info = { timestamp_installed: "2030-01-02T03:04:05Z", build_date: "2029-01-01T00:00:00Z" };
    harness.routes = {
      "GET /v1/sys/ha-status": [200, { data: { nodes: [{ ...node, last_echo: null }] } }],
      "GET /v1/sys/version-history": [200, { data: { keys: ["0.1.0"], key_info: { "0.1.0": info } } }],
    };
    expect((await harness.run(["operator", "members"])).out).toMatch(
      /n1 +https:\/\/a:1 +https:\/\/a:2 +true +<nil>\n$/,
    );
    const listed = await harness.run(["list", "-detailed", "sys/version-history"]);
    expect(listed.out).toMatch(/^Keys +build_date +timestamp_installed\n/);
    expect(listed.out).toMatch(/0\.1\.0 +2029-01-01T00:00:00Z +2030-01-02T03:04:05Z\n$/);
    const json = await harness.run(["list", "-detailed", "-format=json", "sys/version-history"]);
    expect(JSON.parse(json.out)).toEqual({ data: { keys: ["0.1.0"], key_info: { "0.1.0": info } } });
    expect((await harness.run(["version-history"])).out).toMatch(
      /0\.1\.0 +2030-01-02T03:04:05Z +2029-01-01T00:00:00Z\n$/,
    );
  });
});

describe("kv", () => {
  it("has the secret wrapped, and not what it asks for itself", async () => {
    const wrap = { token: "hvs.w", accessor: "a", ttl: 300, creation_time: "2030", creation_path: "secret/data/a" };
    harness.routes = {
      "GET /v1/sys/internal/ui/mounts/secret/a": [
        200,
        { data: { path: "secret/", type: "kv", options: { version: "2" } } },
      ],
      "GET /v1/secret/data/a": [200, { wrap_info: wrap }],
    };
    const { out } = await harness.run(["kv", "get", "-wrap-ttl=5m", "-field=wrapping_token", "secret/a"]);
    expect(out).toBe("hvs.w");
    expect(harness.seen.map(({ headers }) => headers["x-vault-wrap-ttl"])).toEqual([undefined, "5m"]);
  });
});

describe("token revoke", () => {
  it.each([
    "-self -mode=orphan",
    "-self -accessor",
    "-self t",
    "-accessor -mode=orphan a",
    "-accessor -mode=path a",
    "-mode=banana t",
    "-accessor",
    "",
  ])("refuses %j, which cannot be undone, before it asks anything", async (given) => {
    const { code } = await harness.run(["token", "revoke", ...given.split(" ").filter((word) => word !== "")]);
    expect([code, harness.seen]).toEqual([1, []]);
  });
});

describe("login", () => {
  const login = (args: readonly string[], options: object = {}) =>
    harness.run(["login", ...args], { environment: { HOME: home, VAULT_TOKEN: "" }, ...options });
  const tokenFile = (): string => readFileSync(join(home, ".vault-token"), "utf8");

  it("keeps the token for its owner alone, and later commands use it", async () => {
    harness.routes = {
      "POST /v1/auth/userpass/login/alice": [200, AUTH],
      "GET /v1/auth/token/lookup-self": [200, { data: { accessor: "acc" } }],
    };
    const { out, code } = await login(["-method=userpass", "username=alice"], { typed: "secret" });
    expect(code).toBe(0);
    expect(out).toMatch(/token_meta_username +alice/);
    expect(JSON.parse(harness.seen[0]?.body ?? "")).toEqual({ password: "secret" });
    expect(tokenFile()).toBe("hvs.new");
    expect(statSync(join(home, ".vault-token")).mode & 0o777).toBe(0o600);
    await harness.run(["token", "lookup"], { environment: { HOME: home, VAULT_TOKEN: "" } });
    expect(harness.seen[1]?.headers["x-vault-token"]).toBe("hvs.new");
    expect((await harness.run(["print", "token"], { environment: { HOME: home, VAULT_TOKEN: "" } })).out).toBe(
      "hvs.new\n",
    );
  });

  it("takes a token only if the server knows it, and leaves the old one otherwise", async () => {
    writeFileSync(join(home, ".vault-token"), "old");
    harness.routes = { "GET /v1/auth/token/lookup-self": [403, { errors: ["permission denied"] }] };
    expect((await login(["-"], { input: "wrong\n" })).code).toBe(2);
    expect(tokenFile()).toBe("old");
    harness.routes = {
      "GET /v1/auth/token/lookup-self": [200, { data: { accessor: "a", ttl: 0, policies: ["root"] } }],
    };
    expect((await login(["-"], { input: "right\n" })).code).toBe(0);
    expect(tokenFile()).toBe("right");
  });

  it("shows the token and keeps it nowhere when told so, and knows its methods", async () => {
    harness.routes = { "POST /v1/auth/ci/login": [200, AUTH] };
    const approle = ["-method=approle", "-path=ci", "role_id=r", "secret_id=-"];
    const { out } = await login(["-token-only", ...approle], { input: "s" });
    expect(out).toBe("hvs.new");
    expect(JSON.parse(harness.seen[0]?.body ?? "")).toEqual({ role_id: "r", secret_id: "s" });
    expect(() => tokenFile()).toThrow();
    expect((await login(["-method=magic"])).err).toContain("token, userpass, approle");
  });

  it("takes a token by its name, too, and asks for nothing when told so", async () => {
    harness.routes = { "GET /v1/auth/token/lookup-self": [200, { data: { accessor: "a", policies: ["root"] } }] };
    expect((await login(["token=hvs.named"])).code).toBe(0);
    expect(tokenFile()).toBe("hvs.named");
    const { code, err } = await login(["-non-interactive"], { typed: "never" });
    expect([code, err]).toEqual([
      1,
      "-non-interactive was given, and this would be asked for: Token (will be hidden)\n",
    ]);
  });
});

describe("policy", () => {
  it("is checked and formatted in its file, which stays as it is when it is wrong", async () => {
    const file = join(home, "app.hcl");
    writeFileSync(file, 'path   "secret/*" {capabilities=["read"]}');
    expect((await harness.run(["policy", "fmt", file])).code).toBe(0);
    expect(readFileSync(file, "utf8")).toMatch(/^path "secret\/\*" \{\n {2}capabilities = \["read"\]\n\}\n$/);
    writeFileSync(file, 'path "secret/*" { capabilites = ["read"] }');
    const { code, err } = await harness.run(["policy", "fmt", file]);
    expect(code).toBe(1);
    expect(err).toMatch(/1:\d+|line 1/);
    expect(readFileSync(file, "utf8")).toContain("capabilites");
  });

  it("is formatted where a link leads, and never in the place of what is no regular file", async () => {
    const text = 'path   "secret/*" {capabilities=["read"]}';
    const file = join(home, "app.hcl");
    const link = join(home, "link.hcl");
    const pipe = join(home, "pipe.hcl");
    writeFileSync(file, text);
    symlinkSync(file, link);
    expect((await harness.run(["policy", "fmt", link])).code).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, "utf8")).toContain('path "secret/*" {');

    execFileSync("mkfifo", [pipe]);
    const writer = spawn("sh", ["-c", 'printf %s "$0" > "$1"', text, pipe], { stdio: "ignore" });
    const { code, err } = await harness.run(["policy", "fmt", pipe]);
    expect([code, err]).toEqual([1, expect.stringContaining("not a regular file")]);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    writer.kill();
  });

  it("is written from a file or from standard input, and read as it was written", async () => {
    harness.routes = {
      "PUT /v1/sys/policies/acl/app": [204],
      "GET /v1/sys/policies/acl/app": [200, { data: { name: "app", policy: 'path "a" {}\n' } }],
    };
    expect((await harness.run(["policy", "write", "app", "-"], { input: 'path "a" {}' })).out).toContain("Uploaded");
    expect(JSON.parse(harness.seen[0]?.body ?? "")).toEqual({ policy: 'path "a" {}' });
    expect((await harness.run(["policy", "read", "app"])).out).toBe('path "a" {}\n');
  });

  it("explains, and says by its exit code whether it may", async () => {
    const data = {
      path: "secret/data/a",
      operation: "read",
      allowed: false,
      explanation: "No rule matches.",
      rules: [],
      overruled: [{ policy: "app", path: "secret/*", line: 3, column: 1, because: "a longer rule" }],
      suggestion: 'path "secret/data/a" {}',
      hints: [],
    };
    harness.routes = { "POST /v1/sys/policies/explain": [200, { data }] };
    const { code, out } = await harness.run(["policy", "explain", "secret/data/a"]);
    expect(code).toBe(2);
    expect(out).toMatch(/^Denied: read secret\/data\/a/);
    expect(out).toMatch(/secret\/\* +app +3:1 +a longer rule/);
    expect(out).toContain('path "secret/data/a" {}');
  });
});

describe("kv without versions", () => {
  beforeEach(() => {
    harness.routes = {
      "GET /v1/sys/internal/ui/mounts/team/a": [200, { data: { path: "team/", type: "kv", options: null } }],
      "PUT /v1/team/a": [204],
      "GET /v1/team/a": [200, { data: { v: "1" } }],
      "DELETE /v1/team/a": [204],
    };
  });

  it("is put, got and deleted as it is, and has no versions to name", async () => {
    expect((await harness.run(["kv", "put", "team/a", "v=1"])).code).toBe(0);
    expect(JSON.parse(harness.seen[1]?.body ?? "")).toEqual({ v: "1" });
    expect((await harness.run(["kv", "get", "-field=v", "team/a"])).out).toBe("1");
    expect((await harness.run(["kv", "delete", "team/a"])).code).toBe(0);
    for (const line of [
      "get -version=2 team/a",
      "put -cas=1 team/a v=1",
      "delete -versions=1 team/a",
      "undelete -versions=1 team/a",
    ]) {
      expect((await harness.run(["kv", ...line.split(" ")])).err).toContain("no versions");
    }
  });
});
