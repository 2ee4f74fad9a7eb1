import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Harness, type Routes, startHarness } from "./testing/harness.ts";

const MOUNT = { data: { path: "secret/", type: "kv", options: { version: "2" } } };
const VERSION = {
  created_time: "2026-01-02T03:04:05.678Z",
  custom_metadata: null,
  deletion_time: "",
  destroyed: false,
  version: 2,
};
const ROUTES: Routes = {
  "GET /v1/sys/internal/ui/mounts/secret/app": [200, MOUNT],
  "GET /v1/sys/internal/ui/mounts/secret/team/app": [200, MOUNT],
  "GET /v1/sys/internal/ui/mounts/secret/": [200, MOUNT],
  "GET /v1/secret/data/app": [200, '{"data":{"data":{"id":12345678901234567890,"name":"x"},"metadata":{"version":2}}}'],
  "PUT /v1/secret/data/app": [200, { data: VERSION }],
  "DELETE /v1/secret/data/app": [204],
  "PUT /v1/secret/delete/app": [204],
  "PUT /v1/secret/undelete/app": [204],
  "PUT /v1/secret/destroy/app": [204],
  "GET /v1/secret/metadata/": [200, { data: { keys: ["app", "team/"] } }],
  "GET /v1/secret/metadata/app": [
    200,
    {
      data: {
        current_version: 2,
        cas_required: false,
        versions: { 1: { created_time: "t", deletion_time: "", destroyed: true } },
      },
    },
  ],
  "PUT /v1/secret/metadata/app": [204],
  "PATCH /v1/secret/metadata/app": [204],
  "PATCH /v1/secret/data/app": [200, { data: VERSION }],
  "DELETE /v1/secret/metadata/app": [204],
};

let harness: Harness;
let directory: string;
beforeAll(async () => {
  harness = await startHarness();
  directory = mkdtempSync(join(tmpdir(), "strongroom-cli-"));
});
afterAll(async () => {
  await harness.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  harness.routes = ROUTES;
  harness.seen.length = 0;
});

const last = () => harness.seen.at(-1);
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

describe("kv get", () => {
  it("prints Vault's sections, numbers digit by digit", async () => {
    const { code, out } = await harness.run(["kv", "get", "secret/app"]);
    expect(code).toBe(0);
    expect(out).toBe(`== Secret Path ==
secret/data/app

====== Metadata ======
Key       Value
---       -----
version   2

====== Data ======
Key    Value
---    -----
id     12345678901234567890
name   x
`);
  });

  it("prints JSON and YAML without losing digits", async () => {
    expect((await harness.run(["kv", "get", "-format=json", "secret/app"])).out).toContain(
      '"id": 12345678901234567890',
    );
    expect((await harness.run(["kv", "get", "-format=yaml", "secret/app"])).out).toContain("id: 12345678901234567890");
  });

  it("prints one field, with a line end only for people", async () => {
    expect((await harness.run(["kv", "get", "-field=name", "secret/app"])).out).toBe("x");
    expect((await harness.run(["kv", "get", "-field", "name", "secret/app"], { interactive: true })).out).toBe("x\n");
    const { code, err } = await harness.run(["kv", "get", "-field=nothing", "secret/app"]);
    expect([code, err]).toEqual([1, 'Field "nothing" not present in the answer. It has: id, name.\n']);
  });

  it("asks for a version, below a mount that is named", async () => {
    expect((await harness.run(["kv", "get", "-mount=secret", "-version=1", "app"])).code).toBe(0);
    expect(last()?.url).toBe("/v1/secret/data/app?version=1");
  });

  it("exits 2 when there is nothing", async () => {
    const { code, err } = await harness.run(["kv", "get", "-mount=secret", "team/app"]);
    expect([code, err]).toEqual([2, "No value found at secret/data/team/app\n"]);
  });

  it("shows what is known of a deleted version, and exits 2", async () => {
    harness.routes = { ...ROUTES, "GET /v1/secret/data/app": [404, { data: { data: null, metadata: VERSION } }] };
    const { code, out } = await harness.run(["kv", "get", "secret/app"]);
    expect(code).toBe(2);
    expect(out).toContain("created_time");
    expect(out).not.toContain("= Data =");
  });

  it("says so when nothing is mounted there, or something else", async () => {
    expect((await harness.run(["kv", "get", "nowhere/app"])).err).toContain("No secrets engine is mounted");
    harness.routes = {
      "GET /v1/sys/internal/ui/mounts/secret/app": [200, { data: { path: "secret/", options: null } }],
    };
    expect(await harness.run(["kv", "get", "secret/app"])).toMatchObject({ code: 1 });
  });
});

describe("kv put", () => {
  it("takes key=value, files, and standard input", async () => {
    const path = file("value", "from a file\n");
    const { code, out, err } = await harness.run(["kv", "put", "secret/app", "a=1", `b=@${path}`, "c=-", "d=x=\\@y"], {
      input: "piped",
    });
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("== Secret Path ==\nsecret/data/app\n");
    expect(last()).toMatchObject({
      method: "PUT",
      url: "/v1/secret/data/app",
      body: '{"data":{"a":"1","b":"from a file\\n","c":"piped","d":"x=\\\\@y"}}',
    });
    expect(last()?.headers["x-vault-token"]).toBe("hvs.test");
  });

  it("passes a whole object on byte by byte, with cas", async () => {
    const path = file("data.json", '{ "n": 1.10,\n "big": 12345678901234567890 }');
    await harness.run(["kv", "put", "-cas=0", "secret/app", `@${path}`]);
    expect(last()?.body).toBe('{"data":{ "n": 1.10,\n "big": 12345678901234567890 },"options":{"cas":0}}');
    await harness.run(["kv", "put", "secret/app", "-"], { input: '{"a":1}' });
    expect(last()?.body).toBe('{"data":{"a":1}}');
  });

  it("warns on a terminal about values in the open, and only there", async () => {
    const typed = ["kv", "put", "secret/app", "password=hunter2"];
    expect((await harness.run(typed, { interactive: true })).err).toContain("shell's history");
    expect((await harness.run(typed)).err).toBe("");
    expect((await harness.run(["kv", "put", "secret/app", "password=-"], { interactive: true, input: "x" })).err).toBe(
      "",
    );
  });

  it.each([
    [["secret/app"], "Not enough arguments"],
    [["secret/app", "novalue"], "key=value"],
    [["secret/app", "=x"], "key=value"],
    [["secret/app", "@/nonexistent.json"], "/nonexistent.json"],
    [["-cas=first", "secret/app", "a=1"], "whole number"],
  ])("refuses %j before it asks the server", async (args, text) => {
    const { code, err } = await harness.run(["kv", "put", ...args]);
    expect(code).toBe(1);
    expect(err).toContain(text);
    expect(harness.seen).toEqual([]);
  });

  it.each(["[1]", "7", "{", "not json"])("refuses %j as an object", async (input) => {
    expect((await harness.run(["kv", "put", "secret/app", "-"], { input })).code).toBe(1);
    expect(harness.seen).toEqual([]);
  });
});

describe("kv list", () => {
  it("lists, in each format", async () => {
    expect((await harness.run(["kv", "list", "secret/"])).out).toBe("Keys\n----\napp\nteam/\n");
    expect(last()?.url).toBe("/v1/secret/metadata/?list=true");
    expect(JSON.parse((await harness.run(["kv", "list", "-format=json", "secret/"])).out)).toEqual(["app", "team/"]);
  });

  it("exits 2 when there is nothing", async () => {
    expect((await harness.run(["kv", "list", "-mount=secret", "team/app"])).code).toBe(2);
  });
});

describe("versions", () => {
  it.each([
    [["kv", "delete", "secret/app"], "DELETE /v1/secret/data/app", ""],
    [["kv", "delete", "-versions=1,2", "secret/app"], "PUT /v1/secret/delete/app", '{"versions":[1,2]}'],
    [
      ["kv", "undelete", "-versions=1", "-versions=3", "secret/app"],
      "PUT /v1/secret/undelete/app",
      '{"versions":[1,3]}',
    ],
    [["kv", "destroy", "-versions", "2", "secret/app"], "PUT /v1/secret/destroy/app", '{"versions":[2]}'],
    [["kv", "metadata", "delete", "secret/app"], "DELETE /v1/secret/metadata/app", ""],
  ])("%j", async (args, request, body) => {
    const { code, out } = await harness.run(args);
    expect([code, `${last()?.method} ${last()?.url}`, last()?.body]).toEqual([0, request, body]);
    expect(out).toContain("Success!");
  });

  it.each([
    ["kv", "undelete", "secret/app"],
    ["kv", "destroy", "-versions=x", "secret/app"],
    ["kv", "rollback", "secret/app"],
    ["kv", "rollback", "-version=0", "secret/app"],
  ])("%s %s without good versions is refused here", async (...args) => {
    expect((await harness.run(args)).code).toBe(1);
    expect(harness.seen.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  it("rolls back by writing the old data over the current version, digit by digit", async () => {
    expect((await harness.run(["kv", "rollback", "-version=1", "secret/app"])).code).toBe(0);
    expect(last()?.body).toBe('{"options":{"cas":2},"data":{"id":12345678901234567890,"name":"x"}}');
  });

  it("shows metadata with its versions", async () => {
    const { out } = await harness.run(["kv", "metadata", "get", "secret/app"]);
    expect(out).toContain("== Metadata Path ==\nsecret/metadata/app");
    expect(out).toContain("current_version   2");
    expect(out).toContain("====== Version 1 ======");
  });

  it("sets metadata", async () => {
    const flags = ["-max-versions=20", "-cas-required=true", "-delete-version-after=1h", "-custom-metadata=a=b=c"];
    expect((await harness.run(["kv", "metadata", "put", ...flags, "secret/app"])).code).toBe(0);
    expect(JSON.parse(last()?.body ?? "")).toEqual({
      max_versions: 20,
      cas_required: "true",
      delete_version_after: "1h",
      custom_metadata: { a: "b=c" },
    });
    expect((await harness.run(["kv", "metadata", "put", "-custom-metadata=x", "secret/app"])).code).toBe(1);
  });
});

describe("kv patch", () => {
  const patch = (...args: string[]) => harness.run(["kv", "patch", ...args]);

  it("has the server merge, and takes members away by null", async () => {
    expect((await patch("-cas=2", "-remove-data=old", "secret/app", "n=1")).out).toContain("secret/data/app");
    expect([last()?.method, last()?.headers["content-type"]]).toEqual(["PATCH", "application/merge-patch+json"]);
    expect(last()?.body).toBe('{"data":{"n":"1","old":null},"options":{"cas":2}}');
    await patch("-remove-data=old", "secret/app");
    expect(last()?.body).toBe('{"data":{"old":null}}');
  });

  it("reads and writes when told so, keeps big numbers, and loses to a write that came between", async () => {
    expect((await patch("-method=rw", "-remove-data=name", "secret/app", "n=1")).code).toBe(0);
    expect(harness.seen.map(({ method }) => method)).toEqual(["GET", "GET", "PUT"]);
    expect(last()?.body).toBe('{"data":{"id":12345678901234567890,"n":"1"},"options":{"cas":2}}');
  });

  it("refuses a method that it does not know, and a change of nothing", async () => {
    expect((await patch("-method=banana", "secret/app", "n=1")).code).toBe(1);
    expect((await patch("secret/app")).err).toContain("-remove-data");
    expect(harness.seen).toEqual([]);
  });
});

describe("kv metadata patch", () => {
  it("changes what is given, note by note", async () => {
    const line =
      "kv metadata patch -custom-metadata=owner=a -remove-custom-metadata=old -max-versions=3 -mount=secret app";
    const { out } = await harness.run(line.split(" "));
    expect(out).toBe("Success! Data written to: secret/metadata/app\n");
    expect([last()?.method, last()?.body]).toEqual([
      "PATCH",
      '{"max_versions":3,"custom_metadata":{"owner":"a","old":null}}',
    ]);
    expect((await harness.run(["kv", "metadata", "patch", "secret/app"])).code).toBe(1);
  });
});

describe("kv rollback", () => {
  it("has its answer wrapped, and not what it reads for itself", async () => {
    expect((await harness.run(["kv", "rollback", "-wrap-ttl=1m", "-version=1", "secret/app"])).code).toBe(0);
    expect(harness.seen.map(({ headers }) => headers["x-vault-wrap-ttl"])).toEqual([
      undefined,
      undefined,
      undefined,
      "1m",
    ]);
  });
});
