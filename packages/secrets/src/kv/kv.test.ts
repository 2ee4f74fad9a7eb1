/** The rules of Vault's kv version 2, one by one, as its API and its clients know them. */
import { describe, expect, it } from "vitest";
import { KvMount, START_MS } from "./testing/kv-mount.ts";

const NOON = "2030-01-01T12:00:00Z";

/** What is told of a version made at noon. */
function version(number: number, more: object = {}): object {
  return { created_time: NOON, custom_metadata: null, deletion_time: "", destroyed: false, version: number, ...more };
}

async function mountWith(...requests: readonly (readonly [string, unknown?])[]): Promise<KvMount> {
  const mount = new KvMount();
  for (const [request, body] of requests) {
    const { status, error } = await mount.ask(request, body);
    expect(status, `${request}: ${error}`).toBeLessThan(300);
  }
  return mount;
}

const PUT_ONE = ["POST data/foo", { data: { a: 1 } }] as const;
const PUT_TWO = ["POST data/foo", { data: { a: 2 } }] as const;

describe("config", () => {
  it("begins with Vault's defaults", async () => {
    expect(await new KvMount().ask("GET config")).toEqual({
      status: 200,
      text: '{"cas_required":false,"delete_version_after":"0s","max_versions":0}',
      warnings: [],
    });
  });

  it("changes what is given and keeps the rest", async () => {
    const mount = await mountWith(["POST config", { max_versions: 5, delete_version_after: "3h25m19s" }]);
    expect(await mount.ask("POST config", { cas_required: "true" })).toMatchObject({ status: 204 });
    expect(await mount.data("GET config")).toEqual({
      cas_required: true,
      delete_version_after: "3h25m19s",
      max_versions: 5,
    });
  });

  it("shows a negative delete_version_after as disabled, and zero clears it", async () => {
    const mount = await mountWith(["POST config", { delete_version_after: "-3h" }]);
    expect(await mount.data("GET config")).toMatchObject({ delete_version_after: "-1s" });
    await mount.ask("POST config", { delete_version_after: 0 });
    expect(await mount.data("GET config")).toMatchObject({ delete_version_after: "0s" });
  });

  it("does nothing when nothing is recognised, and says so", async () => {
    const mount = new KvMount();
    expect(await mount.ask("POST config", {})).toMatchObject({ status: 204 });
    expect(await mount.ask("POST config", { max_version: 3 })).toMatchObject({
      status: 200,
      warnings: ["Endpoint ignored these unrecognized parameters: [max_version]"],
    });
    expect(mount.storage.rows.size).toBe(0);
  });

  it.each([{ max_versions: -1 }, { max_versions: 4001 }, { max_versions: "many" }, { cas_required: "maybe" }])(
    "refuses %j",
    async (body) => {
      expect(await new KvMount().ask("POST config", body)).toMatchObject({ status: 400 });
    },
  );
});

describe("writing data", () => {
  it("answers with the version's metadata", async () => {
    const mount = new KvMount();
    expect(await mount.ask("POST data/foo", { data: { a: 1 } })).toEqual({
      status: 200,
      text: `{"created_time":"${NOON}","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}`,
      warnings: [],
    });
    expect(await mount.data("PUT data/foo", { data: {} })).toEqual(version(2));
  });

  it.each([
    ["POST data/foo", {}, "no data provided"],
    ["POST data/foo", undefined, "no data provided"],
    ["POST data/foo", { data: null }, "no data provided"],
    ["PATCH data/foo", { options: {} }, "no data provided"],
    ["POST data/", { data: {} }, "missing path"],
    ["POST data/foo", { data: "x" }, 'error converting input for field "data": expected a JSON object'],
    ["POST data/foo", { data: [] }, 'error converting input for field "data": expected a JSON object'],
    ["POST data/foo", { data: {}, options: { cas: "x" } }, "error parsing check-and-set parameter"],
    ["POST data/foo", { data: {}, options: { cas: null } }, "error parsing check-and-set parameter"],
    ["POST data/foo", { data: {}, options: { cas: 1.5 } }, "error parsing check-and-set parameter"],
    ["POST data/foo", { data: {}, options: { cas: "" } }, "error parsing check-and-set parameter"],
    ["POST data/foo", { data: {}, options: { cas: 1 } }, "check-and-set parameter did not match the current version"],
  ])("%s %j is a 400", async (request, body, error) => {
    const mount = new KvMount();
    expect(await mount.ask(request, body)).toEqual({ status: 400, text: "", warnings: [], error });
    expect(mount.storage.rows.size).toBe(0);
  });

  it("refuses a version that no row could hold, with 413", async () => {
    const mount = new KvMount();
    expect(await mount.ask("POST data/foo", { data: { a: "x".repeat(1_032_192) } })).toMatchObject({ status: 413 });
    expect(await mount.ask("POST data/foo", { data: { a: "x".repeat(1_032_184) } })).toMatchObject({ status: 200 });
  });

  it("refuses keys too long or too deep to store", async () => {
    const mount = new KvMount();
    const ask = async (key: string) => (await mount.ask(`POST data/${key}`, { data: {} })).status;
    expect(await ask("é".repeat(2032))).toBe(200);
    expect(await ask("é".repeat(2033))).toBe(400);
    expect(await ask(Array.from({ length: 62 }, () => "a").join("/"))).toBe(200);
    expect(await ask(Array.from({ length: 63 }, () => "a").join("/"))).toBe(400);
  });

  it("keeps a and a/b apart, and versions from keys that look like them", async () => {
    const mount = await mountWith(
      ["POST data/a", { data: { is: "a" } }],
      ["POST data/a/1", { data: { is: "a/1" } }],
      ["POST data/a/1/1", { data: { is: "a/1/1" } }],
      ["DELETE metadata/a/1"],
    );
    expect(await mount.data("GET data/a")).toMatchObject({ data: { is: "a" } });
    expect(await mount.data("GET data/a/1/1")).toMatchObject({ data: { is: "a/1/1" } });
    expect(await mount.ask("GET data/a/1")).toMatchObject({ status: 404 });
  });
});

describe("check-and-set", () => {
  const cas = (number: unknown) => ["POST data/foo", { options: { cas: number }, data: {} }] as const;

  it("takes 0 for a secret that has no versions, and only then", async () => {
    const mount = await mountWith(["POST metadata/foo", {}], cas(0));
    expect(await mount.ask(...cas(0))).toMatchObject({ status: 400 });
    expect(await mount.ask(...cas("1"))).toMatchObject({ status: 200 });
    expect(await mount.ask(...cas(2))).toMatchObject({ status: 200 });
  });

  it("counts a deleted or destroyed current version", async () => {
    const mount = await mountWith([...PUT_ONE], ["DELETE data/foo"]);
    expect(await mount.ask(...cas(0))).toMatchObject({ status: 400 });
    expect(await mount.ask(...cas(1))).toMatchObject({ status: 200 });
    await mount.ask("POST destroy/foo", { versions: [2] });
    expect(await mount.ask(...cas(2))).toMatchObject({ status: 200 });
  });

  it.each([
    ["the mount", "POST config"],
    ["the key", "POST metadata/foo"],
  ])("is demanded where %s requires it", async (_who, request) => {
    const mount = await mountWith([request, { cas_required: true }]);
    expect(await mount.ask(...PUT_ONE)).toMatchObject({
      status: 400,
      error: "check-and-set parameter required for this call",
    });
    expect(await mount.ask(...cas(0))).toMatchObject({ status: 200 });
    expect(await mount.ask("PATCH data/foo", { data: {} })).toMatchObject({
      status: 400,
      error: "check-and-set parameter required for this call",
    });
    expect(await mount.ask("PATCH data/foo", { options: { cas: 1 }, data: {} })).toMatchObject({ status: 200 });
  });
});

describe("versions", () => {
  it("keeps ten by default and drops the data of older ones", async () => {
    const mount = new KvMount();
    for (let i = 1; i <= 12; i++) await mount.ask("POST data/foo", { data: { i } });
    expect(await mount.data("GET metadata/foo")).toMatchObject({ current_version: 12, oldest_version: 3 });
    expect(await mount.ask("GET data/foo", undefined, { version: "2" })).toMatchObject({ status: 404, text: "" });
    expect(await mount.data("GET data/foo", undefined, { version: "3" })).toMatchObject({ data: { i: 3 } });
    expect([...mount.storage.rows.keys()].filter((path) => path.startsWith("versions/foo/"))).toHaveLength(10);
  });

  it("counts oldest_version from 0 until it drops one, as Vault does", async () => {
    const mount = await mountWith(["POST metadata/foo", { max_versions: 2 }], [...PUT_ONE]);
    const oldest = async () => (await mount.data("GET metadata/foo")) as { oldest_version: number };
    expect((await oldest()).oldest_version).toBe(0);
    await mount.ask(...PUT_ONE);
    expect((await oldest()).oldest_version).toBe(1);
    await mount.ask(...PUT_ONE);
    expect((await oldest()).oldest_version).toBe(2);
  });

  it.each([
    [3, 0, 3],
    [0, 2, 2],
    [5, 2, 5],
    [2, 4, 4],
  ])("with %i of the mount and %i of the key keeps the greater", async (ofMount, ofKey, kept) => {
    const mount = await mountWith(
      ["POST config", { max_versions: ofMount }],
      ["POST metadata/foo", { max_versions: ofKey }],
    );
    for (let i = 1; i <= 8; i++) await mount.ask(...PUT_ONE);
    const { versions } = (await mount.data("GET metadata/foo")) as { versions: object };
    expect(Object.keys(versions)).toHaveLength(kept);
  });

  it("drops at the next write what a lowered setting no longer keeps", async () => {
    const mount = new KvMount();
    for (let i = 1; i <= 8; i++) await mount.ask(...PUT_ONE);
    await mount.ask("POST config", { max_versions: 2 });
    expect(await mount.ask("GET data/foo", undefined, { version: "1" })).toMatchObject({ status: 200 });
    await mount.ask(...PUT_ONE);
    expect(await mount.data("GET metadata/foo")).toMatchObject({ current_version: 9, oldest_version: 8 });
    expect([...mount.storage.rows.keys()].sort()).toEqual([
      "config",
      "metadata/foo",
      "versions/foo/8",
      "versions/foo/9",
    ]);
  });
});

describe("delete_version_after", () => {
  it.each([
    ["1h", "0s", "2030-01-01T13:00:00Z"],
    ["0s", "2h", "2030-01-01T14:00:00Z"],
    ["1h", "2h", "2030-01-01T13:00:00Z"],
    ["2h", "1h", "2030-01-01T13:00:00Z"],
    ["-1s", "1h", ""],
    ["0s", "0s", ""],
  ])("with %s of the mount and %s of the key deletes at %j", async (ofMount, ofKey, deletionTime) => {
    const mount = await mountWith(
      ["POST config", { delete_version_after: ofMount }],
      ["POST metadata/foo", { delete_version_after: ofKey }],
    );
    expect(await mount.data(...PUT_ONE)).toEqual(version(1, { deletion_time: deletionTime }));
  });

  it("reads normally until its time, is a 404 with metadata from then on, and undelete begins the time again", async () => {
    const mount = await mountWith(["POST config", { delete_version_after: "1h" }], [...PUT_ONE]);
    mount.nowMs = START_MS + 3_599_999;
    expect(await mount.ask("GET data/foo")).toMatchObject({ status: 200 });
    mount.nowMs++;
    expect(await mount.ask("GET data/foo")).toMatchObject({
      status: 404,
      text: expect.stringContaining('"data":null'),
    });
    await mount.ask("POST undelete/foo", { versions: [1] });
    expect(await mount.data("GET data/foo")).toMatchObject({ metadata: { deletion_time: "2030-01-01T14:00:00Z" } });
  });

  it("of a key is not negative", async () => {
    expect(await new KvMount().ask("POST metadata/foo", { delete_version_after: "-1s" })).toMatchObject({
      status: 400,
    });
  });
});

describe("reading data", () => {
  it("answers with data and metadata", async () => {
    const mount = await mountWith([...PUT_ONE], [...PUT_TWO]);
    expect(await mount.data("GET data/foo")).toEqual({ data: { a: 2 }, metadata: version(2) });
    expect(await mount.data("GET data/foo", undefined, { version: "0" })).toMatchObject({ data: { a: 2 } });
    expect(await mount.data("GET data/foo", undefined, { version: "1" })).toEqual({
      data: { a: 1 },
      metadata: version(1),
    });
  });

  it.each(["GET data/foo", "GET subkeys/foo"])("%s of what was never there is a bare 404", async (request) => {
    const nothing = { status: 404, text: "", warnings: [] };
    expect(await new KvMount().ask(request)).toEqual(nothing);
    const mount = await mountWith(["POST metadata/foo", {}]);
    expect(await mount.ask(request)).toEqual(nothing);
    await mount.ask(...PUT_ONE);
    expect(await mount.ask(request, undefined, { version: "2" })).toEqual(nothing);
  });

  it("of a deleted version is a 404 with its metadata", async () => {
    const mount = await mountWith([...PUT_ONE], ["DELETE data/foo"]);
    const answer = await mount.ask("GET data/foo");
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toEqual({ data: null, metadata: version(1, { deletion_time: NOON }) });
  });

  it("of a destroyed version is a 404 with its metadata", async () => {
    const mount = await mountWith([...PUT_ONE], ["POST destroy/foo", { versions: [1] }]);
    const answer = await mount.ask("GET data/foo");
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toEqual({ data: null, metadata: version(1, { destroyed: true }) });
  });

  it.each(["-1", "", "x", "1.0", "0x1"])("refuses version=%j", async (number) => {
    const mount = await mountWith([...PUT_ONE]);
    expect(await mount.ask("GET data/foo", undefined, { version: number })).toMatchObject({ status: 400 });
  });

  it("is no listing", async () => {
    expect(await new KvMount().ask("LIST data/")).toMatchObject({ status: 405 });
  });
});

describe("patching data", () => {
  it("makes a new version of the current one and the patch", async () => {
    const mount = await mountWith(["POST data/foo", '{"data":{"big":9007199254740993,"o":{"x":1.10,"y":2}}}']);
    expect(await mount.data("PATCH data/foo", '{"data":{"o":{"y":null,"z":3}}}')).toEqual(version(2));
    expect((await mount.ask("GET data/foo")).text).toContain('"data":{"big":9007199254740993,"o":{"x":1.10,"z":3}}');
    expect(await mount.data("GET data/foo", undefined, { version: "1" })).toMatchObject({ data: { o: { y: 2 } } });
  });

  it("of what is not there is a bare 404", async () => {
    const mount = new KvMount();
    expect(await mount.ask("PATCH data/foo", { data: {} })).toEqual({ status: 404, text: "", warnings: [] });
    await mount.ask("POST metadata/foo", {});
    expect(await mount.ask("PATCH data/foo", { data: {} })).toEqual({ status: 404, text: "", warnings: [] });
  });

  it.each([
    ["deleted", "DELETE data/foo", undefined],
    ["destroyed", "POST destroy/foo", { versions: [1] }],
  ])("of a %s version is a 404 with its metadata", async (_state, request, body) => {
    const mount = await mountWith([...PUT_ONE], [request, body]);
    const answer = await mount.ask("PATCH data/foo", { data: { b: 1 } });
    expect(answer).toMatchObject({
      status: 404,
      text: expect.stringMatching(/^\{"data":null,"metadata":\{.*"version":1/),
    });
  });

  it("obeys cas", async () => {
    const mount = await mountWith([...PUT_ONE]);
    expect(await mount.ask("PATCH data/foo", { options: { cas: 2 }, data: {} })).toMatchObject({ status: 400 });
    expect(await mount.ask("PATCH data/foo", { options: { cas: 1 }, data: {} })).toMatchObject({ status: 200 });
  });
});

describe("delete, undelete, destroy", () => {
  it("DELETE is 204 whatever is there", async () => {
    const mount = new KvMount();
    expect(await mount.ask("DELETE data/foo")).toMatchObject({ status: 204 });
    await mount.ask(...PUT_ONE);
    await mount.ask("DELETE data/foo");
    mount.nowMs += 5000;
    expect(await mount.ask("DELETE data/foo")).toMatchObject({ status: 204 });
    expect(await mount.data("GET data/foo")).toMatchObject({ metadata: { deletion_time: NOON } });
  });

  it.each([
    ["delete", "No version number provided"],
    ["undelete", "No version number provided"],
    ["destroy", "no version number provided"],
  ])("POST %s wants versions", async (endpoint, error) => {
    for (const body of [{}, { versions: [] }, { versions: "" }, { versions: null }]) {
      expect(await new KvMount().ask(`POST ${endpoint}/foo`, body)).toMatchObject({ status: 400, error });
    }
    expect(await new KvMount().ask(`POST ${endpoint}/foo`, { versions: ["x"] })).toMatchObject({ status: 400 });
  });

  it.each([[[1, 2]], [["1", "2"]], ["1,2"]])("take versions as %j", async (versions) => {
    const mount = await mountWith([...PUT_ONE], [...PUT_TWO], ["POST delete/foo", { versions }]);
    expect(await mount.ask("GET data/foo", undefined, { version: "1" })).toMatchObject({ status: 404 });
    await mount.ask("POST undelete/foo", { versions });
    expect(await mount.data("GET data/foo", undefined, { version: "1" })).toMatchObject({ data: { a: 1 } });
    await mount.ask("POST destroy/foo", { versions });
    expect([...mount.storage.rows.keys()]).toEqual(["metadata/foo"]);
  });

  it("are 204 for secrets and versions that are not there", async () => {
    const mount = await mountWith([...PUT_ONE]);
    const before = new Map(mount.storage.rows);
    for (const endpoint of ["delete", "undelete", "destroy"]) {
      expect(await mount.ask(`POST ${endpoint}/bar`, { versions: [1] })).toMatchObject({ status: 204 });
      expect(await mount.ask(`POST ${endpoint}/foo`, { versions: [0, -1, 7] })).toMatchObject({ status: 204 });
    }
    expect(mount.storage.rows).toEqual(before);
  });

  it("cannot undelete what was destroyed, nor delete it anew", async () => {
    const mount = await mountWith([...PUT_ONE], ["POST destroy/foo", { versions: [1] }]);
    await mount.ask("POST undelete/foo", { versions: [1] });
    await mount.ask("POST delete/foo", { versions: [1] });
    expect(await mount.data("GET data/foo")).toEqual({ data: null, metadata: version(1, { destroyed: true }) });
  });
});

describe("subkeys", () => {
  const put = [
    "POST data/foo",
    '{"data":{"b":{"c":{"d":1,"e":[{"x":1}]}},"a":"s","__proto__":{"z":null},"o":{}}}',
  ] as const;

  it.each([
    [undefined, '{"b":{"c":{"d":null,"e":null}},"a":null,"__proto__":{"z":null},"o":{}}'],
    ["0", '{"b":{"c":{"d":null,"e":null}},"a":null,"__proto__":{"z":null},"o":{}}'],
    ["1", '{"b":null,"a":null,"__proto__":null,"o":null}'],
    ["2", '{"b":{"c":null},"a":null,"__proto__":{"z":null},"o":{}}'],
  ])("to depth %s", async (depth, shape) => {
    const mount = await mountWith([...put]);
    const { status, text } = await mount.ask("GET subkeys/foo", undefined, depth === undefined ? {} : { depth });
    expect([status, text.endsWith(`"subkeys":${shape}}`)]).toEqual([200, true]);
  });

  it("of a deleted version is a 404 with its metadata", async () => {
    const mount = await mountWith([...PUT_ONE], ["DELETE data/foo"]);
    const answer = await mount.ask("GET subkeys/foo");
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      404,
      { metadata: version(1, { deletion_time: NOON }), subkeys: null },
    ]);
  });

  it("refuses a negative depth", async () => {
    expect(await new KvMount().ask("GET subkeys/foo", undefined, { depth: "-1" })).toMatchObject({ status: 400 });
  });
});

describe("metadata", () => {
  it("reads as Vault's", async () => {
    const mount = await mountWith(
      ["POST metadata/foo", { custom_metadata: { foo: "abc" }, delete_version_after: "3h25m19s" }],
      [...PUT_ONE],
    );
    mount.nowMs += 1500;
    await mount.ask(...PUT_TWO);
    expect((await mount.ask("GET metadata/foo")).text).toBe(
      `{"cas_required":false,"created_time":"${NOON}","current_version":2,"custom_metadata":{"foo":"abc"},` +
        '"delete_version_after":"3h25m19s","max_versions":0,"oldest_version":0,"updated_time":"2030-01-01T12:00:01.5Z",' +
        `"versions":{"1":{"created_time":"${NOON}","deletion_time":"2030-01-01T15:25:19Z","destroyed":false},` +
        '"2":{"created_time":"2030-01-01T12:00:01.5Z","deletion_time":"2030-01-01T15:25:20.5Z","destroyed":false}}}',
    );
  });

  it("is made without a version by a write", async () => {
    const mount = await mountWith(["POST metadata/foo", {}]);
    expect(await mount.data("GET metadata/foo")).toMatchObject({
      current_version: 0,
      custom_metadata: null,
      versions: {},
    });
    expect(await new KvMount().ask("GET metadata/foo")).toMatchObject({ status: 404, text: "" });
  });

  it("keeps on a write what is not given, and replaces custom_metadata whole", async () => {
    const mount = await mountWith(
      ["POST metadata/foo", { max_versions: 3, custom_metadata: { a: "1", b: "2" } }],
      ["PUT metadata/foo", { custom_metadata: { c: "3" } }],
    );
    expect(await mount.data("GET metadata/foo")).toMatchObject({ max_versions: 3, custom_metadata: { c: "3" } });
  });

  it("shows custom metadata with every version", async () => {
    const mount = await mountWith(["POST metadata/foo", { custom_metadata: { a: "1" } }]);
    expect(await mount.data(...PUT_ONE)).toEqual(version(1, { custom_metadata: { a: "1" } }));
  });

  it("patches: null removes, what is not named stays", async () => {
    const mount = await mountWith(
      ["POST metadata/foo", { max_versions: 3, cas_required: true, custom_metadata: { a: "1", b: "2" } }],
      ["PATCH metadata/foo", { max_versions: null, custom_metadata: { a: null, c: "3" } }],
    );
    expect(await mount.data("GET metadata/foo")).toMatchObject({
      max_versions: 0,
      cas_required: true,
      custom_metadata: { b: "2", c: "3" },
    });
    await mount.ask("PATCH metadata/foo", { cas_required: null, custom_metadata: null });
    expect(await mount.data("GET metadata/foo")).toMatchObject({ cas_required: false, custom_metadata: null });
  });

  it("cannot be patched where there is none", async () => {
    expect(await new KvMount().ask("PATCH metadata/foo", {})).toMatchObject({ status: 404, text: "" });
  });

  it("goes with every version on DELETE, and the numbers begin anew", async () => {
    const mount = await mountWith([...PUT_ONE], [...PUT_TWO]);
    expect(await mount.ask("DELETE metadata/foo")).toMatchObject({ status: 204 });
    expect(mount.storage.rows.size).toBe(0);
    expect(await mount.ask("DELETE metadata/foo")).toMatchObject({ status: 204 });
    expect(await mount.data(...PUT_ONE)).toEqual(version(1));
  });

  it("warns when a key gives up a cas that the mount demands", async () => {
    const mount = await mountWith(["POST config", { cas_required: true }]);
    const warned = {
      status: 200,
      warnings: ['"cas_required" set to false, but is mandated by backend config. This value will be ignored.'],
    };
    expect(await mount.ask("POST metadata/foo", { cas_required: false })).toMatchObject(warned);
    expect(await mount.ask("PATCH metadata/foo", { cas_required: false })).toMatchObject(warned);
    expect(await mount.ask("POST metadata/foo", { cas_required: true })).toMatchObject({ status: 204 });
  });

  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, "v"]));
  it.each<[string, unknown, string | undefined]>([
    ["64 keys", many(64), undefined],
    ["65 keys", many(65), "payload must contain at most 64 keys, provided 65"],
    ["a key of 128 bytes", { ["é".repeat(64)]: "v" }, undefined],
    ["a key of 129 bytes", { ["k".repeat(129)]: "v" }, "but must be 0 < len(key) <= 128"],
    ["an empty key", { "": "v" }, 'length of key "" is 0 but must be 0 < len(key) <= 128'],
    ["a value of 512 bytes", { k: "v".repeat(512) }, undefined],
    [
      "a value of 513 bytes",
      { k: "v".repeat(513) },
      'length of value for key "k" is 513 but must be 0 < len(value) <= 512',
    ],
    ["an empty value", { k: "" }, 'length of value for key "k" is 0'],
    ["an unprintable key", { "a\tb": "v" }, "contains unprintable characters"],
    ["an unprintable value", { k: "a\u200b" }, 'value for key "k" contains unprintable characters'],
    ["a number", { k: 1 }, 'value for key "k" must be a string'],
    ["a list", ["k"], "it must be an object"],
    ["strange names", JSON.parse('{"__proto__":"x","constructor":"y"}'), undefined],
  ])("takes custom metadata with %s as Vault does", async (_name, custom, error) => {
    const mount = new KvMount();
    const answer = await mount.ask("POST metadata/foo", { custom_metadata: custom });
    expect(answer.status).toBe(error === undefined ? 204 : 400);
    if (error === undefined) expect(await mount.data("GET metadata/foo")).toHaveProperty("custom_metadata", custom);
    else expect(answer.error).toMatch(/^custom_metadata validation failed: /);
    expect(answer.error ?? "").toContain(error ?? "");
  });

  it("bounds what patches add up to", async () => {
    const mount = await mountWith(["POST metadata/foo", { custom_metadata: many(64) }]);
    expect(await mount.ask("PATCH metadata/foo", { custom_metadata: { more: "v" } })).toMatchObject({ status: 400 });
    expect(await mount.ask("PATCH metadata/foo", { custom_metadata: { more: "v", k0: null } })).toMatchObject({
      status: 204,
    });
  });
});

describe("listing", () => {
  it("gives names and folders in order", async () => {
    const mount = await mountWith(
      ["POST data/b", { data: {} }],
      ["POST data/a/x", { data: {} }],
      ["POST data/a", { data: {} }],
      ["POST metadata/c/y/z", {}],
    );
    expect(await mount.ask("LIST metadata/")).toEqual({
      status: 200,
      text: '{"keys":["a","a/","b","c/"]}',
      warnings: [],
    });
    expect(await mount.data("LIST metadata/c/")).toEqual({ keys: ["y/"] });
    expect(await mount.data("LIST metadata/", undefined, { after: "a", limit: "2" })).toEqual({ keys: ["a/", "b"] });
  });

  it("of nothing is a bare 404", async () => {
    expect(await new KvMount().ask("LIST metadata/")).toEqual({ status: 404, text: "", warnings: [] });
    const mount = await mountWith(["POST data/a", { data: {} }]);
    expect(await mount.ask("LIST metadata/a/")).toEqual({ status: 404, text: "", warnings: [] });
  });

  it("still shows a secret whose versions are all gone", async () => {
    const mount = await mountWith([...PUT_ONE], ["POST destroy/foo", { versions: [1] }]);
    expect(await mount.data("LIST metadata/")).toEqual({ keys: ["foo"] });
  });
});

describe("paths of version 1", () => {
  const advice = (command: string) =>
    "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. " +
    `If using the Vault CLI, use 'vault kv ${command}' for this operation.`;

  it.each([
    ["GET foo", "get"],
    ["POST foo/bar", "put"],
    ["PATCH foo", "patch"],
    ["DELETE foo", "delete"],
    ["LIST foo/", "list"],
    ["GET configs", "get"],
  ])("%s is a 404 with advice", async (request, command) => {
    expect(await new KvMount().ask(request, { any: 1 })).toEqual({
      status: 404,
      text: "",
      warnings: [advice(command)],
    });
  });

  it.each(["GET data", "POST metadata", "DELETE destroy", "GET undelete"])("%s names no secret", async (request) => {
    expect(await new KvMount().ask(request)).toEqual({
      status: 404,
      text: "",
      warnings: ["Non-listing operations on the root of a K/V v2 mount are not supported."],
    });
  });
});
