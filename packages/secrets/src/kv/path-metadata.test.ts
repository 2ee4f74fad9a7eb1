import { describe, expect, it } from "vitest";
import { KvMount, mountWith, NOON, PUT_ONE, PUT_TWO, versionReply } from "./testing/kv-mount.ts";

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
    expect(await mount.data(...PUT_ONE)).toEqual(versionReply(1, { custom_metadata: { a: "1" } }));
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
    expect(await mount.data(...PUT_ONE)).toEqual(versionReply(1));
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
